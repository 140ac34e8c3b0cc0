import { crc32 } from 'node:zlib';
import { assert } from '../../src/base/errors.ts';
import type { Revision } from '../store/port.ts';

/**
 * The commit log's record: the commits of one group, which became durable together.
 *
 *     0  u32  magic
 *     4  u32  CRC-32 of everything from byte 8 to the end of the payload
 *     8  u32  bytes of the payload
 *    12  u32  number of commits
 *    16  f64  revision of the first commit; the others follow without a gap
 *    24  f64  wall clock of the group, milliseconds since the Unix epoch
 *    32       payload, for each commit: u32 number of changes, and for each change
 *             u32 bytes of the value (all ones: deleted) · u32 bytes of the key ·
 *             f64 create revision (0 when deleted) · f64 revision of the version it replaces (0: none) · key · value
 *
 * Little-endian; padded with zeros to a multiple of 8. A record of no commits only marks that what precedes it was durable.
 */
export interface LoggedGroup {
  readonly firstRevision: Revision;
  readonly wallMs: number;
  readonly commits: readonly (readonly LoggedChange[])[];
}

export interface LoggedChange {
  readonly key: string;
  /** Absent when the key was deleted. */
  readonly value?: string | undefined;
  /** 0 when the key was deleted. */
  readonly createRevision: Revision;
  /** `modRevision` of the version that this change replaced; 0 when the key was absent. */
  readonly beforeRevision: Revision;
}

export interface RecordHeader {
  readonly payloadBytes: number;
  readonly commitCount: number;
  readonly firstRevision: Revision;
  readonly wallMs: number;
}

export const recordHeaderBytes = 32;
/** More than any group that the store forms. A longer length is damage, and nothing is allocated for it. */
const payloadBytesMax = 128 * 1024 * 1024;

/** The first bytes of a record. */
export const recordMagic = Buffer.from('WEIR');

const magic = recordMagic.readUInt32LE(0);
const commitHeaderBytes = 4;
const changeHeaderBytes = 24;
const deletedMark = 0xffff_ffff;

/** Bytes that a record occupies in a segment. */
export function recordBytes(payloadBytes: number): number {
  return Math.ceil((recordHeaderBytes + payloadBytes) / 8) * 8;
}

/** The result is the caller's. */
export function encodeRecord(group: LoggedGroup): Buffer {
  let payloadBytes = 0;
  for (const changes of group.commits) {
    payloadBytes += commitHeaderBytes + changes.length * changeHeaderBytes;
    for (const change of changes) {
      payloadBytes += Buffer.byteLength(change.key);
      if (change.value !== undefined) payloadBytes += Buffer.byteLength(change.value);
    }
  }
  assert(payloadBytes <= payloadBytesMax, 'a group is bounded');
  const size = recordBytes(payloadBytes);
  const bytes = Buffer.allocUnsafe(size);
  let at = recordHeaderBytes;
  for (const changes of group.commits) {
    at = bytes.writeUInt32LE(changes.length, at);
    for (const change of changes) at = encodeChange(bytes, at, change);
  }
  assert(at === recordHeaderBytes + payloadBytes, 'a record is as long as it was measured');
  bytes.fill(0, at);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(payloadBytes, 8);
  bytes.writeUInt32LE(group.commits.length, 12);
  bytes.writeDoubleLE(group.firstRevision, 16);
  bytes.writeDoubleLE(group.wallMs, 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(8, at)), 4);
  return bytes;
}

function encodeChange(bytes: Buffer, start: number, change: LoggedChange): number {
  const keyStart = start + changeHeaderBytes;
  const keyBytes = bytes.write(change.key, keyStart);
  let end = keyStart + keyBytes;
  if (change.value === undefined) {
    bytes.writeUInt32LE(deletedMark, start);
  } else {
    const valueBytes = bytes.write(change.value, end);
    bytes.writeUInt32LE(valueBytes, start);
    end += valueBytes;
  }
  bytes.writeUInt32LE(keyBytes, start + 4);
  bytes.writeDoubleLE(change.createRevision, start + 8);
  bytes.writeDoubleLE(change.beforeRevision, start + 16);
  return end;
}

/** The header at `offset`, or undefined when there is none that could be valid. The CRC is not checked. */
export function decodeHeader(bytes: Buffer, offset: number): RecordHeader | undefined {
  if (offset + recordHeaderBytes > bytes.length) return undefined;
  if (bytes.readUInt32LE(offset) !== magic) return undefined;
  const payloadBytes = bytes.readUInt32LE(offset + 8);
  if (payloadBytes > payloadBytesMax) return undefined;
  return {
    payloadBytes,
    commitCount: bytes.readUInt32LE(offset + 12),
    firstRevision: bytes.readDoubleLE(offset + 16),
    wallMs: bytes.readDoubleLE(offset + 24),
  };
}

/** `bytes` holds the whole record at `offset`. */
export function checksumHolds(bytes: Buffer, offset: number, header: RecordHeader): boolean {
  const end = offset + recordHeaderBytes + header.payloadBytes;
  return crc32(bytes.subarray(offset + 8, end)) === bytes.readUInt32LE(offset + 4);
}

/** `bytes` holds the whole record at `offset`, and its CRC was checked. The result shares no memory with it. */
export function decodeRecord(bytes: Buffer, offset: number, header: RecordHeader): LoggedGroup {
  const commits: LoggedChange[][] = [];
  let at = offset + recordHeaderBytes;
  const end = at + header.payloadBytes;
  for (let commit = 0; commit < header.commitCount; commit++) {
    const changeCount = bytes.readUInt32LE(at);
    at += commitHeaderBytes;
    const changes: LoggedChange[] = [];
    for (let change = 0; change < changeCount; change++) {
      const valueBytes = bytes.readUInt32LE(at);
      const keyBytes = bytes.readUInt32LE(at + 4);
      const createRevision = bytes.readDoubleLE(at + 8);
      const beforeRevision = bytes.readDoubleLE(at + 16);
      at += changeHeaderBytes;
      const key = bytes.toString('utf8', at, at + keyBytes);
      at += keyBytes;
      if (valueBytes === deletedMark) {
        changes.push({ key, createRevision, beforeRevision });
      } else {
        changes.push({ key, value: bytes.toString('utf8', at, at + valueBytes), createRevision, beforeRevision });
        at += valueBytes;
      }
    }
    commits.push(changes);
  }
  assert(at === end, 'a record whose checksum holds decodes to its end');
  return { firstRevision: header.firstRevision, wallMs: header.wallMs, commits };
}
