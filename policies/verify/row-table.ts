/** Finds, of many sets, those that can overlap with one: some that do not, never too few. */
export interface SetIndex<S> {
  add(set: S): void;
  remove(set: S): void;
  near(set: S): Iterable<S>;
}

/** Rows of one table that are kept, in words of 32 bits; when there are more, all are made again as they are asked for. */
const keptWordsMax = 8 * 2 ** 20;

/** The rules that have a set, as a row of bits has them. */
export type SlotsOf<S> = (set: S) => readonly number[];

/**
 * The rules of a scope by one of their sets; and for sets that are asked about, rows of bits that say of each rule how it stands to them.
 * Rows are made from the sets near when they are first asked for, and forgotten when a rule comes or goes.
 */
export class RowTable<S, Rows> {
  readonly #index: SetIndex<S>;
  readonly #make: (set: S, near: Iterable<S>, slotsOf: SlotsOf<S>) => Rows;
  readonly #keptMax: () => number;
  readonly #slots = new Map<S, number[]>();
  readonly #rows = new Map<S, Rows>();

  /** `wordsEach`: how much memory the rows of one set take. */
  constructor(index: SetIndex<S>, wordsEach: () => number, make: (set: S, near: Iterable<S>, slotsOf: SlotsOf<S>) => Rows) {
    this.#index = index;
    this.#keptMax = () => Math.max(16, keptWordsMax / wordsEach());
    this.#make = make;
  }

  get isEmpty(): boolean {
    return this.#slots.size === 0;
  }

  add(set: S, slot: number): void {
    const slots = this.#slots.get(set);
    if (slots !== undefined) slots.push(slot);
    else {
      this.#slots.set(set, [slot]);
      this.#index.add(set);
    }
  }

  remove(set: S, slot: number): void {
    const slots = this.#slots.get(set);
    if (slots === undefined) return;
    slots.splice(slots.indexOf(slot), 1);
    if (slots.length > 0) return;
    this.#slots.delete(set);
    this.#index.remove(set);
  }

  rowsOf(set: S): Rows {
    let rows = this.#rows.get(set);
    if (rows !== undefined) return rows;
    if (this.#rows.size >= this.#keptMax()) this.#rows.clear();
    this.#rows.set(set, (rows = this.#make(set, this.#index.near(set), this.#slotsOf)));
    return rows;
  }

  forget(): void {
    this.#rows.clear();
  }

  readonly #slotsOf: SlotsOf<S> = (set) => this.#slots.get(set) ?? [];
}
