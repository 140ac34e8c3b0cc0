import { type Address, parseAddress, parseMac } from '../base/addresses.ts';

/** Frames that only somebody with bad intentions makes. Addresses are texts, as everywhere in the demo. */
export interface Ends {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
}

const broadcast = 'ff:ff:ff:ff:ff:ff';

const bytesOf = (value: bigint, length: number): Buffer => Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
const macBytes = (text: string): Buffer => bytesOf(BigInt(parseMac(text)), 6);

function addressBytes(text: string): Buffer {
  const { family, value }: Address = parseAddress(text);
  return bytesOf(value, family === 4 ? 4 : 16);
}

/** RFC 1071. */
function checksum(data: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < data.length; offset += 2) sum += (data[offset] ?? 0) * 256 + (data[offset + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const ethernet = (sourceMac: string, destinationMac: string, type: number, payload: Buffer): Buffer =>
  Buffer.concat([macBytes(destinationMac), macBytes(sourceMac), bytesOf(BigInt(type), 2), payload]);

/** A UDP datagram that carries `text`, over the family of its addresses. */
export function datagram(ends: Ends, port: number, text: string): Buffer {
  const udp = Buffer.concat([Buffer.alloc(8), Buffer.from(text)]);
  udp.writeUInt16BE(port, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.writeUInt16BE(checksum(Buffer.concat([pseudoHeader(ends, 17, udp.length), udp])), 6);
  return packet(ends, 17, udp);
}

/** An ARP reply (RFC 826) to everybody: `address` is said to be at `mac`. */
export function arpClaim(sourceMac: string, address: string, mac: string): Buffer {
  const fixed = Buffer.from('0001080006040002', 'hex');
  const body = Buffer.concat([fixed, macBytes(mac), addressBytes(address), macBytes(broadcast), addressBytes(address)]);
  return ethernet(sourceMac, broadcast, 0x0806, body);
}

/** A neighbour advertisement (RFC 4861, section 4.4), solicited and overriding: `target` is said to be at `mac`. */
export function neighbourClaim(ends: Ends, target: string, mac: string): Buffer {
  const icmp = Buffer.concat([Buffer.from('8800000060000000', 'hex'), addressBytes(target), Buffer.from([2, 1]), macBytes(mac)]);
  icmp.writeUInt16BE(checksum(Buffer.concat([pseudoHeader(ends, 58, icmp.length), icmp])), 2);
  return packet(ends, 58, icmp);
}

/** RFC 8200, section 8.1; for IPv4 the sum over RFC 768's is the same. */
function pseudoHeader({ source, destination }: Ends, protocol: number, length: number): Buffer {
  return Buffer.concat([addressBytes(source), addressBytes(destination), bytesOf(BigInt(length), 4), bytesOf(BigInt(protocol), 4)]);
}

/** Hop limit 255, which neighbour discovery asks for. */
function packet({ sourceMac, destinationMac, source, destination }: Ends, protocol: number, payload: Buffer): Buffer {
  const addresses = Buffer.concat([addressBytes(source), addressBytes(destination)]);
  if (parseAddress(source).family === 6) {
    const header = Buffer.concat([
      Buffer.from('60000000', 'hex'),
      bytesOf(BigInt(payload.length), 2),
      Buffer.from([protocol, 255]),
      addresses,
    ]);
    return ethernet(sourceMac, destinationMac, 0x86dd, Buffer.concat([header, payload]));
  }
  const header = Buffer.concat([
    Buffer.from([0x45, 0]),
    bytesOf(BigInt(20 + payload.length), 2),
    Buffer.from([0, 0, 0x40, 0, 255, protocol, 0, 0]),
    addresses,
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return ethernet(sourceMac, destinationMac, 0x0800, Buffer.concat([header, payload]));
}
