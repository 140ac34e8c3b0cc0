/** What becomes different: a key is in `put` or in `removed`, never in both. */
export interface Difference<K, V> {
  readonly put: Map<K, V>;
  readonly removed: Set<K>;
}

export const noDifference = <K, V>(): Difference<K, V> => ({ put: new Map(), removed: new Set() });

/**
 * Who wants what. While a difference is put together two owners may want the same key, such as an address that moves from one
 * interface to another: the later one has it, and the earlier one's leaving does not take it away.
 */
export class Holdings<K, V> {
  readonly #keyOf: (value: V) => K;
  readonly #held = new Map<string, readonly K[]>();
  readonly #owners = new Map<K, string>();

  constructor(keyOf: (value: V) => K) {
    this.#keyOf = keyOf;
  }

  ownerOf(key: K): string | undefined {
    return this.#owners.get(key);
  }

  /** From now on the owner wants these and nothing else. */
  own(owner: string, values: readonly V[], difference: Difference<K, V>): void {
    const before = this.#held.get(owner);
    const keys = values.map((value) => {
      const key = this.#keyOf(value);
      this.#owners.set(key, owner);
      difference.put.set(key, value);
      difference.removed.delete(key);
      return key;
    });
    if (keys.length > 0) this.#held.set(owner, keys);
    else this.#held.delete(owner);
    if (before) this.#release(owner, before, new Set(keys), difference);
  }

  disown(owner: string, difference: Difference<K, V>): void {
    this.own(owner, [], difference);
  }

  #release(owner: string, keys: readonly K[], kept: ReadonlySet<K>, { put, removed }: Difference<K, V>): void {
    for (const key of keys) {
      if (kept.has(key) || this.#owners.get(key) !== owner) continue;
      this.#owners.delete(key);
      put.delete(key);
      removed.add(key);
    }
  }
}
