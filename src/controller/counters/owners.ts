import { ownerNumber } from '../../../flows/pipeline/index.ts';
import { elementKey } from '../../../policies/compiled.ts';
import type { RuleElement } from '../../../policies/compiled.ts';

/**
 * Which rule the owner in a flow's cookie stands for. A rule of the platform has an element, and so an owner, for each tenant. An
 * element that leaves its host is remembered as long as its rule exists: its flows may be there a little longer.
 */
export class RuleOwners {
  readonly #rules = new Map<number, number>();
  /** Most have one: a set for each would take ten times the room. */
  readonly #owners = new Map<number, number | Set<number>>();

  put(rule: RuleElement): void {
    const owner = ownerNumber(elementKey(rule));
    this.#rules.set(owner, rule.id);
    const owners = this.#owners.get(rule.id);
    if (owners === undefined) this.#owners.set(rule.id, owner);
    else if (typeof owners === 'object') owners.add(owner);
    else if (owners !== owner) this.#owners.set(rule.id, new Set([owners, owner]));
  }

  ruleOf(owner: number): number | undefined {
    return this.#rules.get(owner);
  }

  forget(rule: number): void {
    const owners = this.#owners.get(rule) ?? [];
    for (const owner of typeof owners === 'number' ? [owners] : owners) this.#rules.delete(owner);
    this.#owners.delete(rule);
  }
}
