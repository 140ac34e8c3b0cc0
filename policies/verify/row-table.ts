import { restrict } from './bits.ts';
import type { Bits } from './bits.ts';

/** Finds, of many sets, those that can overlap with one: some that do not, never too few. */
export interface SetIndex<S> {
  add(set: S): void;
  remove(set: S): void;
  near(set: S): Iterable<S>;
}

/** What rows are made of. */
export interface RowMaker<S, Rows> {
  empty(set: S): Rows;
  /** Puts rules that have come into rows that may be of sets that are not near. */
  greet?(rows: Rows, slots: readonly number[]): void;
  /** Puts rules that have `other` into rows of `set`, where it stands so to it. */
  put(rows: Rows, set: S, other: S, slots: readonly number[]): void;
  bitsOf(rows: Rows): readonly Bits[];
}

/** Rows of one table that are kept, in words of 32 bits; when there are more, all are made again as they are asked for. */
const keptWordsMax = 3 * 2 ** 20;
const sweptAtOnce = 64;

/**
 * The rules of a scope by one of their sets; and for sets that are asked about, rows of bits that say of each rule how it stands to them.
 * Rows are made from the sets near when they are first asked for, and kept up to date when rules come and go.
 */
export class RowTable<S, Rows> {
  readonly #index: SetIndex<S>;
  /** Of the sets that have rows. */
  #asked: SetIndex<S>;
  readonly #makeIndex: () => SetIndex<S>;
  readonly #maker: RowMaker<S, Rows>;
  readonly #slots = new Map<S, number[]>();
  readonly #rows = new Map<S, Rows>();
  /** Rules that the rows do not have yet. */
  readonly #arrived = new Map<S, number[]>();
  #keptWords = 0;

  constructor(makeIndex: () => SetIndex<S>, maker: RowMaker<S, Rows>) {
    this.#makeIndex = makeIndex;
    this.#index = makeIndex();
    this.#asked = makeIndex();
    this.#maker = maker;
  }

  get isEmpty(): boolean {
    return this.#slots.size === 0;
  }

  add(set: S, slot: number): void {
    if (append(this.#slots, set, slot)) this.#index.add(set);
    if (this.#rows.size > 0) append(this.#arrived, set, slot);
  }

  /** Its bits stay in the rows until they are swept. */
  remove(set: S, slot: number): void {
    const slots = this.#slots.get(set);
    if (slots === undefined) return;
    slots.splice(slots.indexOf(slot), 1);
    if (slots.length > 0) return;
    this.#slots.delete(set);
    this.#index.remove(set);
  }

  rowsOf(set: S): Rows {
    if (this.#arrived.size > 0) this.#catchUp();
    const known = this.#rows.get(set);
    if (known !== undefined) return known;
    const rows = this.#maker.empty(set);
    for (const other of this.#index.near(set)) this.#maker.put(rows, set, other, this.#slots.get(other) ?? []);
    if (this.#keptWords > keptWordsMax) this.forget();
    this.#rows.set(set, rows);
    this.#asked.add(set);
    for (const bits of this.#maker.bitsOf(rows)) this.#keptWords += bits.length;
    return rows;
  }

  /** Takes the bits of all other rules out, some rows between one yield and the next. */
  *sweep(live: Bits): Generator<undefined, void> {
    this.#catchUp();
    let left = sweptAtOnce;
    for (const rows of this.#rows.values()) {
      for (const bits of this.#maker.bitsOf(rows)) restrict(bits, live);
      if (--left > 0) continue;
      yield;
      left = sweptAtOnce;
    }
  }

  forget(): void {
    this.#asked = this.#makeIndex();
    this.#rows.clear();
    this.#arrived.clear();
    this.#keptWords = 0;
  }

  /** Once for each set, however many rules have it. */
  #catchUp(): void {
    for (const [other, slots] of this.#arrived) {
      if (this.#maker.greet) for (const rows of this.#rows.values()) this.#maker.greet(rows, slots);
      for (const set of this.#asked.near(other)) {
        const rows = this.#rows.get(set);
        if (rows !== undefined) this.#maker.put(rows, set, other, slots);
      }
    }
    this.#arrived.clear();
  }
}

/** @returns whether it is the first of the set */
function append<S>(lists: Map<S, number[]>, set: S, slot: number): boolean {
  const list = lists.get(set);
  list?.push(slot);
  if (list === undefined) lists.set(set, [slot]);
  return list === undefined;
}
