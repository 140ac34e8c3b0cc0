import type { Peer, Selector } from '../model/kinds.ts';
import { resolveGroup } from '../model/scope.ts';
import type { Scoped } from '../model/scope.ts';
import type { Labels } from './labels.ts';
import { matches } from './match.ts';
import type { GroupDocument, World } from './world.ts';

/** Unique over all documents of a kind, the platform's included. */
export const scopedText = ({ tenant, name }: Scoped): string => `${tenant ?? '-'}/${name}`;

/** What a peer `{ group }` or `{ tenant, group }` means in a policy of `owner`. */
export function groupOfPeer(owner: string | undefined, peer: Extract<Peer, { kind: 'group' }>): Scoped {
  return resolveGroup(owner, peer.group, peer.tenant);
}

export function findGroup(world: Pick<World, 'get'>, id: Scoped): GroupDocument | undefined {
  return world.get('Group', id.tenant, id.name)?.document;
}

/** Which interfaces a group selects: those of some tenants whose labels match. */
export interface Membership {
  readonly tenants: 'all' | readonly string[];
  readonly selector: Selector;
}

/** Undefined for a group of CIDRs: it selects addresses, no interfaces. */
export function membershipOf(group: GroupDocument): Membership | undefined {
  const { members } = group.spec;
  return members.kind === 'selector' ? { tenants: tenantsOf(group), selector: members.selector } : undefined;
}

/** A tenant's group selects among its own interfaces; the platform's among those of the tenants it lists, all by default. */
export function tenantsOf(group: GroupDocument): 'all' | readonly string[] {
  return group.metadata.tenant === undefined ? (group.spec.tenants ?? 'all') : [group.metadata.tenant];
}

export function isMember(membership: Membership, tenant: string, labels: Labels): boolean {
  return (membership.tenants === 'all' || membership.tenants.includes(tenant)) && matches(membership.selector, labels);
}
