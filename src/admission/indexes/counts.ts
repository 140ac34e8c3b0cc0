/** How often each key was added. A key stands until it was taken away as often; in what order does not matter. */
export class Counts {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  keys(): Iterable<string> {
    return this.#counts.keys();
  }

  change(key: string, by: number): void {
    const after = this.of(key) + by;
    if (after === 0) this.#counts.delete(key);
    else this.#counts.set(key, after);
  }
}

/** The counts under a key, which are dropped with their last. */
export function changeIn<K>(counts: Map<K, Counts>, key: K, entry: string, by: number): void {
  const present = counts.get(key) ?? new Counts();
  present.change(entry, by);
  if (present.size === 0) counts.delete(key);
  else counts.set(key, present);
}
