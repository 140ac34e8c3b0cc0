import type { Family } from '../../src/base/addresses.ts';
import { putAll, restrict, unite } from './bits.ts';
import type { Bits } from './bits.ts';
import { Buckets, cellsMax } from './buckets.ts';
import { numbers } from './intervals.ts';
import { RowTable } from './row-table.ts';
import type { SetIndex } from './row-table.ts';
import type { Services } from './rule-space.ts';
import { everyService, protocolBase, protocolLine } from './service-space.ts';
import type { ServiceSet } from './service-space.ts';

/** Which rules decide services in a range that stands so to a range. */
interface RangeRows {
  readonly overlap: Bits;
  readonly contains: Bits;
  readonly within: Bits;
}

/** The ICMP that does not exist in a family. */
const foreignIcmp: Readonly<Record<Family, ServiceSet>> = { 4: protocolLine('icmpv6'), 6: protocolLine('icmp') };
const anyIcmp: ServiceSet = [protocolBase.icmp, protocolBase.icmpv6 + 0xffff];

/** The rules of a scope by each range of the services that they decide. */
export class ServiceRows {
  readonly #words: () => number;
  readonly #ranges: RowTable<number, RangeRows>;

  constructor(words: () => number) {
    this.#words = words;
    this.#ranges = new RowTable(
      new RangeIndex(),
      () => 3 * words(),
      (key, near, slotsOf) => {
        const [overlap, contains, within] = [new Uint32Array(words()), new Uint32Array(words()), new Uint32Array(words())];
        const [first, last] = [firstOf(key), lastOf(key)];
        for (const other of near) {
          const [otherFirst, otherLast] = [firstOf(other), lastOf(other)];
          if (otherFirst > last || otherLast < first) continue;
          const slots = slotsOf(other);
          putAll(overlap, slots);
          if (otherFirst <= first && otherLast >= last) putAll(contains, slots);
          if (otherFirst >= first && otherLast <= last) putAll(within, slots);
        }
        return { overlap, contains, within };
      },
    );
  }

  add({ covered }: Services, slot: number): void {
    for (const key of keysOf(covered)) this.#ranges.add(key, slot);
  }

  remove({ covered }: Services, slot: number): void {
    for (const key of keysOf(covered)) this.#ranges.remove(key, slot);
  }

  /** Rules that share a service that exists in the family. */
  overlap({ covered }: Services, family: Family): Bits {
    const own = numbers.overlaps(covered, foreignIcmp[family]) ? numbers.subtract(covered, foreignIcmp[family]) : covered;
    return this.#united(own, 'overlap');
  }

  /** Rules that decide all of it that exists in the family. Ranges do not touch, so that each is in one range of the other. */
  contains({ matchedIn }: Services, family: Family): Bits {
    const [one, ...others] = keysOf(matchedIn[family]);
    if (one === undefined) return new Uint32Array(this.#words()).fill(-1);
    const first = this.#ranges.rowsOf(one).contains;
    if (others.length === 0) return first;
    const found = first.slice();
    for (const key of others) restrict(found, this.#ranges.rowsOf(key).contains);
    return found;
  }

  /** Rules with a range in one of its ranges: of those with a single one, and no ICMP, the rules that it contains. */
  within({ covered }: Services): Bits {
    return this.#united(covered, 'within');
  }

  /** Some services of it, with the rules that decide them: its ends, where it is likeliest that a rule is alone. */
  at({ matched }: Services): readonly { readonly service: number; readonly rules: Bits }[] {
    const points = new Set([matched.at(-1), matched[0], matched.at(-2), matched[1]]);
    return [...points]
      .filter((point) => point !== undefined)
      .map((service) => ({ service, rules: this.#ranges.rowsOf(keyOf(service, service)).contains }));
  }

  forget(): void {
    this.#ranges.forget();
  }

  #united(set: ServiceSet, relation: keyof RangeRows): Bits {
    const [one, ...others] = keysOf(set);
    if (one === undefined) return new Uint32Array(this.#words());
    const first = this.#ranges.rowsOf(one)[relation];
    if (others.length === 0) return first;
    const found = first.slice();
    for (const key of others) unite(found, this.#ranges.rowsOf(key)[relation]);
    return found;
  }
}

/** Whether `within` says it all of a rule with these services. */
export const isOneRange = ({ matched }: Services): boolean =>
  matched.length === 2 && (matched === everyService || !numbers.overlaps(matched, anyIcmp));

/** Ranges as numbers, so that equal ones are equal. */
const span = 2 ** 23;
const keyOf = (first: number, last: number): number => first * span + last;
const firstOf = (key: number): number => Math.floor(key / span);
const lastOf = (key: number): number => key % span;

function keysOf(set: ServiceSet): readonly number[] {
  const keys: number[] = [];
  for (let at = 0; at < set.length; at += 2) keys.push(keyOf(set[at] ?? 0, set[at + 1] ?? 0));
  return keys;
}

/** Ports in cells of 64. */
const cellBits = 6;

class RangeIndex implements SetIndex<number> {
  readonly #cells = new Buckets<number, number>();
  readonly #all = new Set<number>();
  readonly #wide = new Set<number>();

  add(key: number): void {
    this.#all.add(key);
    const cells = cellsOf(key);
    if (cells === undefined) this.#wide.add(key);
    else this.#cells.put(cells, key);
  }

  remove(key: number): void {
    this.#all.delete(key);
    const cells = cellsOf(key);
    if (cells === undefined) this.#wide.delete(key);
    else this.#cells.drop(cells, key);
  }

  near(key: number): Iterable<number> {
    const cells = cellsOf(key);
    if (cells === undefined) return this.#all;
    const found = new Set(this.#wide);
    for (const cell of cells) this.#cells.addTo(found, cell);
    return found;
  }
}

function cellsOf(key: number): readonly number[] | undefined {
  const [start, end] = [firstOf(key) >> cellBits, lastOf(key) >> cellBits];
  return end - start > cellsMax ? undefined : Array.from({ length: end - start + 1 }, (_, index) => start + index);
}
