import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Clock } from '../../src/base/clock.ts';
import { DecodeError, WeirError } from '../../src/base/errors.ts';
import { syncDirectory } from '../storage/files.ts';
import { currentKey } from '../storage/layout.ts';
import { DirectoryLock } from '../storage/lock.ts';
import { decodeChunks, SnapshotDirectory } from '../storage/snapshot.ts';
import type { StoreSnapshot } from '../store/member-store.ts';
import { openStore } from '../store/opening.ts';
import { assertWithin, releaseNamed, releaseUntold, writeDirectoryVersion } from '../version/index.ts';
import { nameOf, newIdentity, writeIdentity } from './identity.ts';
import type { Backup } from './port.ts';
import { isOfCluster } from './roster.ts';

/**
 * A backup: magic 'WEIRBAK1' · u32 bytes of the head · head, JSON · u32 CRC-32 of the head · chunks, each behind its u32 length. A chunk's checksum goes on from
 * the one before, and the last chunk has no rows: what is damaged, out of order or cut short is known. Big-endian.
 */
interface BackupHead {
  /** Of which cluster it was. */
  readonly cluster: string;
  readonly takenMs: number;
  /** The active version of then; undefined: of before there were versions. */
  readonly version?: number;
  /** The place in the log that the state is that of. */
  readonly index: number;
  readonly revision: number;
  readonly wallMs: number;
}

const magic = Buffer.from('WEIRBAK1');
const headBytesMax = 64 * 1024;
const chunkBytesMax = 64 * 1024 * 1024;
/** Rows of the index that are entries. */
const entryRows = currentKey('');

export function encodeBackup({ base, chunks }: StoreSnapshot, cluster: string, version: number, takenMs: number): Backup {
  const { index, revision, wallMs } = base;
  return { revision, bytes: bytesOf({ cluster, takenMs, version, index, revision, wallMs }, chunks) };
}

