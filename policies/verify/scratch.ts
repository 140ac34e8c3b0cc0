import type { Bits } from './bits.ts';

/** Rows that are used again and again, each for one purpose: what is in one is good until it is taken for the same purpose. */
export class Scratch<Purpose extends string> {
  readonly #rows = new Map<Purpose, Bits>();
  readonly #words: () => number;

  constructor(words: () => number) {
    this.#words = words;
  }

  /** Without a bit. */
  take(purpose: Purpose): Bits {
    const row = this.#rows.get(purpose);
    if (row?.length === this.#words()) return row.fill(0);
    const fresh = new Uint32Array(this.#words());
    this.#rows.set(purpose, fresh);
    return fresh;
  }

  copy(purpose: Purpose, bits: Bits): Bits {
    const row = this.take(purpose);
    row.set(bits);
    return row;
  }

  forget(): void {
    this.#rows.clear();
  }
}
