import type { Family } from '../../../src/base/addresses.ts';
import { formatAddress } from '../../../src/base/addresses.ts';
import { isMember, membershipOf } from '../../selectors/index.ts';
import type { GroupDocument, Membership, World } from '../../selectors/index.ts';
import { familyLine } from '../address-line.ts';
import type { AddressSet } from '../address-line.ts';
import { bigints } from '../intervals.ts';
import { blocksOf } from './blocks.ts';
import type { EndClass } from './classes.ts';
import type { Endpoint, Side } from './endpoints.ts';

/** Who stands at one end, by a name that users know. */
export type EndSet =
  /** Every interface of a tenant. */
  | { readonly kind: 'tenant'; readonly tenant: string }
  /** Those of a tenant's interfaces that are in a group; `owner` undefined: the platform's group. */
  | { readonly kind: 'group'; readonly tenant: string; readonly owner: string | undefined; readonly group: string }
  /** `address`: only with this one of its addresses. */
  | { readonly kind: 'interface'; readonly tenant: string; readonly vm: string; readonly interface: string; readonly address?: string }
  /** Addresses that are no interface's of the routing domain. */
  | { readonly kind: 'addresses'; readonly cidrs: readonly string[]; readonly except: readonly string[]; readonly addresses: AddressSet };

export function endSetText(set: EndSet): string {
  switch (set.kind) {
    case 'tenant':
      return `0 ${set.tenant}`;
    case 'group':
      return `1 ${set.tenant} ${set.owner ?? '-'}/${set.group}`;
    case 'interface':
      return `2 ${set.tenant}/${set.vm}/${set.interface} ${set.address ?? ''}`;
    case 'addresses':
      return `3 ${set.cidrs.join()} ${set.except.join()}`;
  }
}

/** Classes, and how they are called together. */
export interface Naming {
  readonly sets: readonly EndSet[];
  readonly classes: readonly EndClass[];
}

/** Names in one world for classes of one tenant and family: all of them, or the groups that are made of whole classes. */
export class NamedSets {
  readonly #world: World;
  readonly #side: Side;
  readonly #platformGroups: readonly GroupDocument[];
  readonly #classes: ReadonlyMap<string, readonly EndClass[]>;
  readonly #known = new Map<string, readonly Naming[]>();

  constructor(world: World, side: Side, classes: readonly EndClass[]) {
    this.#world = world;
    this.#side = side;
    this.#platformGroups = [...world.list('Group', null)].map(({ document }) => document);
    this.#classes = Map.groupBy(
      classes.filter((each) => each[side] !== undefined),
      ({ tenant, family }) => `${family} ${tenant ?? ''}`,
    );
  }

  /** The largest first. */
  of(tenant: string | undefined, family: Family): readonly Naming[] {
    const key = `${family} ${tenant ?? ''}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const classes = this.#classes.get(key) ?? [];
    const names = tenant === undefined ? [] : [{ sets: [{ kind: 'tenant' as const, tenant }], classes }, ...this.#groups(tenant, classes)];
    const ordered = names.filter(({ classes: own }) => own.length > 0).toSorted((a, b) => b.classes.length - a.classes.length);
    this.#known.set(key, ordered);
    return ordered;
  }

  #groups(tenant: string, classes: readonly EndClass[]): readonly Naming[] {
    const groups = [...this.#world.list('Group', tenant)].map(({ document }) => document);
    return [...groups, ...this.#platformGroups].flatMap((group): Naming[] => {
      const membership = membershipOf(group);
      if (membership === undefined || (membership.tenants !== 'all' && !membership.tenants.includes(tenant))) return [];
      const isIn = (endpoint: Endpoint): boolean => isMemberOn(endpoint, this.#side, tenant, membership);
      const own = classes.filter(({ endpoints }) => endpoints.some(isIn));
      const set: EndSet = { kind: 'group', tenant, owner: group.metadata.tenant, group: group.metadata.name };
      return own.every(({ endpoints }) => endpoints.every(isIn)) ? [{ sets: [set], classes: own }] : [];
    });
  }

  /** Whether anybody stands there with an address of this family. */
  hasEnds(set: EndSet, family: Family): boolean {
    if (set.kind === 'addresses') return bigints.overlaps(set.addresses, familyLine[family]);
    const classes = this.#classes.get(`${family} ${set.tenant}`) ?? [];
    if (set.kind === 'tenant') return classes.length > 0;
    const endpoints = classes.flatMap((each) => each.endpoints);
    if (set.kind === 'interface') {
      if (set.address !== undefined) return set.address.includes(':') === (family === 6);
      return endpoints.some(({ vm, interface: item }) => vm === set.vm && item === set.interface);
    }
    const group = this.#world.get('Group', set.owner, set.group)?.document;
    const membership = group && membershipOf(group);
    return membership !== undefined && endpoints.some((endpoint) => isMemberOn(endpoint, this.#side, set.tenant, membership));
  }

  /** Classes one by one: interfaces by name, addresses as blocks. */
  listed(classes: readonly EndClass[]): Naming {
    const outside = classes.filter(({ tenant }) => tenant === undefined);
    const sets: EndSet[] = interfacesOf(
      classes.flatMap(({ endpoints }) => endpoints),
      this.#side,
    );
    if (outside.length > 0) {
      const addresses = outside.map((each) => each.addresses).reduce((one, other) => bigints.union(one, other));
      sets.push({ kind: 'addresses', ...blocksOf(addresses), addresses });
    }
    return { sets, classes };
  }
}

function isMemberOn(endpoint: Endpoint, side: Side, tenant: string, membership: Membership): boolean {
  const presence = endpoint[side];
  return presence !== undefined && isMember(membership, tenant, presence.labels);
}

/** An interface is named without its addresses when all that it has in the family are there. */
function interfacesOf(endpoints: readonly Endpoint[], side: Side): EndSet[] {
  const byInterface = Map.groupBy(endpoints, ({ tenant, vm, interface: item }) => `${tenant}/${vm}/${item}`);
  return [...byInterface.values()].flatMap((own): EndSet[] => {
    const [first] = own;
    if (first === undefined) return [];
    const { tenant, vm, interface: item } = first;
    const isWhole = own.length === (first[side]?.addressCounts[first.address.family] ?? 0);
    if (isWhole) return [{ kind: 'interface', tenant, vm, interface: item }];
    return own.map(({ address }) => ({ kind: 'interface', tenant, vm, interface: item, address: formatAddress(address) }));
  });
}
