import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { assert } from '../../src/base/errors.ts';
import type { Membership, Term } from '../raft/types.ts';
import { checksumHolds, decodeHeader, type Place, recordBytes, type RecordHeader, recordHeaderBytes, recordMagic } from './record.ts';

/**
 * One file of the log: a header, records without gaps, zeros to the end. The zeros are written and synced long before the header, so that a
 * record only overwrites blocks that the disk has already given, and its sync has no metadata to write.
 *
 *     0  8 bytes  magic 'WEIRLOG2'
 *     8  u32      number of the segment
 *    12  u32      bytes of the base
 *    16  u32      CRC-32 of all others of the 4,096 bytes
 *    20           the base, JSON; zeros to byte 4,096
 *
 * The base is the place behind which the segment goes on. Entries behind it in earlier segments were replaced: they count for nothing.
 */
export const segmentHeaderBytes = 4_096;

export interface SegmentBase extends Place {
  readonly term: Term;
  readonly membership: Membership;
}

const magic = Buffer.from('WEIRLOG2');
const baseStart = 20;
const windowBytes = 256 * 1024;
const zeros = Buffer.alloc(windowBytes);

export function segmentHeader(sequence: number, base: SegmentBase): Buffer {
  const text = Buffer.from(JSON.stringify(base));
  assert(baseStart + text.length <= segmentHeaderBytes, 'a membership is bounded');
  const header = Buffer.alloc(segmentHeaderBytes);
  magic.copy(header);
  header.writeUInt32LE(sequence, 8);
  header.writeUInt32LE(text.length, 12);
  text.copy(header, baseStart);
  header.writeUInt32LE(headerChecksum(header), 16);
  return header;
}

/** Undefined when the header is not whole, or of another segment. */
export function decodeSegmentHeader(header: Buffer, sequence: number): SegmentBase | undefined {
  if (header.length < segmentHeaderBytes || !header.subarray(0, magic.length).equals(magic)) return undefined;
  const size = header.readUInt32LE(12);
  if (header.readUInt32LE(8) !== sequence || baseStart + size > segmentHeaderBytes) return undefined;
  if (headerChecksum(header) !== header.readUInt32LE(16)) return undefined;
  return JSON.parse(header.toString('utf8', baseStart, baseStart + size)) as SegmentBase;
}

function headerChecksum(header: Buffer): number {
  return crc32(header.subarray(baseStart), crc32(header.subarray(0, 16)));
}

/** What stands at an offset. `bytes` of a record is valid until the reader is asked again. */
export type Found =
  | { readonly kind: 'record'; readonly header: RecordHeader; readonly bytes: Buffer; readonly at: number; readonly next: number }
  /** Only zeros, or nothing, in the place of a header. */
  | { readonly kind: 'end' }
  | { readonly kind: 'damaged'; readonly defect: string };

/** Reads one segment through a window; holds its own descriptor, so that an unlinked segment can be read to its end. */
export class SegmentReader {
  readonly #handle: FileHandle;
  readonly fileBytes: number;
  #window = Buffer.alloc(0);
  #windowStart = 0;

  private constructor(handle: FileHandle, fileBytes: number) {
    this.#handle = handle;
    this.fileBytes = fileBytes;
  }

  static async open(file: string): Promise<SegmentReader> {
    const handle = await open(file, 'r');
    return new SegmentReader(handle, (await handle.stat()).size);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Undefined when the header is not whole. */
  async base(sequence: number): Promise<SegmentBase | undefined> {
    return decodeSegmentHeader(await this.#read(0, segmentHeaderBytes), sequence);
  }

  async at(offset: number): Promise<Found> {
    let bytes = await this.#read(offset, recordHeaderBytes);
    if (bytes.length < recordHeaderBytes) {
      return isZero(bytes) ? { kind: 'end' } : { kind: 'damaged', defect: 'a record header is cut short' };
    }
    const header = decodeHeader(bytes, 0);
    if (header === undefined) {
      return isZero(bytes) ? { kind: 'end' } : { kind: 'damaged', defect: 'a record header is damaged' };
    }
    const size = recordBytes(header.payloadBytes);
    bytes = await this.#read(offset, size);
    if (bytes.length < size) return { kind: 'damaged', defect: 'a record is cut short' };
    if (!checksumHolds(bytes, 0, header)) return { kind: 'damaged', defect: 'the checksum of a record does not hold' };
    return { kind: 'record', header, bytes, at: 0, next: offset + size };
  }

  /** The offset of the first valid record behind `offset`; undefined when there is none. Records stand at multiples of 8. */
  async recordBehind(offset: number): Promise<number | undefined> {
    for (let start = offset + 8; start + recordHeaderBytes <= this.fileBytes; start += windowBytes) {
      const bytes = Buffer.from(await this.#read(start, windowBytes + recordMagic.length - 1));
      for (let at = bytes.indexOf(recordMagic); at !== -1; at = bytes.indexOf(recordMagic, at + 1)) {
        if ((start + at) % 8 === 0 && (await this.at(start + at)).kind === 'record') return start + at;
      }
    }
    return undefined;
  }

  /** Where the last byte that is not zero ends, at `offset` or behind; `offset` when there is none. */
  async contentEnd(offset: number): Promise<number> {
    let end = offset;
    for (let at = offset; at < this.fileBytes; at += windowBytes) {
      const bytes = await this.#read(at, Math.min(windowBytes, this.fileBytes - at));
      if (isZero(bytes)) continue;
      let last = bytes.length;
      while (bytes[last - 1] === 0) last--;
      end = at + last;
    }
    return end;
  }

  /** `size` bytes from `offset`, fewer at the end of the file. Valid until the next call. */
  async #read(offset: number, size: number): Promise<Buffer> {
    const wanted = Math.min(size, Math.max(0, this.fileBytes - offset));
    const start = offset - this.#windowStart;
    if (start >= 0 && start + wanted <= this.#window.length) return this.#window.subarray(start, start + wanted);
    const window = Buffer.allocUnsafe(Math.min(Math.max(wanted, windowBytes), this.fileBytes - offset));
    let filled = 0;
    while (filled < window.length) {
      const { bytesRead } = await this.#handle.read(window, filled, window.length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#window = window.subarray(0, filled);
    this.#windowStart = offset;
    return this.#window.subarray(0, wanted);
  }
}

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const end = Math.min(bytes.length, at + zeros.length);
    if (bytes.compare(zeros, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}
