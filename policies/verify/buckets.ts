/** From a key to the sets that are under it. */
export class Buckets<Key, T> {
  readonly #buckets = new Map<Key, Set<T>>();

  put(keys: Iterable<Key>, item: T): void {
    for (const key of keys) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) this.#buckets.set(key, new Set([item]));
      else bucket.add(item);
    }
  }

  drop(keys: Iterable<Key>, item: T): void {
    for (const key of keys) {
      const bucket = this.#buckets.get(key);
      bucket?.delete(item);
      if (bucket?.size === 0) this.#buckets.delete(key);
    }
  }

  /** What is under any of the keys, each once. */
  of(keys: Iterable<Key>): Iterable<T> {
    const [first, ...others] = keys;
    if (first === undefined) return [];
    if (others.length === 0) return this.#buckets.get(first) ?? [];
    const found = new Set(this.#buckets.get(first));
    for (const key of others) this.addTo(found, key);
    return found;
  }

  addTo(found: Set<T>, key: Key): void {
    const bucket = this.#buckets.get(key);
    if (bucket !== undefined) for (const item of bucket) found.add(item);
  }
}

/** More cells than this make a set a wide one, which is near to all. */
export const cellsMax = 64;