async function* bytesOf(head: BackupHead, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const text = Buffer.from(JSON.stringify(head));
  let before = Buffer.concat([magic, u32(text.length), text, u32(crc32(text))]);
  for await (const chunk of chunks) {
    yield before;
    before = Buffer.concat([u32(chunk.length), chunk]);
  }
  yield before;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Reads exact numbers of bytes from a stream of them. */
class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#iterator = bytes[Symbol.asyncIterator]();
  }

  /** Throws a DecodeError when there are fewer. */
  async take(count: number): Promise<Buffer> {
    const parts = [this.#held];
    let held = this.#held.length;
    while (held < count) {
      const next = await this.#iterator.next();
      if (next.done === true) throw damaged(this.#offset + held, 'the backup was cut short');
      parts.push(Buffer.from(next.value));
      held += next.value.length;
    }
    const all = parts.length === 1 ? this.#held : Buffer.concat(parts);
    this.#held = all.subarray(count);
    this.#offset += count;
    return all.subarray(0, count);
  }

  async takeU32(max: number, what: string): Promise<number> {
    const value = (await this.take(4)).readUInt32BE(0);
    if (value > max) throw damaged(this.#offset - 4, `${what} of ${value} bytes`);
    return value;
  }

  /** Throws a DecodeError when there is more. */
  async assertEnded(): Promise<void> {
    if (this.#held.length > 0 || (await this.#iterator.next()).done !== true) throw damaged(this.#offset, 'something follows its end');
  }

  async end(): Promise<void> {
    await this.#iterator.return?.();
  }
}

const damaged = (offset: number, detail: string): DecodeError =>
  new DecodeError('malformed-backup', offset, `this is no whole backup: ${detail}`);

interface OpenBackup {
  readonly head: BackupHead;
  readonly chunks: AsyncIterable<Buffer>;
}

async function decodeBackup(source: ByteSource): Promise<OpenBackup> {
  if (!(await source.take(magic.length)).equals(magic)) throw damaged(0, 'it does not begin as one');
  const text = await source.take(await source.takeU32(headBytesMax, 'a head'));
  if ((await source.take(4)).readUInt32BE(0) !== crc32(text)) throw damaged(magic.length, 'the checksum of its head does not hold');
  const head = readHead(text.toString());
  assertWithin(versionOf(head), releaseNamed(''), 'the backup');
  return { head, chunks: chunksOf(source) };
}

function readHead(text: string): BackupHead {
  const head = JSON.parse(text) as BackupHead;
  const { cluster, version = 1, takenMs, index, revision, wallMs } = head;
  const isWhole = [version, index, revision].every((each) => Number.isSafeInteger(each)) && [takenMs, wallMs].every(Number.isFinite);
  if (typeof cluster !== 'string' || !isWhole) throw damaged(magic.length, 'its head is not that of one');
  return head;
}

const versionOf = ({ version }: BackupHead): number => version ?? releaseUntold.version;

async function* chunksOf(source: ByteSource): AsyncGenerator<Buffer> {
  for (;;) yield await source.take(await source.takeU32(chunkBytesMax, 'a chunk'));
}

export interface BackupSummary {
  readonly cluster: string;
  readonly revision: number;
  readonly takenMs: number;
  readonly entries: number;
}

/** Reads a backup to its end. Rejects with a DecodeError when it is not whole. */
export async function checkBackup(file: string): Promise<BackupSummary> {
  const source = new ByteSource(createReadStream(file));
  try {
    const { head, chunks } = await decodeBackup(source);
    let entries = 0;
    for await (const rows of decodeChunks(chunks)) entries += rows.filter(([row]) => isKept(row) && row.startsWith(entryRows)).length;
    await source.assertEnded();
    return { cluster: head.cluster, revision: head.revision, takenMs: head.takenMs, entries };
  } finally {
    await source.end();
  }
}

/** What the old cluster knew of its members stays with it. */
const isKept = (row: string): boolean => !(row.startsWith(entryRows) && isOfCluster(row.slice(entryRows.length)));

export interface Restored extends BackupSummary {
  /** The new one. */
  readonly into: { readonly cluster: string; readonly member: string };
}

/**
 * Makes a directory of a backup: a new cluster of one with a name of its own, so that members of the old one never take it for theirs. Nothing is there until it
 * is whole. Rejects with `not-empty` when there is data.
 */
export async function restoreBackup(file: string, directory: string, member: string | undefined, clock: Clock): Promise<Restored> {
  if (await isUsed(directory)) throw new WeirError('not-empty', `${directory} has data: restore into a directory that has none`);
  const summary = await checkBackup(file);
  const draft = `${directory}-restoring`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const identity = newIdentity(nameOf(member), { kind: 'alone' });
  await writeIdentity(draft, identity);
  const source = new ByteSource(createReadStream(file));
  try {
    const { head, chunks } = await decodeBackup(source);
    await writeDirectoryVersion(draft, versionOf(head));
    const snapshots = new SnapshotDirectory(draft);
    await snapshots.receive(chunks, isKept);
    const { index, revision, wallMs } = head;
    // Terms begin anew: nobody of the old cluster will ever be asked.
    await snapshots.stage({ index, term: 0, revision, wallMs, membership: { voters: [identity.member], learners: [] } });
  } finally {
    await source.end();
  }
  // Puts what was staged in its place, and checks every entry.
  const store = await openStore({
    directory: draft,
    clock,
    member: { id: identity.member, founders: [identity.member], transport: undefined },
  });
  await store.close();
  await rm(directory, { recursive: true, force: true });
  await rename(draft, directory);
  await syncDirectory(dirname(directory));
  return { ...summary, into: { cluster: identity.cluster, member: identity.member } };
}

/** Rejects with `store-locked` while a process has the data, and with `not-found` when there is none. */
export async function assertStopped(directory: string): Promise<void> {
  if (!(await isUsed(directory))) throw new WeirError('not-found', `${directory} has no data`);
  const lock = await DirectoryLock.take(directory);
  await lock.release();
}

/** Moves the data out of the way, and answers where it is now. Rejects with `store-locked` while a process has it. */
export async function setAside(directory: string): Promise<string> {
  await assertStopped(directory);
  const taken = new Set(await readdir(dirname(directory)));
  const name = directory.slice(dirname(directory).length + 1);
  for (let count = 1; ; count++) {
    const aside = `${name}-aside-${count}`;
    if (taken.has(aside)) continue;
    await rename(directory, join(dirname(directory), aside));
    await syncDirectory(dirname(directory));
    return join(dirname(directory), aside);
  }
}

async function isUsed(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
