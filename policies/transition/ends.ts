import { elementKey } from '../compiled.ts';
import type { Element, HostChange } from '../compiled.ts';
import { hasGroup } from '../compile/sets.ts';
import type { Elements } from './side.ts';

/** Who is in other groups after a change than before, as far as bits tell groups apart. */
export class Ends {
  /** What stands in between: who is in a group before or after is in it. */
  readonly between: readonly Element[];
  /** The groups that somebody leaves or enters, by tenant. */
  readonly #changing = new Map<number, bigint>();

  constructor(elements: Elements, { put }: HostChange) {
    this.between = put.flatMap((after): readonly Element[] => {
      const before = elements.get(elementKey(after));
      if (after.kind === 'network' && before?.kind === 'network')
        return after.isolated && !before.isolated ? [{ ...before, isolated: true }] : [];
      if (after.kind !== 'interface' && after.kind !== 'identity') return [];
      if (before?.kind !== after.kind || before.view !== after.view || before.set !== undefined) return [];
      if (before.groups === after.groups) return [];
      this.#changing.set(after.tenant, (this.#changing.get(after.tenant) ?? 0n) | (before.groups ^ after.groups));
      return [{ ...before, groups: before.groups | after.groups }];
    });
  }

  get isSomebodyChanging(): boolean {
    return this.#changing.size > 0;
  }

  areChanging(tenant: number, groups: readonly number[]): boolean {
    const changing = this.#changing.get(tenant);
    return changing !== undefined && groups.some((group) => hasGroup(changing, group));
  }
}
