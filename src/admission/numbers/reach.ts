import { documentKey, keyOf, partsOf } from '../keys.ts';
import type { DocumentOfKind } from '../keys.ts';
import type { Draft } from '../draft.ts';
import type { ResourceId } from '../ports.ts';

type Group = DocumentOfKind<'Group'>;
type Policy = DocumentOfKind<'Policy'>;

/** Whose interfaces a policy may apply to: its owner's, and of the platform's those of the tenants that its groups list. */
type Reach = 'all' | ReadonlySet<string>;

/** Whether rules of the policy are judged for interfaces of the tenant, as documents stand now. */
export function concerns(draft: Draft, policy: Policy, tenant: string): boolean {
  const { tenant: owner } = policy.metadata;
  if (owner !== undefined) return owner === tenant;
  const reach = reachOf(policy, (name) => [draft.value(documentKey('Group', undefined, name))]);
  return reach === 'all' || reach.has(tenant);
}

/** The tenants that a policy concerns, or concerned before the request changed the groups to which it applies. */
export function concernedEver(draft: Draft, policy: Policy): Iterable<string> {
  const { tenant: owner } = policy.metadata;
  if (owner !== undefined) return [owner];
  const reach = reachOf(policy, (name) => {
    const key = documentKey('Group', undefined, name);
    return [draft.value(key), draft.valueBefore(key)];
  });
  return reach === 'all' ? allTenants(draft) : reach;
}

function reachOf(policy: Policy, groupsOf: (name: string) => readonly (Group | undefined)[]): Reach {
  if (policy.spec.appliesTo === undefined) return 'all';
  const tenants = new Set<string>();
  for (const group of policy.spec.appliesTo.flatMap(groupsOf)) {
    if (group === undefined) continue;
    const reach = group.spec.tenants ?? 'all';
    if (reach === 'all') return 'all';
    for (const tenant of reach) tenants.add(tenant);
  }
  return tenants;
}

function* allTenants(draft: Draft): Generator<string> {
  for (const tenant of draft.working.records.list('Tenant')) yield tenant.document.metadata.name;
}

export function* platformPolicies(draft: Draft): Generator<Policy> {
  for (const { document } of draft.working.records.list('Policy', null)) yield document;
}

/** The policies that name a group or a service, in order. */
export function policiesNaming(draft: Draft, id: ResourceId): readonly Policy[] {
  const users = [...draft.working.users.of(keyOf(id))].toSorted();
  return users.flatMap((key) => {
    const user = partsOf(key).kind === 'Policy' ? draft.document(key) : undefined;
    return user?.kind === 'Policy' ? [user] : [];
  });
}
