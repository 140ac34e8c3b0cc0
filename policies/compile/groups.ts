import type { View } from '../compiled.ts';
import type { TenantNumbers } from '../model/stored.ts';
import type { VmInterface } from '../model/kinds.ts';
import { resolveName } from '../model/scope.ts';
import { findGroup, isMember, membershipOf, portOfKey } from '../selectors/index.ts';
import type { DeclaredPort, Labels, Membership, World } from '../selectors/index.ts';

/** A set of interfaces that one tenant's rules name, and its bit. */
export type GroupBit =
  | { readonly kind: 'selector'; readonly bit: bigint; readonly membership: Membership }
  | { readonly kind: 'port'; readonly bit: bigint; readonly declared: DeclaredPort };

/** What membership depends on. */
export interface Member {
  readonly tenant: string;
  readonly labels: Labels;
  readonly ports: VmInterface['ports'];
}

/** How `looker` numbers the groups that its rules name. Groups of CIDRs have no bit: rules carry their prefixes. */
export function groupBitsOf(world: Pick<World, 'get'>, looker: string, groups: TenantNumbers['groups']): readonly GroupBit[] {
  return Object.entries(groups).flatMap(([key, number]): GroupBit[] => {
    const bit = 1n << BigInt(number);
    const declared = portOfKey(key);
    if (declared) return [{ kind: 'port', bit, declared }];
    const group = findGroup(world, resolveName(looker, key));
    const membership = group && membershipOf(group);
    return membership ? [{ kind: 'selector', bit, membership }] : [];
  });
}

/** How one tenant's rules tell the groups of an interface apart. */
export interface Looker {
  /** The tenant's number. */
  readonly tenant: number;
  readonly view: View | undefined;
  readonly groupBits: readonly GroupBit[];
  /** Numbers of sets, in an odd view. */
  readonly numberOf: ((set: bigint) => bigint) | undefined;
}

/** What an element says of the groups that an interface is in. */
export function membershipFields(
  { view, groupBits, numberOf }: Looker,
  member: Member,
): { readonly view?: View; readonly groups: bigint; readonly set?: bigint } {
  const groups = bitsOf(groupBits, member);
  return { ...viewField(view), groups, ...(numberOf === undefined ? {} : { set: numberOf(groups) }) };
}

/** An element of a tenant's first view does not mention it. */
export const viewField = (view: View | undefined): { readonly view?: View } => (view === undefined ? {} : { view });

export function bitsOf(groupBits: readonly GroupBit[], member: Member): bigint {
  let bits = 0n;
  for (const group of groupBits) {
    const inside = group.kind === 'port' ? declares(member, group.declared) : isMember(group.membership, member.tenant, member.labels);
    if (inside) bits |= group.bit;
  }
  return bits;
}

function declares(member: Member, { name, protocol, port }: DeclaredPort): boolean {
  if (!Object.hasOwn(member.ports, name)) return false;
  const own = member.ports[name];
  return own?.protocol === protocol && own.port === port;
}
