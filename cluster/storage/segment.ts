import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { checksumHolds, decodeHeader, recordBytes, type RecordHeader, recordHeaderBytes, recordMagic } from './record.ts';

/**
 * One file of the commit log: a header of 16 bytes (magic, u32 number of the segment, u32 CRC-32 of the first 12
 * bytes), records without gaps, zeros to the end. The zeros are written and synced before the header, so that a record
 * only overwrites blocks that the disk has already given, and its sync has no metadata to write.
 */
export const segmentHeaderBytes = 16;

const magic = Buffer.from('WEIRLOG1');
const windowBytes = 256 * 1024;
const zeros = Buffer.alloc(windowBytes);

export function segmentHeader(sequence: number): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes);
  magic.copy(header);
  header.writeUInt32LE(sequence, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
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

  async headerHolds(sequence: number): Promise<boolean> {
    return segmentHeader(sequence).equals(await this.#read(0, segmentHeaderBytes));
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
