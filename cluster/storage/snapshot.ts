import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { DecodeError, WeirError } from '../../src/base/errors.ts';
import type { EntryLog } from './log.ts';
import { replaceFile, syncDirectory } from './files.ts';
import { beyondKeys } from './layout.ts';
import type { SegmentBase } from './segment.ts';
import type { RowBatch } from './versions.ts';

/**
 * A snapshot on its way: chunks of u32 CRC-32 of the rest of the chunk and of the chunk before, then rows (u32 bytes of the key ·
 * u32 bytes of the value · key · value). The last chunk has no rows, so that one that was cut short is known. Big-endian.
 */
const chunkHeaderBytes = 4;
const rowHeaderBytes = 8;

export async function* encodeChunks(batches: AsyncIterable<RowBatch>): AsyncGenerator<Buffer> {
  let checksum = 0;
  for await (const batch of batches) {
    const chunk = encodeChunk(batch, checksum);
    checksum = chunk.readUInt32BE(0);
    yield chunk;
  }
  yield encodeChunk([], checksum);
}

function encodeChunk(batch: RowBatch, before: number): Buffer {
  let size = chunkHeaderBytes;
  for (const [key, value] of batch) size += rowHeaderBytes + Buffer.byteLength(key) + Buffer.byteLength(value);
  const chunk = Buffer.allocUnsafe(size);
  let at = chunkHeaderBytes;
  for (const [key, value] of batch) {
    const keyBytes = chunk.write(key, at + rowHeaderBytes);
    const valueBytes = chunk.write(value, at + rowHeaderBytes + keyBytes);
    chunk.writeUInt32BE(keyBytes, at);
    chunk.writeUInt32BE(valueBytes, at + 4);
    at += rowHeaderBytes + keyBytes + valueBytes;
  }
  chunk.writeUInt32BE(crc32(chunk.subarray(chunkHeaderBytes), before), 0);
  return chunk;
}

/** Throws a DecodeError when a chunk is damaged, out of order or missing. */
export async function* decodeChunks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RowBatch> {
  let checksum = 0;
  for await (const bytes of chunks) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (chunk.length < chunkHeaderBytes || crc32(chunk.subarray(chunkHeaderBytes), checksum) !== chunk.readUInt32BE(0)) {
      throw new DecodeError('malformed-snapshot', 0, 'the checksum of a chunk does not hold');
    }
    checksum = chunk.readUInt32BE(0);
    if (chunk.length === chunkHeaderBytes) return;
    yield decodeRows(chunk);
  }
  throw new DecodeError('malformed-snapshot', 0, 'a snapshot was cut short');
}

function decodeRows(chunk: Buffer): RowBatch {
  const rows: [string, string][] = [];
  for (let at = chunkHeaderBytes; at < chunk.length;) {
    if (at + rowHeaderBytes > chunk.length) throw new DecodeError('malformed-snapshot', at, 'a row is cut short');
    const keyEnd = at + rowHeaderBytes + chunk.readUInt32BE(at);
    const valueEnd = keyEnd + chunk.readUInt32BE(at + 4);
    if (valueEnd > chunk.length) throw new DecodeError('malformed-snapshot', at, 'a row is cut short');
    rows.push([chunk.toString('utf8', at + rowHeaderBytes, keyEnd), chunk.toString('utf8', keyEnd, valueEnd)]);
    at = valueEnd;
  }
  return rows;
}

/**
 * Puts a snapshot in the place of a member's state: rows are gathered beside the index, `staged` is the moment from which it counts; what is interrupted
 * behind that is finished when the member is opened again, and what is interrupted before it is gone.
 */
export class SnapshotDirectory {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get #incoming(): string {
    return join(this.#directory, 'index-incoming');
  }

  get #index(): string {
    return join(this.#directory, 'index');
  }

  get #marker(): string {
    return join(this.#directory, 'snapshot');
  }

  /** Everything is there and durable when it settles. One at a time. */
  async receive(chunks: AsyncIterable<Uint8Array>, isKept: (row: string) => boolean = () => true): Promise<void> {
    await rm(this.#incoming, { recursive: true, force: true });
    await mkdir(this.#incoming, { recursive: true });
    const level = new ClassicLevel(this.#incoming, {
      keyEncoding: 'utf8',
      valueEncoding: 'utf8',
      writeBufferSize: 8 * 1024 * 1024,
    });
    await level.open();
    try {
      for await (const rows of decodeChunks(chunks)) {
        const batch = level.batch();
        for (const [key, value] of rows) if (isKept(key)) batch.put(key, value);
        await batch.write();
      }
      // Out of LevelDB's own log, which is not read when the index is opened.
      await level.compactRange(...beyondKeys);
    } finally {
      await level.close();
    }
    await syncDirectory(this.#incoming);
    await syncDirectory(this.#directory);
  }

  /** From now on it counts. */
  async stage(base: SegmentBase): Promise<void> {
    await replaceFile(this.#marker, JSON.stringify(base));
  }

  /** The base that is staged and not yet in place. */
  async staged(): Promise<SegmentBase | undefined> {
    let text: string;
    try {
      text = await readFile(this.#marker, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return JSON.parse(text) as SegmentBase;
    } catch (cause) {
      throw new WeirError('store-corrupt', `${this.#marker} is damaged; let this member fetch its data from the others`, { cause });
    }
  }

  /** Carries out what is staged. The index is closed. Each step may have been taken before. */
  async install(base: SegmentBase, log: EntryLog): Promise<void> {
    if (log.lastIndex !== base.index || log.firstIndex !== base.index + 1) await log.restart(base);
    if (await exists(this.#incoming)) {
      await rm(this.#index, { recursive: true, force: true });
      await rename(this.#incoming, this.#index);
      await syncDirectory(this.#directory);
    }
    await rm(this.#marker, { force: true });
    await syncDirectory(this.#directory);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(join(path, 'CURRENT'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
