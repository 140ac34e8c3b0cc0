import * as fc from 'fast-check';

/** Frames of every kind that a guest may send, written down byte by byte, and a checksum that owes nothing to the one under test. */

const u16 = (value: number): number[] => [value >>> 8, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** RFC 1071, by its definition: the complement of the sum modulo 65535, in arbitrary precision. */
export function slowChecksum(bytes: readonly number[]): number {
  const padded = bytes.length % 2 === 0 ? bytes : [...bytes, 0];
  let value = 0n;
  for (const byte of padded) value = (value << 8n) | BigInt(byte);
  if (value === 0n) return 0xffff;
  const residue = Number(value % 0xffffn);
  return residue === 0 ? 0 : 0xffff - residue;
}

export interface Drawn {
  readonly family: 4 | 6;
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly options: number;
  readonly transport: DrawnTransport;
  readonly payload: readonly number[];
}

type DrawnTransport =
  | {
      readonly kind: 'tcp';
      readonly ports: readonly [number, number];
      readonly sequence: number;
      readonly acknowledgement: number;
      readonly flags: number;
    }
  | { readonly kind: 'udp' | 'sctp'; readonly ports: readonly [number, number] }
  | { readonly kind: 'icmp'; readonly type: number; readonly code: number }
  | { readonly kind: 'other' };

const byte = fc.integer({ min: 0, max: 255 });
const port = fc.integer({ min: 0, max: 65_535 });
const word = fc.integer({ min: 0, max: 0xffff_ffff });

/** `alone`: the addresses are those of single hosts. */
export const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    low: fc.tuple(byte, byte),
    options: fc.integer({ min: 0, max: 2 }),
    transport: fc.oneof(
      fc.record({ kind: fc.constant('tcp' as const), ports: fc.tuple(port, port), sequence: word, acknowledgement: word, flags: byte }),
      fc.record({ kind: fc.constantFrom('udp' as const, 'sctp' as const), ports: fc.tuple(port, port) }),
      fc.record({ kind: fc.constant('icmp' as const), type: byte, code: byte }),
      fc.record({ kind: fc.constant('other' as const) }),
    ),
    payload: fc.array(byte, { maxLength: 60 }),
    extra: fc.integer({ min: 0, max: 1400 }),
  })
  .map(({ family, low, options, transport, payload, extra }) => {
    const address = (last: number): number[] => (family === 4 ? [10, 0, 0, last] : [0xfd, ...Array.from({ length: 14 }, () => 0), last]);
    const [a, b] = low;
    const filled = [...payload, ...Array.from({ length: extra }, (_, index) => index & 255)];
    return { family, source: address(a), destination: address(b), options, transport, payload: filled };
  });

const numbers = { tcp: 6, udp: 17, sctp: 132, icmp: 1, other: 47 } as const;
export const protocolOf = ({ family, transport }: Drawn): number =>
  transport.kind === 'icmp' && family === 6 ? 58 : numbers[transport.kind];

function segmentOf({ transport, payload }: Drawn): number[] {
  switch (transport.kind) {
    case 'tcp': {
      const [from, to] = transport.ports;
      const head = [...u16(from), ...u16(to), ...u32(transport.sequence), ...u32(transport.acknowledgement)];
      return [...head, 6 << 4, transport.flags, ...u16(1000), ...u16(0), ...u16(0), 2, 4, 5, 0xb4, ...payload];
    }
    case 'udp':
      return [...u16(transport.ports[0]), ...u16(transport.ports[1]), ...u16(8 + payload.length), ...u16(0), ...payload];
    case 'sctp':
      return [...u16(transport.ports[0]), ...u16(transport.ports[1]), ...u32(1), ...u32(2), ...payload];
    case 'icmp':
      return [transport.type, transport.code, ...u16(0), ...u32(7), ...payload];
    case 'other':
      return [...payload];
  }
}

/** With options of IPv4, or a destination options header of IPv6, when `options` asks for some. */
export function ipOf(packet: Drawn): number[] {
  const { family, source, destination, options } = packet;
  const segment = segmentOf(packet);
  const protocol = protocolOf(packet);
  const padding = Array.from({ length: options * 8 }, () => (family === 4 ? 1 : 0));
  if (family === 4) {
    const bytes = 20 + padding.length;
    return [
      0x40 | (bytes / 4),
      0,
      ...u16(bytes + segment.length),
      ...u16(1),
      ...u16(0),
      64,
      protocol,
      ...u16(0),
      ...source,
      ...destination,
      ...padding,
      ...segment,
    ];
  }
  const extension = options === 0 ? [] : [protocol, options - 1, 1, options * 8 - 4, ...padding.slice(4)];
  const next = options === 0 ? protocol : 60;
  return [0x60, 0, 0, 0, ...u16(extension.length + segment.length), next, 64, ...source, ...destination, ...extension, ...segment];
}

export const ethernet = { source: 0x02aa_0000_0001, destination: 0x02aa_0000_0002 } as const;

export function frameOf(packet: Drawn): Uint8Array {
  return Uint8Array.from([2, 0xaa, 0, 0, 0, 2, 2, 0xaa, 0, 0, 0, 1, ...u16(packet.family === 4 ? 0x0800 : 0x86dd), ...ipOf(packet)]);
}
