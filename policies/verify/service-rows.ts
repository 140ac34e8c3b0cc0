import type { Family } from '../../src/base/addresses.ts';
import { putAll, restrict, unite } from './bits.ts';
import type { Bits } from './bits.ts';
import { Buckets, cellsMax } from './buckets.ts';
import { numbers } from './intervals.ts';
import { RowTable } from './row-table.ts';
import { Scratch } from './scratch.ts';
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
/** Whether it is about some ICMP, but not simply about everything. */
export const hasIcmp = ({ matched }: Services): boolean => matched !== everyService && numbers.overlaps(matched, anyIcmp);

const anyIcmp: ServiceSet = [protocolBase.icmp, protocolBase.icmpv6 + 0xffff];

/** The rules of a scope by each range of the services that they decide. What a method answers is good until it is asked again. */
export class ServiceRows {
  readonly #scratch: Scratch<'overlap4' | 'overlap6' | 'contains' | 'within'>;
  readonly #ranges: RowTable<number, RangeRows>;

  constructor(words: () => number) {
    this.#scratch = new Scratch(words);
    this.#ranges = new RowTable(() => new RangeIndex(), {
      empty: (key) => {
        const overlap = new Uint32Array(words());
        // What overlaps with a single service contains it.
        const contains = firstOf(key) === lastOf(key) ? overlap : new Uint32Array(words());
        return { overlap, contains, within: new Uint32Array(words()) };
      },
      put: (rows, key, other, slots) => {
        const [first, last, otherFirst, otherLast] = [firstOf(key), lastOf(key), firstOf(other), lastOf(other)];
        if (otherFirst > last || otherLast < first) return;
        putAll(rows.overlap, slots);
        if (otherFirst <= first && otherLast >= last) putAll(rows.contains, slots);
        if (otherFirst >= first && otherLast <= last) putAll(rows.within, slots);
      },
      bitsOf: ({ overlap, contains, within }) => [overlap, contains, within],
    });
  }

  add({ covered }: Services, slot: number): void {
    for (const key of keysOf(covered)) this.#ranges.add(key, slot);
  }

  remove({ covered }: Services, slot: number): void {
    for (const key of keysOf(covered)) this.#ranges.remove(key, slot);
  }

  /** Rules that share a service that exists in the family; without ICMP the same row for both. */
  overlap({ covered }: Services): Readonly<Record<Family, Bits>> {
    if (!numbers.overlaps(covered, anyIcmp)) {
      const both = this.#united(covered, 'overlap', 'overlap4');
      return { 4: both, 6: both };
    }
    return {
      4: this.#united(numbers.subtract(covered, foreignIcmp[4]), 'overlap', 'overlap4'),
      6: this.#united(numbers.subtract(covered, foreignIcmp[6]), 'overlap', 'overlap6'),
    };
  }

  /** Rules that decide all of it that exists in the family. Ranges do not touch, so that each is in one range of the other. */
  contains({ matchedIn }: Services, family: Family): Bits {
    const [one, ...others] = keysOf(matchedIn[family]);
    if (one === undefined) return this.#scratch.take('contains').fill(-1);
    const first = this.#ranges.rowsOf(one).contains;
    if (others.length === 0) return first;
    const found = this.#scratch.copy('contains', first);
    for (const key of others) restrict(found, this.#ranges.rowsOf(key).contains);
    return found;
  }

  /** Rules with a range in one of its ranges: of those with a single one, and no ICMP, the rules that it contains. */
  within({ covered }: Services): Bits {
    return this.#united(covered, 'within', 'within');
  }

  /** Some services of it, with the rules that decide them: its ends, where it is likeliest that a rule is alone. */
  at({ matched }: Services): readonly { readonly service: number; readonly rules: Bits }[] {
    const points = new Set([matched.at(-1), matched[0], matched.at(-2), matched[1]]);
    return [...points]
      .filter((point) => point !== undefined)
      .map((service) => ({ service, rules: this.#ranges.rowsOf(keyOf(service, service)).contains }));
  }

  *sweep(live: Bits): Generator<undefined, void> {
    yield* this.#ranges.sweep(live);
  }

  forget(): void {
    this.#ranges.forget();
    this.#scratch.forget();
  }

  #united(set: ServiceSet, relation: keyof RangeRows, purpose: 'overlap4' | 'overlap6' | 'within'): Bits {
    const [one, ...others] = keysOf(set);
    if (one === undefined) return this.#scratch.take(purpose);
    const first = this.#ranges.rowsOf(one)[relation];
    if (others.length === 0) return first;
    const found = this.#scratch.copy(purpose, first);
    for (const key of others) unite(found, this.#ranges.rowsOf(key)[relation]);
    return found;
  }
}

/** Whether `within` says it all of a rule with these services. */
export const isOneRange = (services: Services): boolean => services.matched.length === 2 && !hasIcmp(services);

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
