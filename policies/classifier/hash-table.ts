import type { Arena } from './arena.ts';
import { mix } from './layout.ts';

interface Shape {
  /** Where in the header the offset of the slots stands; behind it the number of slots less one. */
  readonly at: number;
  readonly slotSize: number;
  readonly keySize: number;
}

/**
 * Open addressing with linear probing, at most half full. A slot begins with the key's words, the first of them plus one: 0 is
 * an empty slot. A removal moves the slots behind it up, so that no graves slow down readers.
 */
export class HashTable {
  private readonly arena: Arena;
  private readonly shape: Shape;
  private count = 0;

  constructor(arena: Arena, shape: Shape) {
    this.arena = arena;
    this.shape = shape;
    this.install(16);
  }

  /** The offset of the slot with this key; 0: none. */
  find(key: readonly number[]): number {
    const { words } = this.arena;
    for (let index = this.home(key); ; index = (index + 1) & this.mask) {
      const offset = this.offset(index);
      if (words[offset] === 0) return 0;
      if (this.isAt(offset, key)) return offset;
    }
  }

  /** The slot with this key; a new one has zeros behind it. */
  insert(key: readonly number[]): number {
    const known = this.find(key);
    if (known !== 0) return known;
    if (++this.count * 2 > this.mask + 1) this.grow();
    const offset = this.vacancy(key);
    const { words } = this.arena;
    words.fill(0, offset, offset + this.shape.slotSize);
    for (let word = 0; word < this.shape.keySize; word++) words[offset + word] = (key[word] ?? 0) + (word === 0 ? 1 : 0);
    return offset;
  }

  remove(key: readonly number[]): void {
    const found = this.find(key);
    if (found === 0) return;
    this.count--;
    const { words } = this.arena;
    const { slotSize } = this.shape;
    let hole = (found - this.base) / slotSize;
    for (let index = (hole + 1) & this.mask; words[this.offset(index)] !== 0; index = (index + 1) & this.mask) {
      const home = this.home(this.keyAt(this.offset(index)));
      // A slot may move up only as far as its home.
      if (((index - home) & this.mask) < ((index - hole) & this.mask)) continue;
      words.copyWithin(this.offset(hole), this.offset(index), this.offset(index) + slotSize);
      hole = index;
    }
    words.fill(0, this.offset(hole), this.offset(hole) + slotSize);
  }

  private get base(): number {
    return this.arena.words[this.shape.at] ?? 0;
  }

  private get mask(): number {
    return this.arena.words[this.shape.at + 1] ?? 0;
  }

  private offset(index: number): number {
    return this.base + index * this.shape.slotSize;
  }

  private home(key: readonly number[]): number {
    return hashOf(key) & this.mask;
  }

  private keyAt(offset: number): readonly number[] {
    const key = Array.from(this.arena.words.subarray(offset, offset + this.shape.keySize));
    key[0] = (key[0] ?? 0) - 1;
    return key;
  }

  private isAt(offset: number, key: readonly number[]): boolean {
    const { words } = this.arena;
    for (let word = 0; word < this.shape.keySize; word++) {
      if ((words[offset + word] ?? 0) - (word === 0 ? 1 : 0) !== (key[word] ?? 0)) return false;
    }
    return true;
  }

  private vacancy(key: readonly number[]): number {
    let index = this.home(key);
    while (this.arena.words[this.offset(index)] !== 0) index = (index + 1) & this.mask;
    return this.offset(index);
  }

  private install(slots: number): void {
    const base = this.arena.allocate(slots * this.shape.slotSize);
    this.arena.words[this.shape.at] = base;
    this.arena.words[this.shape.at + 1] = slots - 1;
  }

  private grow(): void {
    const { base, mask } = this;
    const { slotSize } = this.shape;
    this.install((mask + 1) * 2);
    for (let before = base; before <= base + mask * slotSize; before += slotSize) {
      if (this.arena.words[before] === 0) continue;
      this.arena.words.copyWithin(this.vacancy(this.keyAt(before)), before, before + slotSize);
    }
    this.arena.release(base, (mask + 1) * slotSize);
  }
}

/** Of two words, or of five: domain and the words of an IPv6 address. */
function hashOf([first = 0, ...rest]: readonly number[]): number {
  return rest.reduce(mix, first);
}
