/** A value kept once for all that have an equal one; `id` is never used for another. */
export interface Interned<T> {
  readonly id: number;
  readonly value: T;
}

/** Gives equal values, known by their text, one object while somebody holds it. */
export class Interner<T extends { readonly text: string }> {
  readonly #held = new Map<string, { readonly entry: Interned<T>; holders: number }>();
  #lastId = 0;

  take(value: T): Interned<T> {
    const known = this.#held.get(value.text);
    if (known !== undefined) {
      known.holders++;
      return known.entry;
    }
    const entry = { id: ++this.#lastId, value };
    this.#held.set(value.text, { entry, holders: 1 });
    return entry;
  }

  give({ value }: Interned<T>): void {
    const known = this.#held.get(value.text);
    if (known === undefined) throw new Error(`invariant broken: nobody holds ${value.text}`);
    if (--known.holders === 0) this.#held.delete(value.text);
  }
}
