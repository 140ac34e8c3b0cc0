import type { Kind } from '../../policies/model/index.ts';
import type { KeyParts } from './keys.ts';

/** Names by kind and owner, in order. */
export class Names {
  readonly #kinds = new Map<Kind, Sorted<string, SortedNames>>();

  change(parts: KeyParts, present: boolean): void {
    const owners = getOrAdd(this.#kinds, parts.kind);
    const owner = parts.tenant ?? '';
    let names = owners.get(owner);
    if (present) {
      if (names === undefined) {
        names = new SortedNames();
        owners.set(owner, names);
      }
      names.add(parts.name);
    } else if (names !== undefined) {
      names.delete(parts.name);
      if (names.count === 0) owners.delete(owner);
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
        ?.all() ?? []
    );
  }

  count(kind: Kind, owner: string | undefined): number {
    return this.#kinds.get(kind)?.get(owner ?? '')?.count ?? 0;
  }
}

function getOrAdd(map: Map<Kind, Sorted<string, SortedNames>>, kind: Kind): Sorted<string, SortedNames> {
  const present = map.get(kind);
  if (present !== undefined) return present;
  const added = new Sorted<string, SortedNames>();
  map.set(kind, added);
  return added;
}

/** A map whose keys come out in order. */
class Sorted<K extends string, V> {
  readonly #entries = new Map<K, V>();
  #order: readonly K[] | undefined;

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

const few = 16;

/** The names of one owner, sorted. Most have a few: an array has a tenth of the room of a set, when it did not grow in place. */
class SortedNames {
  #names: string[] = [];
  /** Handed out since it was changed, and not to be changed any more. */
  #isShared = false;

  get count(): number {
    return this.#names.length;
  }

  /** One that is not there. */
  add(name: string): void {
    this.#splice(this.#placeOf(name), 0, name);
  }

  delete(name: string): void {
    const at = this.#placeOf(name);
    if (this.#names[at] === name) this.#splice(at, 1);
  }

  all(): readonly string[] {
    this.#isShared = true;
    return this.#names;
  }

  #placeOf(name: string): number {
    let [low, high] = [0, this.#names.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#names[middle] ?? '') < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #splice(at: number, removed: number, ...added: readonly string[]): void {
    if (this.#isShared || this.#names.length < few) this.#names = this.#names.toSpliced(at, removed, ...added);
    else this.#names.splice(at, removed, ...added);
    this.#isShared = false;
  }
}
