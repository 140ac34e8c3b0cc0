import { WeirError } from '../../src/base/errors.ts';
import { header } from './layout.ts';

/** Powers of two. The most is address space that is set aside, not memory. */
export interface Limits {
  readonly bytesFirst: number;
  readonly bytesMax: number;
}

const limitsDefault: Limits = { bytesFirst: 2 ** 18, bytesMax: 2 ** 30 };

/** What was allocated. */
export interface Block {
  readonly offset: number;
  readonly length: number;
}

export const noBlock: Block = { offset: 0, length: 0 };

/** Four words at least; blocks are powers of two, so that what one frees another of its size takes. */
const sizeClassMin = 2;

/**
 * The memory of a classifier: one SharedArrayBuffer of 32-bit words, written by one thread and read by any. Offsets stand for addresses; 0 is
 * none, because the header is there. `words` is another array after each
 * `allocate` that had to grow: take it anew, and never on the left of a call that allocates. `write` brackets an update with the sequence number that readers compare before and after (a seqlock).
 */
export class Arena {
  words: Int32Array<SharedArrayBuffer>;
  private used: number = header.size;
  private freed = 0;
  private readonly free: number[][] = Array.from({ length: 32 }, () => []);
  private readonly buffer: SharedArrayBuffer;

  constructor(limits: Limits = limitsDefault) {
    this.buffer = new SharedArrayBuffer(limits.bytesFirst, { maxByteLength: limits.bytesMax });
    this.words = viewOf(this.buffer);
    this.words[header.capacity] = this.words.length;
  }

  /** Words in blocks that are in use, and of the whole buffer. */
  get usage(): { readonly used: number; readonly capacity: number } {
    return { used: this.used - this.freed, capacity: this.words.length };
  }

  /** The words of the block are zero. `this.words` may be another array afterwards. */
  allocate(length: number): number {
    const sizeClass = sizeClassOf(length);
    const size = 1 << sizeClass;
    const known = this.free[sizeClass]?.pop();
    if (known !== undefined) {
      this.freed -= size;
      this.words.fill(0, known, known + size);
      return known;
    }
    while (this.used + size > this.words.length) this.grow();
    const offset = this.used;
    this.used += size;
    return offset;
  }

  release(offset: number, length: number): void {
    if (offset === 0) return;
    const sizeClass = sizeClassOf(length);
    this.freed += 1 << sizeClass;
    this.free[sizeClass]?.push(offset);
  }

  /** A block with what the old one held, and room for `length`. */
  resize(offset: number, before: number, length: number): number {
    if (offset !== 0 && sizeClassOf(before) === sizeClassOf(length)) return offset;
    const target = this.allocate(length);
    if (offset !== 0) this.words.copyWithin(target, offset, offset + Math.min(before, length));
    this.release(offset, before);
    return target;
  }

  /** Readers that look meanwhile look again afterwards. */
  write<T>(update: () => T): T {
    Atomics.add(this.words, header.sequence, 1);
    try {
      return update();
    } finally {
      Atomics.add(this.words, header.sequence, 1);
      Atomics.notify(this.words, header.sequence);
    }
  }

  /** Readers notice by the capacity, which stands in the header, and look at the buffer anew. */
  private grow(): void {
    const bytes = Math.min(this.buffer.byteLength * 2, this.buffer.maxByteLength);
    if (bytes === this.buffer.byteLength) throw new WeirError('classifier-full', `a classifier has ${bytes} bytes at most`);
    this.buffer.grow(bytes);
    this.words = viewOf(this.buffer);
    this.words[header.capacity] = this.words.length;
  }
}

/** Of fixed length: whoever finds the capacity in the header to be larger makes another. */
export const viewOf = (buffer: SharedArrayBuffer): Int32Array<SharedArrayBuffer> => new Int32Array(buffer, 0, buffer.byteLength >>> 2);

const sizeClassOf = (length: number): number => Math.max(sizeClassMin, 32 - Math.clz32(Math.max(1, length) - 1));
