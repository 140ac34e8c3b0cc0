import { assert } from '../../src/base/errors.ts';
import type { Direction, RuleElement } from '../compiled.ts';
import type { Peer, PolicySpec, Rule } from '../model/kinds.ts';
import type { PolicyNumbers, TenantNumbers } from '../model/stored.ts';
import { groupKeyOf, resolveName } from '../model/scope.ts';
import type { Scoped } from '../model/scope.ts';
import { findGroup, groupOfPeer, membershipOf, tenantsOf } from '../selectors/index.ts';
import type { World } from '../selectors/index.ts';
import { prefixesOf } from './blocks.ts';
import type { CidrClause } from './blocks.ts';
import { viewField } from './groups.ts';
import { serviceMatches } from './services.ts';

/** A policy with the numbers of its rules; `owner` is undefined for the platform's. */
export interface NumberedPolicy {
  readonly owner: string | undefined;
  readonly spec: PolicySpec;
  readonly numbers: PolicyNumbers;
}

/** The tenant for whose interfaces a policy is compiled. */
export interface RuleScope {
  readonly world: Pick<World, 'get'>;
  readonly tenant: string;
  readonly numbers: TenantNumbers;
}

/** The rules of a policy as they bind the interfaces of one tenant; none when it applies to none of them. */
export function compilePolicy(scope: RuleScope, policy: NumberedPolicy): readonly RuleElement[] {
  const local = localGroups(scope, policy);
  if (local !== undefined && local.length === 0) return [];
  return [...compileRules(scope, policy, 'egress', local), ...compileRules(scope, policy, 'ingress', local)];
}

/** Whether a tenant's interfaces can be concerned: its own policies, and those of the platform that apply to it. */
export function concerns(
  world: Pick<World, 'get'>,
  owner: string | undefined,
  appliesTo: PolicySpec['appliesTo'],
  tenant: string,
): boolean {
  if (owner !== undefined) return owner === tenant;
  return appliesTo === undefined || appliesTo.some((name) => selectsFrom(world, resolveName(owner, name), tenant));
}

function selectsFrom(world: Pick<World, 'get'>, id: Scoped, tenant: string): boolean {
  const group = findGroup(world, id);
  if (group === undefined) return false;
  const tenants = tenantsOf(group);
  return tenants === 'all' || tenants.includes(tenant);
}

/** The numbers of the groups to which a policy applies; those that select none of the tenant's interfaces are left out. */
function localGroups(scope: RuleScope, { owner, spec }: NumberedPolicy): readonly number[] | undefined {
  if (owner !== undefined && owner !== scope.tenant) return [];
  const ids = spec.appliesTo?.map((name) => resolveName(owner, name)).filter((id) => selectsFrom(scope.world, id, scope.tenant));
  return ids && groupNumbers(scope, ids);
}

function compileRules(
  scope: RuleScope,
  policy: NumberedPolicy,
  direction: Direction,
  local: readonly number[] | undefined,
): readonly RuleElement[] {
  return policy.spec[direction].map((rule, index) => {
    const number = policy.numbers[direction][index];
    assert(number, 'every rule of a policy is numbered');
    return {
      kind: 'rule',
      id: number.id,
      tenant: scope.numbers.tenant,
      ...viewField(scope.numbers.view),
      tier: policy.spec.tier,
      direction,
      priority: number.priority,
      action: rule.action,
      local,
      peers: peersOf(scope, policy.owner, rule.peers),
      services: rule.services && serviceMatches({ world: scope.world, owner: policy.owner, groups: scope.numbers.groups }, rule.services),
      log: rule.log,
    };
  });
}

function peersOf(scope: RuleScope, owner: string | undefined, peers: Rule['peers']): RuleElement['peers'] {
  if (peers === undefined || peers.some((peer) => peer.kind === 'any')) return undefined;
  const ids = peers.flatMap((peer) => (peer.kind === 'group' ? [groupOfPeer(owner, peer)] : []));
  return { groups: groupNumbers(scope, ids), prefixes: prefixesOf(peers.flatMap((peer) => cidrClauses(scope, owner, peer))) };
}

function cidrClauses(scope: RuleScope, owner: string | undefined, peer: Peer): readonly CidrClause[] {
  if (peer.kind === 'any') return [];
  if (peer.kind === 'cidr') return [{ cidrs: [peer.cidr], except: peer.except }];
  const members = findGroup(scope.world, groupOfPeer(owner, peer))?.spec.members;
  return members?.kind === 'cidrs' ? [members] : [];
}

/** Distinct and ascending; groups of CIDRs have none. */
function groupNumbers(scope: RuleScope, ids: readonly Scoped[]): readonly number[] {
  const numbers = new Set<number>();
  for (const id of ids) {
    const group = findGroup(scope.world, id);
    if (group === undefined || membershipOf(group) === undefined) continue;
    const key = groupKeyOf(scope.tenant, id);
    const number = scope.numbers.groups[key];
    assert(number !== undefined, `the group "${key}" that rules of tenant "${scope.tenant}" name is numbered`);
    numbers.add(number);
  }
  return [...numbers].toSorted((a, b) => a - b);
}
