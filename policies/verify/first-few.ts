/** The first few in an order, without putting all of them in order. */
export function firstFew<T>(items: Iterable<T>, max: number, compare: (a: T, b: T) => number): readonly T[] {
  if (max <= 0) return [];
  let kept: T[] = [];
  let last: T | undefined;
  for (const item of items) {
    if (last !== undefined && compare(item, last) >= 0) continue;
    kept.push(item);
    if (kept.length < 2 * max) continue;
    kept = kept.toSorted(compare).slice(0, max);
    last = kept.at(-1);
  }
  return kept.toSorted(compare).slice(0, max);
}
