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
  new RowTable(
    new LabelIndex(),
    () => 4 * words(),
    ({ box }, near, slotsOf) => {
      const row = (): Bits => new Uint32Array(words());
      const [overlap, contains, within, strange] = [row(), row(), row(), row()];
      for (const other of near) {
        const standing = standingOf(other.box, other.labels, box);
        if (standing === undefined) continue;
        const slots = slotsOf(other);
        putAll(overlap, slots);
        if (standing.contains) putAll(contains, slots);
        if (standing.within) putAll(within, slots);
        if (standing.hasStrange) putAll(strange, slots);
      }
      return { overlap, contains, within, strange };
    },
  );

/** By one label of each box that has few values; boxes that differ in it cannot overlap. */
class LabelIndex implements SetIndex<KnownBox> {
  readonly #byValue = new Map<string, Buckets<string, KnownBox>>();
  /** All that are found by a label. */
  readonly #byKey = new Map<string, Set<KnownBox>>();
  readonly #wide = new Set<KnownBox>();

  add(known: KnownBox): void {
    const finite = finiteKey(known.box);
    if (finite === undefined) {
      this.#wide.add(known);
      return;
    }
    const { key, values } = finite;
    let all = this.#byKey.get(key);
    if (all === undefined) {
      this.#byKey.set(key, (all = new Set()));
      this.#byValue.set(key, new Buckets());
    }
    all.add(known);
    this.#byValue.get(key)?.put(values, known);
  }

  remove(known: KnownBox): void {
    const finite = finiteKey(known.box);
    if (finite === undefined) {
      this.#wide.delete(known);
      return;
    }
    const { key, values } = finite;
    const all = this.#byKey.get(key);
    all?.delete(known);
    this.#byValue.get(key)?.drop(values, known);
    if (all?.size !== 0) return;
    this.#byKey.delete(key);
    this.#byValue.delete(key);
  }

  near({ box }: KnownBox): Iterable<KnownBox> {
    const found = new Set(this.#wide);
    for (const [key, buckets] of this.#byValue) {
      const own = box.get(key);
      if (own === undefined || own.isComplement) for (const known of this.#byKey.get(key) ?? []) found.add(known);
      else for (const value of own.values) buckets.addTo(found, value);
    }
    return found;
  }
}
