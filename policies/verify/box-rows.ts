import { putAll } from './bits.ts';
import type { Bits } from './bits.ts';
import type { KnownBox } from './box-table.ts';
import { Buckets } from './buckets.ts';
import { finiteKey, standingOf } from './label-box.ts';
import { RowTable } from './row-table.ts';
import type { SetIndex } from './row-table.ts';

/** Which rules have, among the boxes of one side, one that stands so to a box. */
export interface BoxRows {
  readonly overlap: Bits;
  /** One that alone contains it. */
  readonly contains: Bits;
  /** One that is a part of it. */
  readonly within: Bits;
  /** One that has the box's strange interface: see `hasStrangeOf`. */
  readonly strange: Bits;
}

export const boxRows = (words: () => number): RowTable<KnownBox, BoxRows> =>
  new RowTable(() => new LabelIndex(), {
    empty: () => {
      const row = (): Bits => new Uint32Array(words());
      return { overlap: row(), contains: row(), within: row(), strange: row() };
    },
    put: (rows, set, other, slots) => {
      const standing = standingOf(other, set);
      if (standing === undefined) return;
      putAll(rows.overlap, slots);
      if (standing.contains) putAll(rows.contains, slots);
      if (standing.within) putAll(rows.within, slots);
      if (standing.hasStrange) putAll(rows.strange, slots);
    },
    bitsOf: ({ overlap, contains, within, strange }) => [overlap, contains, within, strange],
  });

/** By one label of each box that has few values; boxes that differ in it cannot overlap. */
class LabelIndex implements SetIndex<KnownBox> {
  /** Each box under one key. */
  readonly #byKey = new Map<string, { readonly all: Set<KnownBox>; readonly byValue: Buckets<string, KnownBox> }>();
  readonly #wide = new Set<KnownBox>();

  add(known: KnownBox): void {
    const finite = finiteKey(known.box);
    if (finite === undefined) {
      this.#wide.add(known);
      return;
    }
    const { key, values } = finite;
    let under = this.#byKey.get(key);
    if (under === undefined) this.#byKey.set(key, (under = { all: new Set(), byValue: new Buckets() }));
    under.all.add(known);
    under.byValue.put(values, known);
  }

  remove(known: KnownBox): void {
    const finite = finiteKey(known.box);
    if (finite === undefined) {
      this.#wide.delete(known);
      return;
    }
    const { key, values } = finite;
    const under = this.#byKey.get(key);
    under?.all.delete(known);
    under?.byValue.drop(values, known);
    if (under?.all.size === 0) this.#byKey.delete(key);
  }

  near({ box }: KnownBox): Iterable<KnownBox> {
    const found = [...this.#wide];
    for (const [key, { all, byValue }] of this.#byKey) {
      const own = box.get(key);
      if (own === undefined || own.isComplement) found.push(...all);
      else found.push(...byValue.of(own.values));
    }
    return found;
  }
}
