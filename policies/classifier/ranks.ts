import { assert } from '../../src/base/errors.ts';

/** A policy's place in its table. Its rules have the ranks from `label * rulesPerLabel` on. */
export interface Ranked {
  readonly order: number;
  readonly name: string;
  label: number;
}

/** More rules than a policy has (model/policy.ts). */
export const rulesPerLabel = 1024;
const labels = 2 ** 21 - 1;

/**
 * The policies of one table in the order in which they are judged: by order, then by name. Labels rise with it, with gaps, so that a policy
 * comes between two others without renumbering them; where a gap is used up, as few neighbours as make room are spread out again.
 */
export class Ranks {
  private readonly sorted: Ranked[] = [];

  /** All at once, when there is none yet. */
  placeAll(policies: readonly Ranked[]): void {
    assert(this.sorted.length === 0, 'policies are placed all at once only where there is none');
    this.sorted.push(...policies.toSorted(compare));
    this.spread(0, this.sorted.length);
  }

  /** Answers the other policies whose labels changed. */
  place(policy: Ranked): readonly Ranked[] {
    const position = this.positionOf(policy);
    this.sorted.splice(position, 0, policy);
    const below = this.labelAt(position - 1);
    const above = this.labelAt(position + 1);
    policy.label = (below + above) >>> 1;
    if (policy.label > below) return [];
    return this.makeRoom(position).filter((other) => other !== policy);
  }

  remove(policy: Ranked): void {
    const position = this.positionOf(policy);
    assert(this.sorted[position] === policy, 'a policy that leaves a table is in it');
    this.sorted.splice(position, 1);
  }

  private makeRoom(position: number): readonly Ranked[] {
    for (let width = 8; ; width *= 2) {
      const first = Math.max(0, position - width);
      const end = Math.min(this.sorted.length, position + width);
      const room = this.labelAt(end) - this.labelAt(first - 1);
      const isAll = first === 0 && end === this.sorted.length;
      if (room < (end - first + 1) * (isAll ? 1 : 8)) {
        assert(!isAll, 'a table has fewer policies than labels');
        continue;
      }
      this.spread(first, end);
      return this.sorted.slice(first, end);
    }
  }

  private spread(first: number, end: number): void {
    const below = this.labelAt(first - 1);
    const step = (this.labelAt(end) - below) / (end - first + 1);
    for (let index = first; index < end; index++) {
      const policy = this.sorted[index];
      if (policy) policy.label = below + Math.floor(step * (index - first + 1));
    }
  }

  private labelAt(position: number): number {
    if (position < 0) return 0;
    return this.sorted[position]?.label ?? labels;
  }

  /** Where it is, or would be. */
  private positionOf(policy: Ranked): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.sorted[middle];
      if (other && compare(other, policy) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compare(a: Ranked, b: Ranked): number {
  if (a.order !== b.order) return a.order - b.order;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
