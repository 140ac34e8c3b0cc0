import { groupsNamed } from '../references.ts';
import { documentKey } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';

type Policy = DocumentOfKind<'Policy'>;

/** Which groups the rules of each tenant name, and which those of the platform. */
export class Named {
  readonly #tenants = new Map<string, Map<Key, number>>();
  readonly #platform = new Map<Key, Set<Key<Policy>>>();

  change(key: Key<Policy>, before: Policy | undefined, after: Policy | undefined): void {
    if (before !== undefined) this.#count(key, before, -1);
    if (after !== undefined) this.#count(key, after, 1);
  }

  byTenant(tenant: string, group: Key): boolean {
    return this.#tenants.get(tenant)?.has(group) ?? false;
  }

  byPlatform(group: Key): Iterable<Key<Policy>> {
    return this.#platform.get(group) ?? [];
  }

  #count(key: Key<Policy>, policy: Policy, by: 1 | -1): void {
    const owner = policy.metadata.tenant;
    for (const group of groupsNamed(owner, policy.spec)) {
      const groupKey = documentKey('Group', group.tenant, group.name);
      if (owner === undefined) this.#countPlatform(key, groupKey, by);
      else this.#countTenant(owner, groupKey, by);
    }
  }

  #countPlatform(key: Key<Policy>, group: Key, by: 1 | -1): void {
    const policies = this.#platform.get(group) ?? new Set();
    if (by === 1) policies.add(key);
    else policies.delete(key);
    if (policies.size === 0) this.#platform.delete(group);
    else this.#platform.set(group, policies);
  }

  #countTenant(tenant: string, group: Key, by: 1 | -1): void {
    const counts = this.#tenants.get(tenant) ?? new Map<Key, number>();
    const count = (counts.get(group) ?? 0) + by;
    if (count === 0) counts.delete(group);
    else counts.set(group, count);
    if (counts.size === 0) this.#tenants.delete(tenant);
    else this.#tenants.set(tenant, counts);
  }
}
