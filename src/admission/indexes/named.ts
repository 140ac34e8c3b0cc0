import type { DocumentOfKind, Key } from '../keys.ts';

type PolicyKey = Key<DocumentOfKind<'Policy'>>;

/** What rules name, groups or ports, and in which policies of whom. An owner is a tenant or, undefined, the platform. */
export class Named {
  readonly #names = new Map<PolicyKey, ReadonlySet<string>>();
  readonly #owners = new Map<string | undefined, Map<string, Set<PolicyKey>>>();

  /** What a policy names from now on. */
  set(owner: string | undefined, policy: PolicyKey, names: ReadonlySet<string>): void {
    const before = this.#names.get(policy) ?? none;
    for (const name of before) if (!names.has(name)) this.#remove(owner, policy, name);
    for (const name of names) if (!before.has(name)) this.#add(owner, policy, name);
    if (names.size === 0) this.#names.delete(policy);
    else this.#names.set(policy, names);
  }

  /** The policies of an owner that name it. */
  policies(owner: string | undefined, name: string): ReadonlySet<PolicyKey> {
    return this.#owners.get(owner)?.get(name) ?? nowhere;
  }

  /** Everything that an owner's policies name. */
  names(owner: string | undefined): Iterable<string> {
    return this.#owners.get(owner)?.keys() ?? none;
  }

  #add(owner: string | undefined, policy: PolicyKey, name: string): void {
    const names = this.#owners.get(owner) ?? new Map<string, Set<PolicyKey>>();
    this.#owners.set(owner, names);
    const policies = names.get(name) ?? new Set();
    names.set(name, policies);
    policies.add(policy);
  }

  #remove(owner: string | undefined, policy: PolicyKey, name: string): void {
    const names = this.#owners.get(owner);
    const policies = names?.get(name);
    policies?.delete(policy);
    if (policies?.size === 0) names?.delete(name);
    if (names?.size === 0) this.#owners.delete(owner);
  }
}

const none: ReadonlySet<string> = new Set();
const nowhere: ReadonlySet<PolicyKey> = new Set();
