import type { Address, Mac } from '../../src/base/addresses.ts';
import { DecodeError } from '../../src/base/errors.ts';

/**
 * A frame that came up, as far as answers and records need it. It was sent by a guest and may have been cut on its way up, so that
 * nothing in it is believed: every read is bounded by the bytes that came, every length by what can be.
 */
export interface Packet {
  readonly ethSource: Mac;
  readonly ethDestination: Mac;
  readonly source: Address;
  readonly destination: Address;
  /** Of the transport: behind the extension headers of IPv6. */
  readonly protocol: number;
  /** Bytes of the IP packet, as its header says, however much of it came up. */
  readonly length: number;
  /** What came of the IP packet, without the padding behind it. */
  readonly ip: Uint8Array;
  /** Undefined: it is of another protocol, has no whole transport header, or is a fragment behind the first. */
  readonly transport: Transport | undefined;
  readonly fragment: 'none' | 'first' | 'later';
}

export type Transport =
  | { readonly kind: 'tcp'; readonly sourcePort: number; readonly port: number; readonly tcp: TcpHeader }
  | { readonly kind: 'udp' | 'sctp'; readonly sourcePort: number; readonly port: number }
  | { readonly kind: 'icmp' | 'icmpv6'; readonly type: number; readonly code: number };

export interface TcpHeader {
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  /** Bytes behind the header, as the lengths say. */
  readonly payloadBytes: number;
}

/** TCP flags (RFC 9293 section 3.1). */
export const tcpFlags = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

export const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

const ethernetBytes = 14;

/** Reads big-endian numbers of one byte string, and no further. */
class Bytes {
  readonly bytes: Uint8Array;
  readonly #base: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, base: number) {
    this.bytes = bytes;
    this.#base = base;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  need(bytes: number, what: string): void {
    if (this.bytes.length < bytes) throw new DecodeError('packet-truncated', this.#base + this.bytes.length, `${what} is cut off`);
  }

  u8(offset: number): number {
    this.need(offset + 1, 'a header');
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.need(offset + 2, 'a header');
    return this.#view.getUint16(offset);
  }

  u32(offset: number): number {
    this.need(offset + 4, 'a header');
    return this.#view.getUint32(offset);
  }

  u48(offset: number): number {
    return this.u16(offset) * 0x1_0000_0000 + this.u32(offset + 2);
  }

  u128(offset: number): bigint {
    let value = 0n;
    for (let at = offset; at < offset + 16; at += 4) value = (value << 32n) | BigInt(this.u32(at));
    return value;
  }

