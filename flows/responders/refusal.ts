import type { Address, Mac } from '../../src/base/addresses.ts';
import { checksum } from './checksum.ts';
import { protocols, tcpFlags } from './packet.ts';
import type { Packet, TcpHeader } from './packet.ts';

/**
 * The answer to a packet that a rule rejects, as if its destination had sent it: a TCP reset, or "destination unreachable,
 * administratively prohibited" (RFC 1812 section 5.2.7.1: code 13; RFC 4443 section 3.1: type 1, code 1).
 *
 * Undefined where none may be sent (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e): to a reset, an ICMP error or a redirect, to a
 * fragment behind the first, and to what was sent to or from more than one.
 */
export function refusalOf(packet: Packet, ends: { readonly ethSource: Mac; readonly ethDestination: Mac }): Uint8Array | undefined {
  if (packet.fragment === 'later' || !isOneHost(packet.source) || !isOneHost(packet.destination)) return undefined;
  if ((packet.ethDestination / 0x100_0000_0000) & 1) return undefined;
  const { transport } = packet;
  const body = transport?.kind === 'tcp' ? resetOf(packet, transport) : unreachableOf(packet);
  return body && join(ethernet(ends, packet.source.family), body);
}

function isOneHost({ family, value }: Address): boolean {
  if (family === 4) return value >> 24n !== 0n && value >> 24n !== 127n && value < 0xe000_0000n;
  return value > 1n && value >> 120n !== 0xffn;
}

type Tcp = Extract<NonNullable<Packet['transport']>, { kind: 'tcp' }>;

/** RFC 9293 section 3.10.7.1: where the segment acknowledges, the reset takes its place in the sequence; else it acknowledges all of it. */
function resetOf(packet: Packet, { sourcePort, port, tcp }: Tcp): Uint8Array | undefined {
  if (tcp.flags & tcpFlags.rst) return undefined;
  const acknowledges = (tcp.flags & tcpFlags.ack) > 0;
  const segment = new Uint8Array(20);
  const view = new DataView(segment.buffer);
  view.setUint16(0, port);
  view.setUint16(2, sourcePort);
  view.setUint32(4, acknowledges ? tcp.acknowledgement : 0);
  view.setUint32(8, acknowledges ? 0 : endOf(tcp));
  view.setUint8(12, 5 << 4);
  view.setUint8(13, acknowledges ? tcpFlags.rst : tcpFlags.rst | tcpFlags.ack);
  view.setUint16(16, checksum(pseudoHeader(packet, segment.length, protocols.tcp), segment));
  return join(ipHeader(packet, segment.length, protocols.tcp), segment);
}

/** SYN and FIN take a place in the sequence each. */
const endOf = ({ sequence, payloadBytes, flags }: TcpHeader): number =>
  (sequence + payloadBytes + Number((flags & tcpFlags.syn) > 0) + Number((flags & tcpFlags.fin) > 0)) >>> 0;

/** RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4 c: as much of the packet as fits. */
const quotedBytesMax = { 4: 576 - 20 - 8, 6: 1280 - 40 - 8 } as const;

function unreachableOf(packet: Packet): Uint8Array | undefined {
  if (isIcmpError(packet)) return undefined;
  const { family } = packet.source;
  const quoted = packet.ip.subarray(0, quotedBytesMax[family]);
  const message = new Uint8Array(8 + quoted.length);
  const view = new DataView(message.buffer);
  message[0] = family === 4 ? 3 : 1;
  message[1] = family === 4 ? 13 : 1;
  message.set(quoted, 8);
  const protocol = family === 4 ? protocols.icmp : protocols.icmpv6;
  view.setUint16(2, family === 4 ? checksum(message) : checksum(pseudoHeader(packet, message.length, protocol), message));
  return join(ipHeader(packet, message.length, protocol), message);
}

/** Of ICMP only questions and answers are answered; what has no whole header might be an error. */
const icmpQueries: ReadonlySet<number> = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);
const icmpv6Redirect = 137;

function isIcmpError({ protocol, transport, source }: Packet): boolean {
  if (transport?.kind === 'icmp') return !icmpQueries.has(transport.type);
  if (transport?.kind === 'icmpv6') return transport.type < 128 || transport.type === icmpv6Redirect;
  return protocol === (source.family === 4 ? protocols.icmp : protocols.icmpv6);
}

function ethernet({ ethSource, ethDestination }: { readonly ethSource: Mac; readonly ethDestination: Mac }, family: 4 | 6): Uint8Array {
  const header = new Uint8Array(14);
  const view = new DataView(header.buffer);
  for (const [offset, mac] of [
    [0, ethDestination],
    [6, ethSource],
  ] as const) {
    view.setUint16(offset, Math.floor(mac / 0x1_0000_0000));
    view.setUint32(offset + 2, mac % 0x1_0000_0000);
  }
  view.setUint16(12, family === 4 ? 0x0800 : 0x86dd);
  return header;
}

const hopLimit = 64;

/** Back to where the packet came from. */
function ipHeader({ source, destination }: Packet, payloadBytes: number, protocol: number): Uint8Array {
  const header = new Uint8Array(source.family === 4 ? 20 : 40);
  const view = new DataView(header.buffer);
  if (source.family === 4) {
    view.setUint8(0, 0x45);
    view.setUint16(2, header.length + payloadBytes);
    // Whole, and not to be cut.
    view.setUint16(6, 0x4000);
    view.setUint8(8, hopLimit);
    view.setUint8(9, protocol);
    putAddress(view, 12, destination);
    putAddress(view, 16, source);
    view.setUint16(10, checksum(header));
  } else {
    view.setUint8(0, 0x60);
    view.setUint16(4, payloadBytes);
    view.setUint8(6, protocol);
    view.setUint8(7, hopLimit);
    putAddress(view, 8, destination);
    putAddress(view, 24, source);
  }
  return header;
}

function pseudoHeader({ source, destination }: Packet, bytes: number, protocol: number): Uint8Array {
  const addressBytes = source.family === 4 ? 4 : 16;
  const header = new Uint8Array(addressBytes * 2 + 8);
  const view = new DataView(header.buffer);
  putAddress(view, 0, destination);
  putAddress(view, addressBytes, source);
  view.setUint32(addressBytes * 2, bytes);
  view.setUint32(addressBytes * 2 + 4, protocol);
  return header;
}

function putAddress(view: DataView, offset: number, { family, value }: Address): void {
  if (family === 4) view.setUint32(offset, Number(value));
  else for (let word = 0; word < 4; word++) view.setUint32(offset + word * 4, Number((value >> BigInt(96 - word * 32)) & 0xffff_ffffn));
}

function join(header: Uint8Array, body: Uint8Array): Uint8Array {
  const joined = new Uint8Array(header.length + body.length);
  joined.set(header);
  joined.set(body, header.length);
  return joined;
}
