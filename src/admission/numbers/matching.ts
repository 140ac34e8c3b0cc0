/** Which old rule a new one is. */
export interface RuleMatch {
  readonly old: number;
  /** Whether it stands among the matched rules as it did: these keep their priorities. */
  readonly inOrder: boolean;
}

/** For each new rule the old one of the same content, each at most once; undefined for one that is new. */
export function matchRules(oldRules: readonly unknown[], newRules: readonly unknown[]): readonly (RuleMatch | undefined)[] {
  const places = new Map<string, number[]>();
  for (const [index, rule] of oldRules.entries()) {
    const content = JSON.stringify(rule);
    const present = places.get(content);
    if (present === undefined) places.set(content, [index]);
    else present.push(index);
  }
  for (const indexes of places.values()) indexes.reverse();
  const matched = newRules.map((rule) => places.get(JSON.stringify(rule))?.pop());
  const rising = longestRising(matched.filter((old) => old !== undefined));
  return matched.map((old) => (old === undefined ? undefined : { old, inOrder: rising.has(old) }));
}

/** The members of a longest rising subsequence of different numbers, by patience sorting. */
function longestRising(values: readonly number[]): ReadonlySet<number> {
  const tops: number[] = [];
  const previous = new Map<number, number | undefined>();
  for (const value of values) {
    let [low, high] = [0, tops.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((tops[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous.set(value, tops[low - 1]);
    tops[low] = value;
  }
  const rising = new Set<number>();
  for (let value = tops.at(-1); value !== undefined; value = previous.get(value)) rising.add(value);
  return rising;
}
