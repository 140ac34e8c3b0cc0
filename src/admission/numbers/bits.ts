import { isDeepStrictEqual } from 'node:util';
import { groupKeyOf, nameFrom } from '../../../policies/model/index.ts';
import type { Scoped } from '../../../policies/model/index.ts';
import type { Draft } from '../draft.ts';
import { refusal } from '../error.ts';
import { documentKey, partsOf, tenantCursorKey, tenantNumbersKey, tenantScope } from '../keys.ts';
import type { DocumentOfKind } from '../keys.ts';
import { groupsNamed } from '../references.ts';

type Policy = DocumentOfKind<'Policy'>;

const bitsMax = 128;

/**
 * Gives each tenant that a policy concerns a bit for each group that its rules name, and takes the bit back when no rule
 * names the group. `concernedBefore`: tenants that the policy may have concerned until now, if not those it does now.
 */
export function changeBits(
  draft: Draft,
  before: Policy | undefined,
  after: Policy | undefined,
  concernedBefore?: ReadonlySet<string>,
): void {
  const [old, now] = [before, after].map((policy) => (policy === undefined ? [] : groupsNamed(policy.metadata.tenant, policy.spec)));
  const sameReach = concernedBefore === undefined && isDeepStrictEqual(before?.spec.appliesTo, after?.spec.appliesTo);
  const groups = sameReach ? difference(old ?? [], now ?? []) : [...(old ?? []), ...(now ?? [])];
  if (groups.length === 0) return;
  const tenants = new Set<string>(concernedBefore ?? []);
  for (const policy of [before, after]) if (policy !== undefined) for (const tenant of concernedBy(draft, policy)) tenants.add(tenant);
  for (const tenant of tenants) {
    // Which groups the tenant's own rules name must not change unseen, even where its bits stay as they are.
    draft.touch(tenantScope(tenant));
    syncBits(draft, tenant, groups);
  }
}

/** Groups in one of the lists only. */
function difference(a: readonly Scoped[], b: readonly Scoped[]): readonly Scoped[] {
  const keyOf = (group: Scoped): string => nameFrom(undefined, group);
  const [inA, inB] = [new Set(a.map(keyOf)), new Set(b.map(keyOf))];
  return [...a.filter((group) => !inB.has(keyOf(group))), ...b.filter((group) => !inA.has(keyOf(group)))];
}

/** Bits that platform policies ask for a tenant that has just come to be. */
export function firstBits(draft: Draft, tenant: string): void {
  for (const policy of platformPolicies(draft)) {
    if (concerns(draft, policy, tenant)) syncBits(draft, tenant, groupsNamed(undefined, policy.spec));
  }
}

/** Makes a tenant's bits for these groups what the rules ask for. What is freed is reused only when nothing else is left. */
function syncBits(draft: Draft, tenant: string, groups: readonly Scoped[]): void {
  const numbersKey = tenantNumbersKey(tenant);
  const numbers = draft.value(numbersKey);
  if (numbers === undefined) return;
  const bits = new Map(Object.entries(numbers.groups));
  const freed = [...(draft.value(tenantCursorKey(tenant))?.freed ?? [])];
  const wanted = groups.map((group) => ({ key: groupKeyOf(tenant, group), needed: isNamed(draft, tenant, group) }));
  for (const { key, needed } of wanted) {
    const bit = bits.get(key);
    if (needed || bit === undefined) continue;
    bits.delete(key);
    freed.push(bit);
  }
  for (const { key, needed } of wanted) if (needed && !bits.has(key)) bits.set(key, takeBit(tenant, bits, freed));
  draft.write(numbersKey, { ...numbers, groups: Object.fromEntries([...bits].toSorted(([, a], [, b]) => a - b)) });
  draft.write(tenantCursorKey(tenant), freed.length === 0 ? undefined : { freed });
}

function takeBit(tenant: string, bits: ReadonlyMap<string, number>, freed: number[]): number {
  const known = new Set([...bits.values(), ...freed]);
  for (let bit = 0; bit < bitsMax; bit++) if (!known.has(bit)) return bit;
  const oldest = freed.shift();
  if (oldest === undefined) {
    throw refusal(
      'flow-budget',
      '/spec',
      `names one group too many: the rules for tenant ${tenant} name ${bitsMax} groups already, which is all that a switch can tell apart for a tenant`,
    );
  }
  return oldest;
}

/** Whether a rule that is judged for the tenant's interfaces names the group. */
function isNamed(draft: Draft, tenant: string, group: Scoped): boolean {
  const key = documentKey('Group', group.tenant, group.name);
  const { named } = draft.working;
  if (named.byTenant(tenant, key)) return true;
  for (const policyKey of named.byPlatform(key)) {
    const policy = draft.value(policyKey);
    if (policy !== undefined && concerns(draft, policy, tenant)) return true;
  }
  return false;
}

/** The tenants whose interfaces a policy may apply to. */
function concernedBy(draft: Draft, policy: Policy): Iterable<string> {
  if (policy.metadata.tenant !== undefined) return [policy.metadata.tenant];
  const scopes = scopesOf(draft, policy);
  return scopes === 'all' ? allTenants(draft) : scopes;
}

function concerns(draft: Draft, policy: Policy, tenant: string): boolean {
  const scopes = scopesOf(draft, policy);
  return scopes === 'all' || scopes.has(tenant);
}

function scopesOf(draft: Draft, policy: Policy): 'all' | ReadonlySet<string> {
  if (policy.spec.appliesTo === undefined) return 'all';
  const tenants = new Set<string>();
  for (const name of policy.spec.appliesTo) {
    const group = draft.value(documentKey('Group', undefined, name));
    const reach = group?.spec.tenants ?? 'all';
    if (reach === 'all') return 'all';
    for (const tenant of reach) tenants.add(tenant);
  }
  return tenants;
}

export function* allTenants(draft: Draft): Generator<string> {
  for (const tenant of draft.working.records.list('Tenant')) yield tenant.document.metadata.name;
}

function* platformPolicies(draft: Draft): Generator<Policy> {
  for (const { document } of draft.working.records.list('Policy', null)) yield document;
}

/** The platform's policies whose reach depends on a group of the platform. */
export function* policiesThrough(draft: Draft, group: string): Generator<Policy> {
  for (const key of draft.working.users.of(documentKey('Group', undefined, group))) {
    if (partsOf(key).kind !== 'Policy') continue;
    const policy = draft.document(key);
    if (policy?.kind === 'Policy' && policy.metadata.tenant === undefined && policy.spec.appliesTo?.includes(group)) yield policy;
  }
}
