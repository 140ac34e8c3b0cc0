/** Sets of groups that several interfaces have, each counted as often as one has it, found by group. */
export class SetTally {
  private readonly counts = new Map<bigint, number>();
  private readonly byGroup = new Map<number, Set<bigint>>();

  /** @returns whether the set came or went */
  change(set: bigint, by: 1 | -1): boolean {
    const count = (this.counts.get(set) ?? 0) + by;
    if (count === 0) this.counts.delete(set);
    else this.counts.set(set, count);
    if (count !== (by === 1 ? 1 : 0)) return false;
    for (const group of groupsOf(set)) this.index(group, set, by);
    return true;
  }

  get isEmpty(): boolean {
    return this.counts.size === 0;
  }

  sets(): Iterable<bigint> {
    return this.counts.keys();
  }

  withGroup(group: number): ReadonlySet<bigint> {
    return this.byGroup.get(group) ?? none;
  }

  private index(group: number, set: bigint, by: 1 | -1): void {
    const sets = this.byGroup.get(group) ?? new Set<bigint>();
    if (by === 1) sets.add(set);
    else sets.delete(set);
    if (sets.size === 0) this.byGroup.delete(group);
    else this.byGroup.set(group, sets);
  }
}

const none: ReadonlySet<bigint> = new Set();

export function groupsOf(set: bigint): readonly number[] {
  const bits = set.toString(2);
  return Array.from({ length: bits.length }, (_, group) => group).filter((group) => bits[bits.length - 1 - group] === '1');
}
