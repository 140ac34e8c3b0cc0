import { parseAddress } from '../../../src/base/addresses.ts';
import type { Address, Family } from '../../../src/base/addresses.ts';
import type { VmInterface } from '../../model/kinds.ts';
import { resolveName } from '../../model/scope.ts';
import { labelsOf, routingDomains, scopedText } from '../../selectors/index.ts';
import type { DomainOf, Labels, VmDocument, World } from '../../selectors/index.ts';

/** An interface as it is in one world. */
export interface Presence {
  readonly domain: string;
  readonly labels: Labels;
  readonly ports: VmInterface['ports'];
  /** How many addresses the interface has in each family. */
  readonly addressCounts: Readonly<Record<Family, number>>;
}

/** One address of an interface, before and after. Undefined where there is none. */
export interface Endpoint {
  readonly tenant: string;
  readonly vm: string;
  readonly interface: string;
  readonly address: Address;
  readonly before: Presence | undefined;
  readonly after: Presence | undefined;
}

export type Side = 'before' | 'after';
export const sides: readonly Side[] = ['before', 'after'];

/** The two worlds that are compared. */
export type Worlds = Readonly<Record<Side, World>>;

/** Endpoints that reach each other in one of the worlds, and nobody else. */
export interface Component {
  readonly endpoints: readonly Endpoint[];
  readonly tenants: ReadonlySet<string>;
}

/** The tenants, and those with interfaces where one of them has some. */
export function componentTenants(worlds: Worlds, tenants: ReadonlySet<string>): ReadonlySet<string> {
  const near = new Set(tenants);
  for (const { tenants: own } of componentsOf(worlds, tenants)) for (const tenant of own) near.add(tenant);
  return near;
}

/** All endpoints in the routing domains in which one of the tenants has an interface, by what reaches what. */
export function componentsOf(worlds: Worlds, tenants: ReadonlySet<string>): readonly Component[] {
  const domains = { before: new Domains(worlds.before), after: new Domains(worlds.after) };
  const wanted = new Set<string>();
  const near = new Set<string>();
  for (const side of sides) for (const tenant of tenants) for (const domain of domains[side].ofTenant(tenant)) wanted.add(domain);
  for (const side of sides) for (const domain of wanted) for (const tenant of domains[side].tenantsIn(domain)) near.add(tenant);
  const found = new Map<string, Endpoint>();
  for (const side of sides) {
    for (const tenant of near) {
      for (const { document } of worlds[side].list('Vm', tenant)) addEndpoints(found, side, document, domains[side], wanted);
    }
  }
  return split([...found.values()]);
}

class Domains {
  readonly of: DomainOf;
  readonly #world: World;
  readonly #networks = new Map<string, Set<string>>();

  constructor(world: World) {
    this.#world = world;
    this.of = routingDomains(world);
    for (const { document } of world.list('Router')) {
      const own = document.spec.networks.map(({ tenant, network }) => scopedText({ tenant, name: network }));
      const [first] = document.spec.networks;
      if (first !== undefined) this.#networks.set(this.of(first.tenant, first.network), new Set(own));
    }
  }

  ofTenant(tenant: string): ReadonlySet<string> {
    const domains = new Set<string>();
    for (const { document } of this.#world.list('Vm', tenant)) {
      for (const item of document.spec.interfaces) domains.add(this.of(tenant, item.network));
    }
    return domains;
  }

  /** Who may have interfaces in a domain: the owners of its networks, and those with whom they are shared. */
  tenantsIn(domain: string): ReadonlySet<string> {
    const networks = this.#networks.get(domain) ?? [domain.replace(/^network /, '')];
    const tenants = new Set<string>();
    for (const network of networks) {
      const { tenant, name } = resolveName(undefined, network);
      if (tenant === undefined) continue;
      tenants.add(tenant);
      for (const other of this.#world.get('Network', tenant, name)?.document.spec.sharedWith ?? []) tenants.add(other);
    }
    return tenants;
  }
}

function addEndpoints(found: Map<string, Endpoint>, side: Side, vm: VmDocument, domains: Domains, wanted: ReadonlySet<string>): void {
  const tenant = vm.metadata.tenant ?? '';
  for (const item of vm.spec.interfaces) {
    const domain = domains.of(tenant, item.network);
    if (!wanted.has(domain)) continue;
    const presence: Presence = { domain, labels: labelsOf(vm, item), ports: item.ports, addressCounts: countsOf(item) };
    for (const text of item.addresses) {
      const key = `${tenant}/${vm.metadata.name}/${item.name} ${text}`;
      const known = found.get(key) ?? {
        tenant,
        vm: vm.metadata.name,
        interface: item.name,
        address: parseAddress(text),
        before: undefined,
        after: undefined,
      };
      found.set(key, { ...known, [side]: presence });
    }
  }
}

function countsOf({ addresses }: VmInterface): Presence['addressCounts'] {
  const ipv6 = addresses.filter((address) => address.includes(':')).length;
  return { 4: addresses.length - ipv6, 6: ipv6 };
}

/** Domains that an interface moved between belong together. */
function split(endpoints: readonly Endpoint[]): readonly Component[] {
  const parent = new Map<string, string>();
  const root = (domain: string): string => {
    let at = domain;
    for (let up = parent.get(at); up !== undefined; up = parent.get(at)) at = up;
    return at;
  };
  for (const { before, after } of endpoints) {
    if (!before || !after) continue;
    const [a, b] = [root(before.domain), root(after.domain)];
    if (a !== b) parent.set(a, b);
  }
  const byRoot = Map.groupBy(endpoints, ({ before, after }) => root((before ?? after)?.domain ?? ''));
  return [...byRoot.values()].map((own) => ({ endpoints: own, tenants: new Set(own.map(({ tenant }) => tenant)) }));
}
