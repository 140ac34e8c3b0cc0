import { familyLine } from './address-line.ts';
import type { AddressSet } from './address-line.ts';
import type { Interned } from './interner.ts';
import type { KnownBox } from './box-table.ts';
import { finiteKey } from './label-box.ts';
import type { LocalSet, PeerSet, Services } from './rule-space.ts';

/** Finds, of many sets, those that can overlap with one: some that do not, never too few. */
export interface SetIndex<S> {
  add(set: Interned<S>): void;
  remove(set: Interned<S>): void;
  near(set: Interned<S>): ReadonlySet<Interned<S>>;
}

/** From a bucket to what is in it. */
class Buckets<Key, T> {
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

  of(key: Key): Iterable<T> {
    return this.#buckets.get(key) ?? [];
  }
}

const wide = 'wide';

/** By one label of each box that has few values; boxes that differ in it cannot overlap. */
class LabelIndex<T> {
  readonly #buckets = new Buckets<string, T>();
  readonly #all = new Buckets<string, T>();
  readonly #keys = new Map<string, number>();

  change(boxes: readonly KnownBox[], item: T, change: 'put' | 'drop'): void {
    for (const { box } of boxes) {
      const finite = finiteKey(box);
      const key = finite?.key ?? wide;
      this.#all[change]([key], item);
      if (finite !== undefined) this.#buckets[change](cellsOf(finite.key, finite.values), item);
      const count = (this.#keys.get(key) ?? 0) + (change === 'put' ? 1 : -1);
      if (count === 0) this.#keys.delete(key);
      else this.#keys.set(key, count);
    }
  }

  *near({ box }: KnownBox): Iterable<T> {
    for (const key of this.#keys.keys()) {
      const own = box.get(key);
      if (own === undefined || own.isComplement) yield* this.#all.of(key);
      else for (const cell of cellsOf(key, own.values)) yield* this.#buckets.of(cell);
    }
  }
}

const cellsOf = (key: string, values: ReadonlySet<string>): readonly string[] => [...values].map((value) => `${key}=${value}`);

export class LocalIndex implements SetIndex<LocalSet> {
  readonly #labels = new LabelIndex<Interned<LocalSet>>();

  add(set: Interned<LocalSet>): void {
    this.#labels.change(set.value.boxes, set, 'put');
  }

  remove(set: Interned<LocalSet>): void {
    this.#labels.change(set.value.boxes, set, 'drop');
  }

  near(set: Interned<LocalSet>): ReadonlySet<Interned<LocalSet>> {
    const found = new Set<Interned<LocalSet>>();
    for (const box of set.value.boxes) for (const other of this.#labels.near(box)) found.add(other);
    return found;
  }
}

/** More cells than this make a set a wide one, which is near to all. */
const cellsMax = 64;

/** Ports in cells of 64. */
const portCellBits = 6;

export class ServiceIndex implements SetIndex<Services> {
  readonly #cells = new Buckets<number | typeof wide, Interned<Services>>();
  readonly #all = new Set<Interned<Services>>();

  add(set: Interned<Services>): void {
    this.#all.add(set);
    this.#cells.put(this.#cellsOf(set) ?? [wide], set);
  }

  remove(set: Interned<Services>): void {
    this.#all.delete(set);
    this.#cells.drop(this.#cellsOf(set) ?? [wide], set);
  }

