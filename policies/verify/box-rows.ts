import { drop, dropAll, put, putAll, unite } from './bits.ts';
import type { Bits } from './bits.ts';
import type { KnownBox } from './box-table.ts';
import { Buckets } from './buckets.ts';
import { finiteKey, standingOf, tenantLabel } from './label-box.ts';
import { RowTable } from './row-table.ts';
import type { SetIndex } from './row-table.ts';
import { Scratch } from './scratch.ts';

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

const emptyRows = (words: number, overlap = new Uint32Array(words)): BoxRows => ({
  overlap,
  contains: new Uint32Array(words),
  within: new Uint32Array(words),
  strange: new Uint32Array(words),
});

const bitsOf = ({ overlap, contains, within, strange }: BoxRows): readonly Bits[] => [overlap, contains, within, strange];

/** From so many labels on, most boxes overlap with most others, because they say nothing of the same label. */
const labelsMany = 32;

/**
 * The boxes of one side of the rules of a scope: the interfaces that they are about, or the groups that they name. With few labels those
 * that overlap are looked for; with many, rules with a single box are all taken to overlap, but for those that share a label.
 */
export class BoxSide {
  readonly #words: () => number;
  readonly #scratch: Scratch<keyof BoxRows>;
  /** The rules with a single box twice, for few labels and for many: rows are made of one. */
  readonly #one: RowTable<KnownBox, BoxRows>;
  readonly #oneOfMany: RowTable<KnownBox, BoxRows>;
  readonly #several: RowTable<KnownBox, BoxRows>;
  /** The rules with a single box. */
  #ones = new Uint32Array(1);
  /** How many rules with a single box say something of a label. */
  readonly #labels = new Map<string, number>();

  constructor(words: () => number) {
    this.#words = words;
    this.#scratch = new Scratch(words);
    this.#oneOfMany = new RowTable(() => new KeyIndex(), {
      empty: () => emptyRows(words(), this.#grown().slice()),
      greet: (rows, slots) => putAll(rows.overlap, slots),
      put: (rows, set, other, slots) => {
        if (!putStanding(rows, set, other, slots)) dropAll(rows.overlap, slots);
      },
      bitsOf,
    });
    const direct = { empty: () => emptyRows(words()), put: putStanding, bitsOf };
    this.#one = new RowTable(() => new LabelIndex(), direct);
    this.#several = new RowTable(() => new LabelIndex(), direct);
  }

  add(boxes: readonly KnownBox[], slot: number): void {
    const [first, ...others] = boxes;
    if (first === undefined) return;
    if (others.length > 0) for (const box of boxes) this.#several.add(box, slot);
    else {
      this.#one.add(first, slot);
      this.#oneOfMany.add(first, slot);
      for (const key of keysOf(first)) this.#labels.set(key, (this.#labels.get(key) ?? 0) + 1);
      put(this.#grown(), slot);
    }
  }

  remove(boxes: readonly KnownBox[], slot: number): void {
    const [first, ...others] = boxes;
    if (first === undefined) return;
    if (others.length > 0) for (const box of boxes) this.#several.remove(box, slot);
    else {
      this.#one.remove(first, slot);
      this.#oneOfMany.remove(first, slot);
      for (const key of keysOf(first)) {
        const count = (this.#labels.get(key) ?? 0) - 1;
        if (count > 0) this.#labels.set(key, count);
        else this.#labels.delete(key);
      }
      drop(this.#grown(), slot);
    }
  }

  /** Good until the same is asked of another box. */
  rules(relation: keyof BoxRows, box: KnownBox): Bits {
    const one = this.#labels.size < labelsMany ? this.#one : this.#oneOfMany;
    if (this.#several.isEmpty) return one.rowsOf(box)[relation];
    if (one.isEmpty) return this.#several.rowsOf(box)[relation];
    const found = this.#scratch.copy(relation, one.rowsOf(box)[relation]);
    unite(found, this.#several.rowsOf(box)[relation]);
    return found;
  }

  *sweep(live: Bits): Generator<undefined, void> {
    for (const table of [this.#one, this.#oneOfMany, this.#several]) yield* table.sweep(live);
  }

  forget(): void {
    for (const each of [this.#one, this.#oneOfMany, this.#several, this.#scratch]) each.forget();
  }

  #grown(): Bits {
    if (this.#ones.length < this.#words()) {
      const wider = new Uint32Array(this.#words());
      wider.set(this.#ones);
      this.#ones = wider;
    }
    return this.#ones;
  }
}

/** @returns whether they overlap */
function putStanding(rows: BoxRows, set: KnownBox, other: KnownBox, slots: readonly number[]): boolean {
  const standing = standingOf(other, set);
  if (standing === undefined) return false;
  putAll(rows.overlap, slots);
  if (standing.contains) putAll(rows.contains, slots);
  if (standing.within) putAll(rows.within, slots);
  if (standing.hasStrange) putAll(rows.strange, slots);
  return true;
}

/** By each label that a box is narrowed in. What shares none with a box of the same tenants overlaps with it and no more, but for boxes that take strangers. */
class KeyIndex implements SetIndex<KnownBox> {
  readonly #byKey = new Buckets<string, KnownBox>();
  readonly #byTenants = new Map<string, Set<KnownBox>>();
  readonly #all = new Set<KnownBox>();
  readonly #open = new Set<KnownBox>();

  add(known: KnownBox): void {
    this.#all.add(known);
    if (isOpen(known)) this.#open.add(known);
    this.#byKey.put(keysOf(known), known);
    const alike = this.#byTenants.get(known.tenants);
    if (alike === undefined) this.#byTenants.set(known.tenants, new Set([known]));
    else alike.add(known);
  }

  remove(known: KnownBox): void {
    this.#all.delete(known);
    this.#open.delete(known);
    this.#byKey.drop(keysOf(known), known);
    const alike = this.#byTenants.get(known.tenants);
    alike?.delete(known);
    if (alike?.size === 0) this.#byTenants.delete(known.tenants);
  }

  near(known: KnownBox): Iterable<KnownBox> {
    if (isOpen(known)) return this.#all;
    const found = new Set(this.#open);
    for (const key of keysOf(known)) this.#byKey.addTo(found, key);
    for (const [tenants, others] of this.#byTenants) if (tenants !== known.tenants) for (const other of others) found.add(other);
    return found;
  }
}

const keysOf = ({ narrowing }: KnownBox): readonly string[] => narrowing.flatMap(([key]) => (key === tenantLabel ? [] : [key]));

/** Whether it has values of each label that nobody names. */
const isOpen = ({ narrowing }: KnownBox): boolean => narrowing.every(([key, { isComplement }]) => isComplement || key === tenantLabel);

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
