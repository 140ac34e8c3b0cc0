import { addressBits, hostMask, parsePrefix } from '../../src/base/addresses.ts';
import type { Family, Prefix } from '../../src/base/addresses.ts';

/** Inclusive bounds. */
interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** One CIDR clause as users write it. */
export interface CidrClause {
  readonly cidrs: readonly string[];
  readonly except: readonly string[];
}

/**
 * The smallest list of prefixes that covers exactly the addresses of the clauses, each clause less its exceptions, by family
 * and then by address. A hole of one address in `::/0` costs 128 prefixes, the least that is possible.
 */
export function prefixesOf(clauses: readonly CidrClause[]): readonly Prefix[] {
  const parsed = clauses.map((clause) => ({ cidrs: clause.cidrs.map(parsePrefix), except: clause.except.map(parsePrefix) }));
  const families: readonly Family[] = [4, 6];
  return families.flatMap((family) => {
    const ranges = parsed.flatMap(({ cidrs, except }) => subtract(rangesOf(cidrs, family), rangesOf(except, family)));
    return merge(ranges).flatMap((range) => split(range, family));
  });
}

function rangesOf(prefixes: readonly Prefix[], family: Family): readonly Range[] {
  const own = prefixes.filter((prefix) => prefix.family === family);
  return merge(own.map(({ value, length }) => ({ first: value, last: value | hostMask(family, length) })));
}

/** Sorted, disjoint and not adjacent. */
function merge(ranges: readonly Range[]): readonly Range[] {
  const sorted = ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Range[] = [];
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last + 1n) merged.push(range);
    else if (range.last > previous.last) merged[merged.length - 1] = { first: previous.first, last: range.last };
  }
  return merged;
}

/** Both merged. */
function subtract(ranges: readonly Range[], holes: readonly Range[]): readonly Range[] {
  return ranges.flatMap((range) => {
    const rest: Range[] = [];
    let first = range.first;
    for (const hole of holes) {
      if (hole.last < first || hole.first > range.last) continue;
      if (hole.first > first) rest.push({ first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    if (first <= range.last) rest.push({ first, last: range.last });
    return rest;
  });
}

/** From the low end, always the largest block that starts there and fits. */
function split(range: Range, family: Family): readonly Prefix[] {
  const bits = addressBits(family);
  const blocks: Prefix[] = [];
  let { first } = range;
  while (first <= range.last) {
    let length = bits;
    while (length > 0 && (first & hostMask(family, length - 1)) === 0n && first + hostMask(family, length - 1) <= range.last) length--;
    blocks.push({ family, value: first, length });
    first += hostMask(family, length) + 1n;
  }
  return blocks;
}
