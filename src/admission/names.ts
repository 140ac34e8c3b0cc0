import type { Kind } from '../../policies/model/index.ts';
import type { KeyParts } from './keys.ts';

/** Names by kind and owner. Sorted when they are listed and not before, so that a write costs no more than a set. */
export class Names {
  readonly #kinds = new Map<Kind, Sorted<string, Sorted<string, true>>>();

  change(parts: KeyParts, present: boolean): void {
    const owners = getOrAdd(this.#kinds, parts.kind);
    const owner = parts.tenant ?? '';
    let names = owners.get(owner);
    if (present) {
      if (names === undefined) {
        names = new Sorted();
        owners.set(owner, names);
      }
      names.set(parts.name, true);
    } else if (names !== undefined) {
      names.delete(parts.name);
      if (names.size === 0) owners.delete(owner);
    }
  }

  /** The platform first, then tenants by name. */
  owners(kind: Kind): readonly (string | undefined)[] {
    return (this.#kinds.get(kind)?.keys() ?? []).map((owner) => (owner === '' ? undefined : owner));
  }

  of(kind: Kind, owner: string | undefined): readonly string[] {
    return (
      this.#kinds
        .get(kind)
        ?.get(owner ?? '')
        ?.keys() ?? []
    );
  }

  count(kind: Kind, owner: string | undefined): number {
    return this.#kinds.get(kind)?.get(owner ?? '')?.size ?? 0;
  }
}

function getOrAdd(map: Map<Kind, Sorted<string, Sorted<string, true>>>, kind: Kind): Sorted<string, Sorted<string, true>> {
  const present = map.get(kind);
  if (present !== undefined) return present;
  const added = new Sorted<string, Sorted<string, true>>();
  map.set(kind, added);
  return added;
}

/** A map whose keys come out in order. */
class Sorted<K extends string, V> {
  readonly #entries = new Map<K, V>();
  #order: readonly K[] | undefined;

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    if (!this.#entries.has(key)) this.#order = undefined;
    this.#entries.set(key, value);
  }

  delete(key: K): void {
    if (this.#entries.delete(key)) this.#order = undefined;
  }

  keys(): readonly K[] {
    this.#order ??= [...this.#entries.keys()].sort();
    return this.#order;
  }
}
