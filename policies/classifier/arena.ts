import { WeirError } from '../../src/base/errors.ts';
import { header, lineWords, vectorMax } from './layout.ts';

/** Powers of two, of 64 KiB at least. The most is address space that is set aside, not memory. */
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
 * The memory of a classifier: shared 32-bit words, written by one thread and read by any. Offsets stand for addresses; 0 is
 * none, because the header is there. `words` is another array after each
 * `allocate` that had to grow: take it anew, and never on the left of a call that allocates. `write` brackets an update with the sequence number that readers compare before and after (a seqlock).
 */
export class Arena {
  words: Int32Array<SharedArrayBuffer>;
  private used: number = header.size;
  private freed = 0;
  private readonly free: number[][] = Array.from({ length: 32 }, () => []);
  /** What a view of it is made from, on any thread. */
  readonly memory: WebAssembly.Memory;
  private readonly pagesMax: number;

  constructor(limits: Limits = limitsDefault) {
    this.pagesMax = pagesOf(limits.bytesMax);
    this.memory = memoryOf(pagesOf(limits.bytesFirst), this.pagesMax);
    this.words = viewOf(this.memory);
    this.words[header.capacity] = this.words.length;
  }

  /** Words in blocks that are in use, and of the whole buffer. */
  get usage(): { readonly used: number; readonly capacity: number } {
    return { used: this.used - this.freed, capacity: this.words.length };
  }

  /** There are never more. */
  get wordsMax(): number {
    return this.pagesMax * (pageBytes >>> 2);
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
    // A block of a line of the processor's or more begins with one.
    const gap = size < lineWords ? 0 : -this.used & (lineWords - 1);
    this.used += gap;
    this.freed += gap;
    while (this.used + size > this.words.length - vectorMax) this.grow();
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

  /** Readers notice by the capacity, which stands in the header, and look at the memory anew. */
  private grow(): void {
    const pages = pagesOf(this.words.byteLength);
    const more = Math.min(pages, this.pagesMax - pages);
    if (more === 0) throw fullAt(this.words.byteLength);
    try {
      this.memory.grow(more);
    } catch {
      throw fullAt(this.words.byteLength);
    }
    this.words = viewOf(this.memory);
    this.words[header.capacity] = this.words.length;
  }
}

const pageBytes = 65_536;
const pagesOf = (bytes: number): number => Math.ceil(bytes / pageBytes);

const fullAt = (bytes: number): WeirError => new WeirError('classifier-full', `a classifier has ${bytes} bytes at most`);

/** Of WebAssembly, so that the kernel reads it. */
function memoryOf(initial: number, maximum: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial, maximum, shared: true });
  } catch {
    throw fullAt(0);
  }
}

/** As long as the memory is now: whoever finds the capacity in the header to be larger makes another. */
export function viewOf(memory: WebAssembly.Memory): Int32Array<SharedArrayBuffer> {
  const { buffer } = memory;
  return new Int32Array(buffer, 0, buffer.byteLength >>> 2);
}

const sizeClassOf = (length: number): number => Math.max(sizeClassMin, 32 - Math.clz32(Math.max(1, length) - 1));
