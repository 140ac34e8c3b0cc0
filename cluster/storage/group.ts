import { assert, DecodeError } from '../../src/base/errors.ts';
import type { Revision } from '../store/port.ts';

/**
 * Commits that were proposed together: what a command of the replicated log says.
 *
 *     0  u32  number of commits
 *     4  u32  0
 *     8  f64  revision of the first commit; the others follow without a gap
 *    16  f64  wall clock of the proposer, milliseconds since the Unix epoch
 *    24       for each commit: u32 number of changes · u32 bytes of the request's id · the id, and for each change
 *             u32 bytes of the value (all ones: deleted) · u32 bytes of the key ·
 *             f64 create revision (0 when deleted) · f64 revision of the version it replaces (0: none) · key · value
 *
 * Little-endian.
 */
export interface LoggedGroup extends GroupHeader {
  readonly commits: readonly LoggedCommit[];
}

export interface LoggedCommit {
  /** By which a request that is sent again is known; empty: it is not. */
  readonly requestId: string;
  readonly changes: readonly LoggedChange[];
}

export interface GroupHeader {
  readonly firstRevision: Revision;
  readonly wallMs: number;
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

const groupHeaderBytes = 24;
const commitHeaderBytes = 8;
const changeHeaderBytes = 24;
const deletedMark = 0xffff_ffff;

/** The result is the caller's. */
export function encodeGroup({ firstRevision, wallMs, commits }: LoggedGroup): Buffer {
  let size = groupHeaderBytes;
  for (const { requestId, changes } of commits) {
    size += commitHeaderBytes + Buffer.byteLength(requestId) + changes.length * changeHeaderBytes;
    for (const change of changes) {
      size += Buffer.byteLength(change.key);
      if (change.value !== undefined) size += Buffer.byteLength(change.value);
    }
  }
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUInt32LE(commits.length, 0);
  bytes.writeUInt32LE(0, 4);
  bytes.writeDoubleLE(firstRevision, 8);
  bytes.writeDoubleLE(wallMs, 16);
  let at = groupHeaderBytes;
  for (const { requestId, changes } of commits) {
    bytes.writeUInt32LE(changes.length, at);
    const idBytes = bytes.write(requestId, at + commitHeaderBytes);
    bytes.writeUInt32LE(idBytes, at + 4);
    at += commitHeaderBytes + idBytes;
    for (const change of changes) at = encodeChange(bytes, at, change);
  }
  assert(at === size, 'a group is as long as it was measured');
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

/** Number of commits, and what precedes them. Throws a DecodeError. */
export function groupHeader(payload: Uint8Array): GroupHeader & { readonly commitCount: number } {
  const bytes = bufferOf(payload);
  if (bytes.length < groupHeaderBytes) throw new DecodeError('malformed-group', bytes.length, 'a group ends');
  return { commitCount: bytes.readUInt32LE(0), firstRevision: bytes.readDoubleLE(8), wallMs: bytes.readDoubleLE(16) };
}

/** The result shares no memory with `payload`. Throws a DecodeError. */
export function decodeGroup(payload: Uint8Array): LoggedGroup {
  const { firstRevision, wallMs, commitCount } = groupHeader(payload);
  const cursor = new Cursor(bufferOf(payload), groupHeaderBytes);
  const commits: LoggedCommit[] = [];
  for (let commit = 0; commit < commitCount; commit++) {
    const changeCount = cursor.u32();
    const requestId = cursor.text(cursor.u32());
    const changes: LoggedChange[] = [];
    for (let change = 0; change < changeCount; change++) changes.push(decodeChange(cursor));
    commits.push({ requestId, changes });
  }
  cursor.end();
  return { firstRevision, wallMs, commits };
}

function decodeChange(cursor: Cursor): LoggedChange {
  const valueBytes = cursor.u32();
  const keyBytes = cursor.u32();
  const createRevision = cursor.f64();
  const beforeRevision = cursor.f64();
  const key = cursor.text(keyBytes);
  if (valueBytes === deletedMark) return { key, createRevision, beforeRevision };
  return { key, value: cursor.text(valueBytes), createRevision, beforeRevision };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw new DecodeError('malformed-group', at, `a group ends before ${size} more bytes`);
    this.#at = at + size;
    return at;
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  text(size: number): string {
    const at = this.#take(size);
    return this.#bytes.toString('utf8', at, at + size);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new DecodeError('malformed-group', this.#at, 'something follows a group');
  }
}
