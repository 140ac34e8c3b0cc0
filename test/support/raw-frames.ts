import { parseAddress, parseMac } from '../../src/base/addresses.ts';

/** Frames that no program in a guest sends as they are wanted here. */
export interface FrameEnds {
  readonly ethSrc: string;
  readonly ethDst: string;
  /** IPv4 */
  readonly source: string;
  readonly destination: string;
}

const bytes = (value: bigint, length: number): Buffer => Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
const addressBytes = (text: string): Buffer => bytes(parseAddress(text).value, 4);

/** RFC 1071. */
function checksum(data: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < data.length; offset += 2) sum += data.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function ipv4(source: string, destination: string, protocol: number, payload: Buffer): Buffer {
  const header = Buffer.concat([Buffer.from('450000000000400040000000', 'hex'), addressBytes(source), addressBytes(destination)]);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt8(protocol, 9);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

function ethernet({ ethSrc, ethDst }: Pick<FrameEnds, 'ethSrc' | 'ethDst'>, type: number, payload: Buffer): Buffer {
  const addresses = [ethDst, ethSrc].map((text) => bytes(BigInt(parseMac(text)), 6));
  return Buffer.concat([...addresses, bytes(BigInt(type), 2), payload]);
}

/** Without a checksum, which IPv4 lets be zero. */
function udp(sourcePort: number, port: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  [sourcePort, port, header.length + payload.length].forEach((value, index) => header.writeUInt16BE(value, index * 2));
  return Buffer.concat([header, payload]);
}

/** A datagram of IPv4 with 16 bytes in it. */
export function udpFrame(ends: FrameEnds, sourcePort: number, port: number): Buffer {
  return ethernet(ends, 0x0800, ipv4(ends.source, ends.destination, 17, udp(sourcePort, port, Buffer.alloc(16))));
}

/** "Port unreachable" (RFC 792): the answer to a datagram that went the other way. */
export function portUnreachableFrame(ends: FrameEnds, sourcePort: number, port: number): Buffer {
  const complaint = ipv4(ends.destination, ends.source, 17, udp(sourcePort, port, Buffer.alloc(16)));
  const icmp = Buffer.concat([Buffer.from('0303000000000000', 'hex'), complaint]);
  icmp.writeUInt16BE(checksum(icmp), 2);
  return ethernet(ends, 0x0800, ipv4(ends.source, ends.destination, 1, icmp));
}

/** An ARP request of `address` for itself (RFC 5227: announcement). */
export function arpAnnouncementFrame(mac: string, address: string): Buffer {
  const own = bytes(BigInt(parseMac(mac)), 6);
  const fixed = Buffer.from('0001080006040001', 'hex');
  const body = Buffer.concat([fixed, own, addressBytes(address), Buffer.alloc(6), addressBytes(address)]);
  return ethernet({ ethSrc: mac, ethDst: 'ff:ff:ff:ff:ff:ff' }, 0x0806, body);
}
