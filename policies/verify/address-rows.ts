import type { Family } from '../../src/base/addresses.ts';
import { familyLine } from './address-line.ts';
import type { Addresses, AddressSet } from './address-line.ts';
import { putAll } from './bits.ts';
import type { Bits } from './bits.ts';
import { Buckets, cellsMax } from './buckets.ts';
import { bigints } from './intervals.ts';
import { RowTable } from './row-table.ts';
import type { SetIndex } from './row-table.ts';

export type AddressRows = Readonly<Record<Family, FamilyRows>>;

/** Which rules have addresses of the family that stand so to some addresses. */
interface FamilyRows {
  readonly overlap: Bits;
  /** Only where there are addresses of the family. */
  readonly contains: Bits;
  /** Of those that have addresses of the family. */
  readonly within: Bits;
}

const families: readonly Family[] = [4, 6];

export function addressRows(words: () => number): RowTable<Addresses, AddressRows> {
  let none = new Uint32Array(0);
  /** Where there are no addresses of the family, no rule stands to them in any way; what overlaps with a single one contains it. */
  const empty = (of: AddressSet): FamilyRows => {
    if (none.length !== words()) none = new Uint32Array(words());
    if (of.length === 0) return { overlap: none, contains: none, within: none };
    const overlap = new Uint32Array(words());
    const isPoint = of.length === 2 && of[0] === of[1];
    return { overlap, contains: isPoint ? overlap : new Uint32Array(words()), within: new Uint32Array(words()) };
  };
  return new RowTable(() => new AddressIndex(), {
    empty: (set) => ({ 4: empty(set.in[4]), 6: empty(set.in[6]) }),
    put: (rows, set, other, slots) => {
      for (const family of families) {
        const [mine, theirs] = [set.in[family], other.in[family]];
        if (!bigints.overlaps(mine, theirs)) continue;
        putAll(rows[family].overlap, slots);
        if (bigints.contains(theirs, mine)) putAll(rows[family].contains, slots);
        if (bigints.contains(mine, theirs)) putAll(rows[family].within, slots);
      }
    },
    bitsOf: (rows) => families.flatMap((family) => [rows[family].overlap, rows[family].contains, rows[family].within]),
  });
}

/** Bits behind a fine and behind a coarse cell: /16 and /8 in IPv4, /48 and /32 in IPv6. */
const fineBits = { 4: 16n, 6: 80n } as const;
const coarseBits = { 4: 24n, 6: 96n } as const;
const ipv6Start = familyLine[6][0] ?? 0n;

/** Sets of fine cells by them, of coarse cells by them, and of fine ones by the coarse cell around them. */
class AddressIndex implements SetIndex<Addresses> {
  readonly #all = new Set<Addresses>();
  readonly #wide = new Set<Addresses>();
  readonly #fine = new Buckets<number, Addresses>();
  readonly #coarse = new Buckets<number, Addresses>();
  readonly #inCoarse = new Buckets<number, Addresses>();

  add(set: Addresses): void {
    this.#all.add(set);
    this.#change(set, 'put');
  }

  remove(set: Addresses): void {
    this.#all.delete(set);
    this.#change(set, 'drop');
  }

  #change(set: Addresses, change: 'put' | 'drop'): void {
    const cells = cellsOf(set.all);
    if (cells === undefined) this.#wide[change === 'put' ? 'add' : 'delete'](set);
    else if (cells.fine === undefined) this.#coarse[change](cells.coarse, set);
    else {
      this.#fine[change](cells.fine, set);
      this.#inCoarse[change](cells.coarse, set);
    }
  }

  near({ all }: Addresses): Iterable<Addresses> {
    const cells = cellsOf(all);
    if (cells === undefined) return this.#all;
    const found = new Set(this.#wide);
    for (const cell of cells.coarse) this.#coarse.addTo(found, cell);
    if (cells.fine === undefined) for (const cell of cells.coarse) this.#inCoarse.addTo(found, cell);
    else for (const cell of cells.fine) this.#fine.addTo(found, cell);
    return found;
  }
}

interface Cells {
  /** Undefined where they would be too many. */
  readonly fine: readonly number[] | undefined;
  readonly coarse: readonly number[];
}

/** Undefined for a set that is spread too wide. */
function cellsOf(set: AddressSet): Cells | undefined {
  const coarse = cellsAt(set, coarseBits);
  return coarse && { fine: cellsAt(set, fineBits), coarse };
}

function cellsAt(set: AddressSet, bits: Readonly<Record<Family, bigint>>): readonly number[] | undefined {
  const cells = new Set<number>();
  for (let at = 0; at < set.length; at += 2) {
    const [first = 0n, last = 0n] = [set[at], set[at + 1]];
    const family = first < ipv6Start ? 4 : 6;
    const [start, end] = [Number(first >> bits[family]), Number(last >> bits[family])];
    if (end - start + cells.size > cellsMax) return undefined;
    // The line of IPv6 begins behind that of IPv4, so that its first cells have numbers of IPv4's.
    for (let cell = start; cell <= end; cell++) cells.add(family === 4 ? cell : -1 - cell);
  }
  return [...cells];
}
