import { parseAddress, parseMac } from '../../src/base/addresses.ts';

/** Packets of either family as frames, byte for byte: fragments, extension headers and errors that no socket sends as they are wanted. */
export interface PacketEnds {
  readonly ethSrc: string;
  readonly ethDst: string;
  readonly source: string;
  readonly destination: string;
}

export const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

const bytes = (value: bigint, length: number): Buffer => Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
const isIpv6 = ({ source }: PacketEnds): boolean => source.includes(':');
const addressBytes = (text: string): Buffer => bytes(parseAddress(text).value, text.includes(':') ? 16 : 4);

/** RFC 1071; an odd last byte counts as the high one. */
function checksum(...parts: readonly Buffer[]): number {
  const data = Buffer.concat(parts);
  let sum = 0;
  for (let offset = 0; offset + 1 < data.length; offset += 2) sum += data.readUInt16BE(offset);
  if (data.length % 2 === 1) sum += data.readUInt8(data.length - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function pseudoHeader(ends: PacketEnds, protocol: number, length: number): Buffer {
  const tail = isIpv6(ends)
    ? Buffer.concat([bytes(BigInt(length), 4), bytes(BigInt(protocol), 4)])
    : Buffer.from([0, protocol, length >> 8, length & 255]);
  return Buffer.concat([addressBytes(ends.source), addressBytes(ends.destination), tail]);
}

function summed(ends: PacketEnds, protocol: number, segment: Buffer, at: number): Buffer {
  segment.writeUInt16BE(checksum(pseudoHeader(ends, protocol, segment.length), segment) || 0xffff, at);
  return segment;
}

/** A UDP datagram, without its IP header. */
export function udpSegment(ends: PacketEnds, sourcePort: number, port: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  [sourcePort, port, header.length + payload.length].forEach((value, index) => header.writeUInt16BE(value, index * 2));
  return summed(ends, protocols.udp, Buffer.concat([header, payload]), 6);
}

/** The first segment of a TCP connection. */
export function synSegment(ends: PacketEnds, sourcePort: number, port: number): Buffer {
  const header = Buffer.from('0000000000000001000000005002ffff00000000', 'hex');
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(port, 2);
  return summed(ends, protocols.tcp, header, 16);
}

/** An IP packet without its Ethernet header. */
export function ipPacket(
  ends: PacketEnds,
  protocol: number,
  payload: Buffer,
  fragment?: { readonly id: number; readonly offset: number; readonly more: boolean },
): Buffer {
  const addresses = [addressBytes(ends.source), addressBytes(ends.destination)];
  if (isIpv6(ends)) {
    const head = Buffer.from('600000000000ff40'.replace('ff', protocol.toString(16).padStart(2, '0')), 'hex');
    head.writeUInt16BE(payload.length, 4);
    return Buffer.concat([head, ...addresses, payload]);
  }
  const header = Buffer.concat([Buffer.from('450000000000000040000000', 'hex'), ...addresses]);
  header.writeUInt16BE(header.length + payload.length, 2);
  if (fragment) {
    header.writeUInt16BE(fragment.id, 4);
    header.writeUInt16BE((fragment.more ? 0x2000 : 0) | (fragment.offset / 8), 6);
  }
  header.writeUInt8(protocol, 9);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

export function frameOf(ends: PacketEnds, packet: Buffer): Buffer {
  const macs = [ends.ethDst, ends.ethSrc].map((text) => bytes(BigInt(parseMac(text)), 6));
  return Buffer.concat([...macs, Buffer.from(isIpv6(ends) ? '86dd' : '0800', 'hex'), packet]);
}

/** The fragments of a datagram in order, each with `size` bytes of it (a multiple of 8). */
export function fragmentFrames(ends: PacketEnds, protocol: number, segment: Buffer, size: number, id: number): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let offset = 0; offset < segment.length; offset += size) {
    const part = segment.subarray(offset, offset + size);
    const more = offset + size < segment.length;
    const packet = isIpv6(ends)
      ? ipPacket(ends, 44, Buffer.concat([fragmentHeader(protocol, offset, more, id), part]))
      : ipPacket(ends, protocol, part, { id, offset, more });
    frames.push(frameOf(ends, packet));
  }
  return frames;
}

function fragmentHeader(next: number, offset: number, more: boolean, id: number): Buffer {
  const header = Buffer.from([next, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt16BE(offset | (more ? 1 : 0), 2);
  header.writeUInt32BE(id, 4);
  return header;
}

/** Headers of IPv6 that stand before what a packet carries, by number (IANA, IPv6 Extension Header Types, and one unassigned). */
const extensions: Readonly<Record<number, (next: number) => Buffer>> = {
  0: (next) => Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]),
  43: (next) => Buffer.from([next, 0, 253, 0, 0, 0, 0, 0]),
  44: (next) => fragmentHeader(next, 0, false, 77),
  51: (next) => Buffer.from([next, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, ...Array.from({ length: 12 }, () => 0)]),
  60: (next) => Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]),
};

/** A packet whose payload stands behind these headers, the outermost first. */
export function extendedFrame(ends: PacketEnds, headers: readonly number[], protocol: number, segment: Buffer): Buffer {
  let [next, payload] = [protocol, segment];
  for (const kind of headers.toReversed()) {
    const plain = (following: number): Buffer => Buffer.from([following, 0, 0, 0, 0, 0, 0, 0]);
    payload = Buffer.concat([(extensions[kind] ?? plain)(next), payload]);
    next = kind;
  }
  return frameOf(ends, ipPacket(ends, next, payload));
}

export type Complaint = 'port unreachable' | 'too big';

/** The ICMP error that `ends.source` sends about a packet of `ends.destination`'s. */
export function complaintFrame(ends: PacketEnds, about: Complaint, packet: Buffer): Buffer {
  const ipv6 = isIpv6(ends);
  const head = Buffer.alloc(8);
  if (about === 'port unreachable') head.set(ipv6 ? [1, 4] : [3, 3]);
  else {
    head.set(ipv6 ? [2, 0] : [3, 4]);
    head.writeUInt16BE(1300, 6);
  }
  const message = Buffer.concat([head, packet.subarray(0, 500)]);
  if (!ipv6) message.writeUInt16BE(checksum(message), 2);
  const protocol = ipv6 ? protocols.icmpv6 : protocols.icmp;
  return frameOf(ends, ipPacket(ends, protocol, ipv6 ? summed(ends, protocol, message, 2) : message));
}
