import { parseAddress } from '../../../src/base/addresses.ts';
import type { Address, Family } from '../../../src/base/addresses.ts';
import type { DocumentId } from '../../graph/documents.ts';
import type { VmInterface } from '../../model/kinds.ts';
import { labelsOf } from '../../selectors/index.ts';
import type { Labels, VmDocument, World } from '../../selectors/index.ts';
import { Domains } from './domains.ts';
import { tenantsConcerned } from './tenants-concerned.ts';

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

/** What a change can concern: everything else is as it was. */
export interface Scope {
  /** Tenants whose interfaces may be judged in another way, or whose reach is another. */
  readonly tenants: ReadonlySet<string>;
  /** And those that have interfaces where one of them has some. */
  readonly near: ReadonlySet<string>;
  /** All endpoints in the routing domains in which one of the tenants has an interface, by what reaches what. */
  readonly components: readonly Component[];
}

export function* scopeOf(worlds: Worlds, changed: readonly DocumentId[]): Generator<undefined, Scope> {
  const tenants = yield* tenantsConcerned(worlds, changed);
  if (tenants.size === 0) return { tenants, near: tenants, components: [] };
  const before = yield* Domains.read(worlds.before);
  const after = changed.some(({ kind }) => kind === 'Router') ? yield* Domains.read(worlds.after) : before.of(worlds.after);
  const domains: Readonly<Record<Side, Domains>> = { before, after };
  const wanted = new Set<string>();
  const near = new Set(tenants);
  for (const side of sides) {
    for (const tenant of tenants) {
      for (const domain of domains[side].ofTenant(tenant)) wanted.add(domain);
      yield;
    }
  }
  for (const side of sides) for (const domain of wanted) for (const tenant of domains[side].tenantsIn(domain)) near.add(tenant);
  const found = new Map<string, Endpoint>();
  for (const side of sides) {
    for (const tenant of near) {
      yield;
      let read = 0;
      for (const { document } of worlds[side].list('Vm', tenant)) {
        const isSame = side === 'after' && worlds.before.get('Vm', tenant, document.metadata.name)?.document === document;
        addEndpoints(found, side, { vm: document, isSame }, domains[side], wanted);
        if (++read % vmsAtOnce === 0) yield;
      }
    }
  }
  return { tenants, near, components: split([...found.values()]) };
}

/** VMs read between one yield and the next. */
const vmsAtOnce = 100;

/** `isSame`: the document is that of before. Then endpoints in the same domain are present as they were, by the same object. */
function addEndpoints(
  found: Map<string, Endpoint>,
  side: Side,
  { vm, isSame }: { readonly vm: VmDocument; readonly isSame: boolean },
  domains: Domains,
  wanted: ReadonlySet<string>,
): void {
  const tenant = vm.metadata.tenant ?? '';
  for (const item of vm.spec.interfaces) {
    const domain = domains.domainOf(tenant, item.network);
    if (!wanted.has(domain)) continue;
    let presence: Presence | undefined;
    for (const text of item.addresses) {
      const key = `${tenant}/${vm.metadata.name}/${item.name} ${text}`;
      const known = found.get(key);
      if (isSame && known?.before?.domain === domain) presence = known.before;
      presence ??= { domain, labels: labelsOf(vm, item), ports: item.ports, addressCounts: countsOf(item) };
      if (known === undefined) {
        const name = { tenant, vm: vm.metadata.name, interface: item.name, address: parseAddress(text) };
        found.set(key, { ...name, before: undefined, after: undefined, [side]: presence });
      } else found.set(key, { ...known, [side]: presence });
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
