import { parseAddress } from '../../src/base/addresses.ts';
import { resolveName } from '../model/scope.ts';
import { findGroup, labelsOf, membershipOf } from '../selectors/index.ts';
import type { Labels, VmDocument, World } from '../selectors/index.ts';
import { addressesFrom, pointOf } from './address-line.ts';
import type { Addresses } from './address-line.ts';
import { bigints } from './intervals.ts';
import { boxMatches, boxOf } from './label-box.ts';
import type { LabelBox } from './label-box.ts';

/** Groups of tenants with more interfaces than this are not compared with addresses. */
const interfacesMax = 10_000;

interface Interface {
  readonly labels: Labels;
  readonly points: readonly bigint[];
}

interface Group {
  /** Undefined: it has no members that are interfaces. */
  readonly box: LabelBox | undefined;
  readonly addresses: Addresses | undefined;
}

interface Tenant {
  readonly interfaces: Map<string, readonly Interface[]>;
  count: number;
  readonly groups: Map<string, Group>;
}

/**
 * The addresses that present members of groups have, of groups of one tenant only: the platform's select among too many. A tenant's
 * interfaces are known from the first question about one of its groups on; from then on each of its VMs that changes has to be told.
 */
export class Members {
  readonly #tenants = new Map<string, Tenant>();

  /** `group` as `scopedText` writes it. The same object as long as it is the same addresses. */
  of(world: World, group: string): Addresses | undefined {
    const { tenant: name } = scopeOf(group);
    if (name === undefined) return undefined;
    const tenant = this.#tenants.get(name) ?? openTenant(world, name);
    this.#tenants.set(name, tenant);
    let known = tenant.groups.get(group);
    if (known === undefined) {
      const found = findGroup(world, scopeOf(group));
      const membership = found && membershipOf(found);
      const box = membership && boxOf(membership);
      tenant.groups.set(group, (known = { box, addresses: addressesOf(tenant, box) }));
    }
    return known.addresses;
  }

  /** The group is another one now. */
  forget(group: string): void {
    const { tenant } = scopeOf(group);
    if (tenant !== undefined) this.#tenants.get(tenant)?.groups.delete(group);
  }

  /** A VM is another one now. @returns the groups whose addresses are others now */
  changed(world: World, name: string, vm: string): readonly string[] {
    const tenant = this.#tenants.get(name);
    if (tenant === undefined) return [];
    const before = tenant.interfaces.get(vm) ?? [];
    const document = world.get('Vm', name, vm)?.document;
    const after = document === undefined ? [] : interfacesOf(document);
    const hadAll = tenant.count <= interfacesMax;
    tenant.count += after.length - before.length;
    if (document === undefined) tenant.interfaces.delete(vm);
    else tenant.interfaces.set(vm, after);
    const hasAll = tenant.count <= interfacesMax;
    return [...tenant.groups].flatMap(([group, { box }]) => {
      if (box === undefined || (!hadAll && !hasAll)) return [];
      if (hadAll === hasAll && pointsOf(before, box).join() === pointsOf(after, box).join()) return [];
      tenant.groups.set(group, { box, addresses: addressesOf(tenant, box) });
      return [group];
    });
  }
}

const scopeOf = (group: string) => resolveName(undefined, group.replace(/^-\//, 'platform/'));

function openTenant(world: World, name: string): Tenant {
  const interfaces = new Map<string, readonly Interface[]>();
  let count = 0;
  for (const { document } of world.list('Vm', name)) {
    const own = interfacesOf(document);
    interfaces.set(document.metadata.name, own);
    count += own.length;
  }
  return { interfaces, count, groups: new Map() };
}

const interfacesOf = (document: VmDocument): readonly Interface[] =>
  document.spec.interfaces.map((item) => ({
    labels: labelsOf(document, item),
    points: item.addresses.map((text) => pointOf(parseAddress(text))),
  }));

const pointsOf = (interfaces: Iterable<Interface>, box: LabelBox): readonly bigint[] => {
  const found: bigint[] = [];
  for (const { labels, points } of interfaces) if (boxMatches(box, labels)) found.push(...points);
  return found;
};

function addressesOf({ interfaces, count }: Tenant, box: LabelBox | undefined): Addresses | undefined {
  if (box === undefined || count > interfacesMax) return undefined;
  const points = [...interfaces.values()].flatMap((own) => pointsOf(own, box));
  return addressesFrom(bigints.of(points.map((point) => [point, point] as const)));
}