  near(set: Interned<Services>): ReadonlySet<Interned<Services>> {
    const cells = this.#cellsOf(set);
    if (cells === undefined) return this.#all;
    const found = new Set(this.#cells.of(wide));
    for (const cell of cells) for (const other of this.#cells.of(cell)) found.add(other);
    return found;
  }

  #cellsOf({ value: { possible } }: Interned<Services>): readonly number[] | undefined {
    const cells: number[] = [];
    for (let at = 0; at < possible.length; at += 2) {
      const [first, last] = [(possible[at] ?? 0) >> portCellBits, (possible[at + 1] ?? 0) >> portCellBits];
      if (last - first + cells.length > cellsMax) return undefined;
      for (let cell = first; cell <= last; cell++) cells.push(cell);
    }
    return cells;
  }
}

/** Bits behind a fine and behind a coarse cell: /16 and /8 in IPv4, /48 and /32 in IPv6. */
const fineBits = { 4: 16n, 6: 80n } as const;
const coarseBits = { 4: 24n, 6: 96n } as const;
const ipv6Start = familyLine[6][0] ?? 0n;

export class PeerIndex implements SetIndex<PeerSet> {
  readonly #labels = new LabelIndex<Interned<PeerSet>>();
  readonly #grouped = new Set<Interned<PeerSet>>();
  readonly #addressed = new Set<Interned<PeerSet>>();
  /** Sets of fine cells by them, of coarse cells by them, and of fine ones by the coarse cell around them. */
  readonly #cells = new Buckets<string, Interned<PeerSet>>();

  add(set: Interned<PeerSet>): void {
    this.#change(set, 'put');
  }

  remove(set: Interned<PeerSet>): void {
    this.#change(set, 'drop');
  }

  /** A group may have members with any address: what has groups is near to all that has addresses. */
  near({ value }: Interned<PeerSet>): ReadonlySet<Interned<PeerSet>> {
    const found = new Set<Interned<PeerSet>>();
    const take = (sets: Iterable<Interned<PeerSet>>): void => {
      for (const other of sets) found.add(other);
    };
    for (const box of value.boxes) take(this.#labels.near(box));
    if (value.boxes.length > 0) take(this.#addressed);
    if (value.addresses.length === 0) return found;
    take(this.#grouped);
    const cells = addressCells(value.addresses);
    if (cells === undefined) take(this.#addressed);
    else {
      take(this.#cells.of(wide));
      for (const cell of [...cells.own, ...cells.around]) take(this.#cells.of(cell));
      if (cells.isCoarse) for (const cell of cells.own) take(this.#cells.of(`in ${cell}`));
    }
    return found;
  }

  #change(set: Interned<PeerSet>, change: 'put' | 'drop'): void {
    const { boxes, addresses } = set.value;
    const verb = change === 'put' ? 'add' : 'delete';
    this.#labels.change(boxes, set, change);
    if (boxes.length > 0) this.#grouped[verb](set);
    if (addresses.length === 0) return;
    this.#addressed[verb](set);
    const cells = addressCells(addresses);
    this.#cells[change](cells?.own ?? [wide], set);
    this.#cells[change](cells?.around.map((cell) => `in ${cell}`) ?? [], set);
  }
}

interface Cells {
  readonly isCoarse: boolean;
  readonly own: readonly string[];
  /** Of fine cells the coarse ones around them. */
  readonly around: readonly string[];
}

/** Undefined for a set that is spread too wide. */
function addressCells(set: AddressSet): Cells | undefined {
  const fine = cellsAt(set, fineBits, 'fine');
  if (fine !== undefined) return { isCoarse: false, own: fine, around: cellsAt(set, coarseBits, 'coarse') ?? [] };
  const coarse = cellsAt(set, coarseBits, 'coarse');
  return coarse && { isCoarse: true, own: coarse, around: [] };
}

function cellsAt(set: AddressSet, bits: Readonly<Record<4 | 6, bigint>>, name: string): readonly string[] | undefined {
  const cells = new Set<string>();
  for (let at = 0; at < set.length; at += 2) {
    const [first = 0n, last = 0n] = [set[at], set[at + 1]];
    const family = first < ipv6Start ? 4 : 6;
    const [start, end] = [first >> bits[family], last >> bits[family]];
    if (end - start > BigInt(cellsMax) || cells.size > cellsMax) return undefined;
    for (let cell = start; cell <= end; cell++) cells.add(`${name} ${family} ${cell}`);
  }
  return [...cells];
}