  refuse(offset: number, what: string): never {
    throw new DecodeError('packet-malformed', this.#base + offset, what);
  }
}

/** @throws DecodeError for what is no IP packet in an untagged Ethernet frame, and nothing else whatever the bytes */
export function readPacket(frame: Uint8Array): Packet {
  const ethernet = new Bytes(frame, 0);
  const ethDestination = ethernet.u48(0);
  const ethSource = ethernet.u48(6);
  const ethertype = ethernet.u16(12);
  const ip = new Bytes(frame.subarray(ethernetBytes), ethernetBytes);
  switch (ethertype) {
    case 0x0800:
      return { ethSource, ethDestination, ...readIpv4(ip) };
    case 0x86dd:
      return { ethSource, ethDestination, ...readIpv6(ip) };
    default:
      return ethernet.refuse(12, `ethertype ${ethertype} is not IP`);
  }
}

type IpPacket = Omit<Packet, 'ethSource' | 'ethDestination'>;

function readIpv4(ip: Bytes): IpPacket {
  const headerBytes = (ip.u8(0) & 15) * 4;
  const length = ip.u16(2);
  if (ip.u8(0) >> 4 !== 4 || headerBytes < 20 || length < headerBytes) ip.refuse(0, 'the IPv4 header contradicts itself');
  ip.need(headerBytes, 'the IPv4 header');
  const fragmentation = ip.u16(6);
  const offset = fragmentation & 0x1fff;
  const fragment = offset > 0 ? 'later' : (fragmentation & 0x2000) > 0 ? 'first' : 'none';
  const protocol = ip.u8(9);
  const own = ip.bytes.subarray(0, length);
  return {
    source: { family: 4, value: BigInt(ip.u32(12)) },
    destination: { family: 4, value: BigInt(ip.u32(16)) },
    protocol,
    length,
    ip: own,
    fragment,
    transport: fragment === 'later' ? undefined : readTransport(own.subarray(headerBytes), protocol, length - headerBytes),
  };
}

const ipv6HeaderBytes = 40;
/** Hop-by-hop, routing, destination options (RFC 8200 section 4); authentication counts its length otherwise. */
const extensions: ReadonlySet<number> = new Set([0, 43, 60]);
const fragmentHeader = 44;
const authenticationHeader = 51;
/** The same bound as Open vSwitch sets by the packet's length; here by their number too. */
const extensionsMax = 8;

function readIpv6(ip: Bytes): IpPacket {
  const length = ipv6HeaderBytes + ip.u16(4);
  ip.need(ipv6HeaderBytes, 'the IPv6 header');
  if (ip.u8(0) >> 4 !== 6) ip.refuse(0, 'the IPv6 header contradicts itself');
  const own = new Bytes(ip.bytes.subarray(0, length), ethernetBytes);
  let protocol = own.u8(6);
  let at = ipv6HeaderBytes;
  let fragment: Packet['fragment'] = 'none';
  for (let count = 0; extensions.has(protocol) || protocol === fragmentHeader || protocol === authenticationHeader; count++) {
    if (count === extensionsMax) own.refuse(at, 'too many extension headers');
    const next = own.u8(at);
    if (protocol === fragmentHeader) {
      const fragmentation = own.u16(at + 2);
      if (fragmentation >> 3 > 0) fragment = 'later';
      else if ((fragmentation & 1) > 0) fragment = 'first';
      at += 8;
    } else at += protocol === authenticationHeader ? (own.u8(at + 1) + 2) * 4 : (own.u8(at + 1) + 1) * 8;
    protocol = next;
    if (fragment === 'later') break;
  }
  if (at > length) own.refuse(at, 'the extension headers are longer than the packet');
  return {
    source: { family: 6, value: own.u128(8) },
    destination: { family: 6, value: own.u128(24) },
    protocol,
    length,
    ip: own.bytes,
    fragment,
    transport: fragment === 'later' ? undefined : readTransport(own.bytes.subarray(at), protocol, length - at),
  };
}

/** @param length bytes of the transport's header and payload, as the IP header says; `bytes` may be fewer */
function readTransport(bytes: Uint8Array, protocol: number, length: number): Transport | undefined {
  const segment = new Bytes(bytes, 0);
  const has = (headerBytes: number): boolean => bytes.length >= headerBytes && length >= headerBytes;
  switch (protocol) {
    case protocols.tcp: {
      if (!has(20)) return undefined;
      const headerBytes = (segment.u8(12) >> 4) * 4;
      if (headerBytes < 20 || headerBytes > length) return undefined;
      const tcp = {
        sequence: segment.u32(4),
        acknowledgement: segment.u32(8),
        flags: segment.u8(13) & 0x3f,
        payloadBytes: length - headerBytes,
      };
      return { kind: 'tcp', sourcePort: segment.u16(0), port: segment.u16(2), tcp };
    }
    case protocols.udp:
      return has(8) ? { kind: 'udp', sourcePort: segment.u16(0), port: segment.u16(2) } : undefined;
    case protocols.sctp:
      return has(12) ? { kind: 'sctp', sourcePort: segment.u16(0), port: segment.u16(2) } : undefined;
    case protocols.icmp:
    case protocols.icmpv6:
      return has(4) ? { kind: protocol === protocols.icmp ? 'icmp' : 'icmpv6', type: segment.u8(0), code: segment.u8(1) } : undefined;
    default:
      return undefined;
  }
}
