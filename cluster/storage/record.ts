import { crc32 } from 'node:zlib';
import { assert, WeirError } from '../../src/base/errors.ts';
import type { Entry, LogIndex, Membership } from '../raft/types.ts';
import type { Revision } from '../store/port.ts';

/**
 * What is written to the log at once, durable as a whole or not at all: entries of the replicated log.
 *
 *     0  u32  magic 'WEIR'
 *     4  u32  CRC-32 of everything from byte 8 to the end of the payload
 *     8  u32  bytes of the payload
 *    12  u32  number of entries; none only marks that what precedes the record was durable
 *    16  f64  index before the first entry
 *    24  f64  revision before it
 *    32  f64  wall clock of the last commit before it
 *    40       payload, for each entry: u32 bytes of its body · u32 kind (1 command, 2 membership, 3 empty) · f64 term · body
 *
 * Little-endian; padded with zeros to a multiple of 8. The body of a membership is JSON.
 */
export interface RecordHeader extends Place {
  readonly payloadBytes: number;
  readonly entryCount: number;
}

/** Between two entries of the log. */
export interface Place {
  readonly index: LogIndex;
  readonly revision: Revision;
  readonly wallMs: number;
}

export const recordHeaderBytes = 40;
/** More than any write. A longer length is damage, and nothing is allocated for it. */
export const recordPayloadBytesMax = 128 * 1024 * 1024;

/** The first bytes of a record. */
export const recordMagic = Buffer.from('WEIR');

const magic = recordMagic.readUInt32LE(0);
const entryHeaderBytes = 16;
const kinds = { command: 1, membership: 2, empty: 3 } as const;

/** Bytes that a record occupies in a segment. */
export function recordBytes(payloadBytes: number): number {
  return Math.ceil((recordHeaderBytes + payloadBytes) / 8) * 8;
}

/** The entries follow `before` without a gap. The result is the caller's. */
export function encodeRecord(before: Place, entries: readonly Entry[]): Buffer {
  const bodies = entries.map(bodyOf);
  const payloadBytes = bodies.reduce((sum, body) => sum + entryHeaderBytes + body.length, 0);
  assert(payloadBytes <= recordPayloadBytesMax, 'a write is bounded');
  const bytes = Buffer.allocUnsafe(recordBytes(payloadBytes));
  let at = recordHeaderBytes;
  for (const [position, entry] of entries.entries()) {
    const body = bodies[position];
    assert(body && entry.index === before.index + position + 1, 'entries have no gap');
    bytes.writeUInt32LE(body.length, at);
    bytes.writeUInt32LE(kinds[entry.kind], at + 4);
    bytes.writeDoubleLE(entry.term, at + 8);
    bytes.set(body, at + entryHeaderBytes);
    at += entryHeaderBytes + body.length;
  }
  bytes.fill(0, at);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(payloadBytes, 8);
  bytes.writeUInt32LE(entries.length, 12);
  bytes.writeDoubleLE(before.index, 16);
  bytes.writeDoubleLE(before.revision, 24);
  bytes.writeDoubleLE(before.wallMs, 32);
  bytes.writeUInt32LE(crc32(bytes.subarray(8, at)), 4);
  return bytes;
}

const nothing = new Uint8Array(0);

function bodyOf(entry: Entry): Uint8Array {
  switch (entry.kind) {
    case 'command':
      return entry.payload;
    case 'membership':
      return Buffer.from(JSON.stringify(entry.membership));
    case 'empty':
      return nothing;
  }
}

/** The header at `offset`, or undefined when there is none that could be valid. The CRC is not checked. */
export function decodeHeader(bytes: Buffer, offset: number): RecordHeader | undefined {
  if (offset + recordHeaderBytes > bytes.length) return undefined;
  if (bytes.readUInt32LE(offset) !== magic) return undefined;
  const payloadBytes = bytes.readUInt32LE(offset + 8);
  if (payloadBytes > recordPayloadBytesMax) return undefined;
  return {
    payloadBytes,
    entryCount: bytes.readUInt32LE(offset + 12),
    index: bytes.readDoubleLE(offset + 16),
    revision: bytes.readDoubleLE(offset + 24),
    wallMs: bytes.readDoubleLE(offset + 32),
  };
}

/** `bytes` holds the whole record at `offset`, with what it is padded with. */
export function checksumHolds(bytes: Buffer, offset: number, header: RecordHeader): boolean {
  const end = offset + recordHeaderBytes + header.payloadBytes;
  const padding = bytes.subarray(end, offset + recordBytes(header.payloadBytes));
  return crc32(bytes.subarray(offset + 8, end)) === bytes.readUInt32LE(offset + 4) && padding.every((byte) => byte === 0);
}

const unknownKind = (index: LogIndex, kind: number): WeirError =>
  new WeirError(
    'release-too-old',
    `entry ${index} of the log is of kind ${kind}, which this release does not know. It was left as it is: start the release again that wrote it`,
  );

/**
 * `bytes` holds the whole record at `offset`, and its CRC was checked. The result shares no memory with it. Throws `release-too-old` for entries of a kind that is not
 * known.
 */
export function decodeRecord(bytes: Buffer, offset: number, header: RecordHeader): Entry[] {
  const entries: Entry[] = [];
  let at = offset + recordHeaderBytes;
  for (let position = 1; position <= header.entryCount; position++) {
    const bodyBytes = bytes.readUInt32LE(at);
    const kind = bytes.readUInt32LE(at + 4);
    const place = { index: header.index + position, term: bytes.readDoubleLE(at + 8) };
    at += entryHeaderBytes;
    const body = bytes.subarray(at, at + bodyBytes);
    at += bodyBytes;
    if (kind === kinds.command) entries.push({ kind: 'command', ...place, payload: Buffer.from(body) });
    else if (kind === kinds.empty) entries.push({ kind: 'empty', ...place });
    else {
      if (kind !== kinds.membership) throw unknownKind(place.index, kind);
      entries.push({ kind: 'membership', ...place, membership: JSON.parse(body.toString()) as Membership });
    }
  }
  assert(at === offset + recordHeaderBytes + header.payloadBytes, 'a record whose checksum holds decodes to its end');
  return entries;
}
