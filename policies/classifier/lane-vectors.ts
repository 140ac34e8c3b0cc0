import type { Arena, Block } from './arena.ts';
import { lineWords } from './layout.ts';

const blockFirst = 2 ** 10;
const blockMax = 2 ** 16;

/** The vectors of one table, of equal length, and what else it has: what is made stays until all of it is released. Equal vectors are one. */
export class LaneVectors {
  words = 0;
  private readonly arena: Arena;
  private readonly blocks: Block[] = [];
  private readonly known = new Map<number, number[]>();
  private next = 0;
  private end = 0;

  constructor(arena: Arena) {
    this.arena = arena;
  }

  /** At the start of a line of the processor's; zeros. */
  allocate(length: number): number {
    const size = Math.ceil(length / lineWords) * lineWords;
    if (this.next + size > this.end) this.extend(size);
    const offset = this.next;
    this.next += size;
    return offset;
  }

  /** The vector with these bits; `bits` is whole lines. */
  of(bits: Int32Array): number {
    const hash = hashOf(bits);
    const alike = this.known.get(hash);
    for (const offset of alike ?? []) if (this.isAt(offset, bits)) return offset;
    const offset = this.allocate(lineWords + bits.length);
    const { words } = this.arena;
    words.set(bits, offset + lineWords);
    let summary = 0;
    for (let index = 0; index < bits.length; index++) if (bits[index] !== 0) summary |= 1 << (index >>> 4);
    words[offset] = summary;
    if (alike) alike.push(offset);
    else this.known.set(hash, [offset]);
    return offset;
  }

  /** Copies the bits of a vector. */
  read(offset: number, bits: Int32Array): void {
    bits.set(this.arena.words.subarray(offset + lineWords, offset + lineWords + bits.length));
  }

  release(): void {
    for (const { offset, length } of this.blocks) this.arena.release(offset, length);
    this.blocks.length = 0;
    this.known.clear();
    this.words = this.next = this.end = 0;
  }

  private extend(size: number): void {
    const wanted = Math.min(blockMax, Math.max(blockFirst, this.words));
    const length = 2 ** Math.ceil(Math.log2(Math.max(wanted, size + lineWords)));
    const offset = this.arena.allocate(length);
    this.blocks.push({ offset, length });
    this.words += length;
    this.next = Math.ceil(offset / lineWords) * lineWords;
    this.end = offset + length;
  }

  private isAt(offset: number, bits: Int32Array): boolean {
    const { words } = this.arena;
    for (let index = 0; index < bits.length; index++) if (words[offset + lineWords + index] !== bits[index]) return false;
    return true;
  }
}

function hashOf(bits: Int32Array): number {
  let hash = bits.length;
  for (const word of bits) hash = Math.imul(hash ^ word, 0x9e3779b1) ^ (hash >>> 15);
  return hash;
}
