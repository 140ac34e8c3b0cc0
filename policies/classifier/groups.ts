import type { Selector } from '../model/kinds.ts';
import { isMember } from '../selectors/index.ts';
import type { Labels, Membership } from '../selectors/index.ts';

/** A group of interfaces and its number. */
export interface LabelledGroup {
  readonly number: number;
  readonly membership: Membership;
}

/** The groups of one owner, found by the labels that they ask for instead of one after the other. */
export class Groups {
  private readonly byName = new Map<string, LabelledGroup>();
  /** By one `key=value` that every member has. */
  private readonly byLabel = new Map<string, Set<LabelledGroup>>();
  /** Those that ask for no certain value. */
  private readonly others = new Set<LabelledGroup>();

  get isEmpty(): boolean {
    return this.byName.size === 0;
  }

  get(name: string): LabelledGroup | undefined {
    return this.byName.get(name);
  }

  set(name: string, group: LabelledGroup | undefined): void {
    const before = this.byName.get(name);
    if (before) this.index(before, 'delete');
    if (group) this.index(group, 'add');
    if (group) this.byName.set(name, group);
    else this.byName.delete(name);
  }

  /** The numbers of the groups with this interface. */
  *of(tenant: string, labels: Labels): Iterable<number> {
    const candidates = [this.others, ...Object.entries(labels).map(([key, value]) => this.byLabel.get(`${key}=${value}`))];
    for (const groups of candidates) {
      for (const { number, membership } of groups ?? []) if (isMember(membership, tenant, labels)) yield number;
    }
  }

  private index(group: LabelledGroup, change: 'add' | 'delete'): void {
    const labels = certainLabels(group.membership.selector);
    if (labels === undefined) this.others[change](group);
    for (const label of labels ?? []) {
      const groups = this.byLabel.get(label) ?? new Set();
      this.byLabel.set(label, groups);
      groups[change](group);
      if (groups.size === 0) this.byLabel.delete(label);
    }
  }
}

/** Labels of which each member has exactly one; undefined: there are none. */
function certainLabels({ matchLabels, matchExpressions }: Selector): ReadonlySet<string> | undefined {
  for (const [key, value] of Object.entries(matchLabels)) return new Set([`${key}=${value}`]);
  const wanted = matchExpressions.find(({ operator }) => operator === 'In');
  return wanted && new Set(wanted.values.map((value) => `${wanted.key}=${value}`));
}
