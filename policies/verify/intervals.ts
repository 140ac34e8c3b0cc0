/**
 * Sets of whole numbers as flat lists `[first, last, first, last, …]` of inclusive ranges, ascending, disjoint and not adjacent:
 * equal sets are equal lists. Never altered.
 */
export type Intervals<T extends number | bigint> = readonly T[];

export interface IntervalAlgebra<T extends number | bigint> {
  /** From ranges in any order, overlapping or not. */
  of(ranges: Iterable<readonly [first: T, last: T]>): Intervals<T>;
  union(a: Intervals<T>, b: Intervals<T>): Intervals<T>;
  intersect(a: Intervals<T>, b: Intervals<T>): Intervals<T>;
  subtract(a: Intervals<T>, b: Intervals<T>): Intervals<T>;
  overlaps(a: Intervals<T>, b: Intervals<T>): boolean;
  /** Whether every number of `inner` is in `outer`. */
  contains(outer: Intervals<T>, inner: Intervals<T>): boolean;
}

function algebra<T extends number | bigint>(next: (value: T) => T, previous: (value: T) => T): IntervalAlgebra<T> {
  const of = (ranges: Iterable<readonly [T, T]>): Intervals<T> => {
    const flat: T[] = [];
    for (const [first, last] of [...ranges].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      const end = flat.at(-1);
      if (end === undefined || first > next(end)) flat.push(first, last);
      else if (last > end) flat[flat.length - 1] = last;
    }
    return flat;
  };
  const pairs = function* (set: Intervals<T>): Generator<readonly [T, T]> {
    for (let at = 0; at < set.length; at += 2) yield [set[at] as T, set[at + 1] as T];
  };
  const subtract = (a: Intervals<T>, b: Intervals<T>): Intervals<T> => {
    if (a.length === 0 || b.length === 0) return a;
    const rest: T[] = [];
    let hole = 0;
    for (const [start, last] of pairs(a)) {
      let first = start;
      while (hole < b.length && (b[hole + 1] as T) < first) hole += 2;
      let at = hole;
      let isGone = false;
      while (at < b.length && (b[at] as T) <= last) {
        if ((b[at] as T) > first) rest.push(first, previous(b[at] as T));
        if ((b[at + 1] as T) >= last) {
          isGone = true;
          break;
        }
        first = next(b[at + 1] as T);
        at += 2;
      }
      if (!isGone) rest.push(first, last);
    }
    return rest;
  };
  const intersect = (a: Intervals<T>, b: Intervals<T>): Intervals<T> => {
    const common: T[] = [];
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      const first = (a[i] as T) > (b[j] as T) ? (a[i] as T) : (b[j] as T);
      const [endA, endB] = [a[i + 1] as T, b[j + 1] as T];
      const last = endA < endB ? endA : endB;
      if (first <= last) common.push(first, last);
      if (endA < endB) i += 2;
      else j += 2;
    }
    return common;
  };
  const overlaps = (a: Intervals<T>, b: Intervals<T>): boolean => {
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if ((a[i + 1] as T) < (b[j] as T)) i += 2;
      else if ((b[j + 1] as T) < (a[i] as T)) j += 2;
      else return true;
    }
    return false;
  };
  return {
    of,
    union: (a, b) => (a.length === 0 ? b : b.length === 0 ? a : of([...pairs(a), ...pairs(b)])),
    intersect,
    subtract,
    overlaps,
    contains: (outer, inner) => {
      let at = 0;
      for (let i = 0; i < inner.length; i += 2) {
        while (at < outer.length && (outer[at + 1] as T) < (inner[i] as T)) at += 2;
        if (at >= outer.length || (outer[at] as T) > (inner[i] as T) || (outer[at + 1] as T) < (inner[i + 1] as T)) return false;
      }
      return true;
    },
  };
}

export const numbers = algebra<number>(
  (value) => value + 1,
  (value) => value - 1,
);
export const bigints = algebra<bigint>(
  (value) => value + 1n,
  (value) => value - 1n,
);
