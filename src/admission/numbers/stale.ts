import { isDeepStrictEqual } from 'node:util';
import { groupKeyOf } from '../../../policies/model/index.ts';
import type { Scoped } from '../../../policies/model/index.ts';
import { portOfKey } from '../../../policies/selectors/index.ts';
import { idOf } from '../draft.ts';
import type { Draft, DraftChange } from '../draft.ts';
import { differenceOf, networksJoined } from '../indexes/domains.ts';
import type { Trait } from '../indexes/domains.ts';
import { documentKey, isDocumentKey, partsOf, tenantScope } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';
import { groupsNamed, portNames, servicesMeant } from '../references.ts';
import { concernedEver, concerns, platformPolicies, policiesNaming } from './reach.ts';

type Group = DocumentOfKind<'Group'>;
type Network = DocumentOfKind<'Network'>;
type Policy = DocumentOfKind<'Policy'>;
type Service = DocumentOfKind<'Service'>;
type Vm = DocumentOfKind<'Vm'>;

/** Where a request asks for something. */
export interface Place {
  /** Of the document in what was sent. */
  readonly document: string;
  readonly pointer: string;
  /** Whose document it is; undefined: the platform's. */
  readonly owner: string | undefined;
}

/** What of a tenant's bits a request may have made wrong. */
export interface Stale {
  /** By bit key. */
  readonly groups: Map<string, { readonly group: Scoped; readonly place: Place }>;
  /** By port name. */
  readonly ports: Map<string, Place>;
}

/**
 * The bits to look at again, by tenant, once every document of a request is in place. Never too few; the scopes on which
 * the answer rests are touched, so that no other proposer's transaction makes it wrong.
 *
 * Who guards what: names in a tenant's rules, and where its interfaces are, by the tenant's scope; what is declared in
 * a network by its owner's scope. Who enters a routing domain, declares a port there for the first time or alters its networks
 * guards the owners of all of them, as does who looks for declared ports.
 */
export function staleBits(draft: Draft): ReadonlyMap<string, Stale> {
  const marks = new Marks(draft);
  const movements = new Movements();
  for (const change of draft.changes()) {
    if (!isDocumentKey(change.key)) continue;
    const { kind, tenant } = partsOf(change.key);
    const place = (pointer: string): Place => ({ document: change.pointer, pointer, owner: tenant });
    const [before, after] = [change.before?.value, change.after?.value];
    if (kind === 'Tenant' && before === undefined) tenantCame(draft, marks, partsOf(change.key).name, place(''));
    else if (kind === 'Group') groupChanged(draft, marks, change, place('/spec'));
    else if (kind === 'Service') serviceChanged(draft, marks, change.key as Key<Service>, place('/spec/ports'));
    else if (kind === 'Policy') policyChanged(draft, marks, before as Policy | undefined, after as Policy | undefined, place('/spec'));
    else if (kind === 'Router') routerChanged(draft, marks, change, place('/spec/networks'));
    else if (kind === 'Vm') movements.add(before as Vm | undefined, after as Vm | undefined, place);
  }
  movements.mark(draft, marks);
  return marks.stale;
}

class Marks {
  readonly stale = new Map<string, Stale>();
  readonly #draft: Draft;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  group(tenant: string, group: Scoped, place: Place): void {
    const { groups } = this.#of(tenant);
    const key = groupKeyOf(tenant, group);
    if (!groups.has(key)) groups.set(key, { group, place });
  }

  port(tenant: string, name: string, place: Place): void {
    const { ports } = this.#of(tenant);
    if (!ports.has(name)) ports.set(name, place);
  }

  /** Every name that a rule for the tenant may use. */
  allPorts(tenant: string, place: Place): void {
    const { ports } = this.#draft.working.named;
    for (const owner of [tenant, undefined]) for (const name of ports.names(owner)) this.port(tenant, name, place);
  }

  /** The tenant, and the owners of all networks that its interfaces reach. */
  guard(tenant: string, isNamingPorts: boolean): void {
    this.#draft.touch(tenantScope(tenant));
    if (!isNamingPorts) return;
    for (const network of this.#draft.working.domains.networksOf(tenant)) this.guardAround(network);
  }

  guardAround(network: Key<Network>): void {
    for (const other of this.#draft.working.domains.around(network)) this.#draft.touch(ownerScope(other));
  }

  #of(tenant: string): Stale {
    const present = this.stale.get(tenant) ?? { groups: new Map(), ports: new Map() };
    this.stale.set(tenant, present);
    return present;
  }
}

const ownerScope = (network: Key<Network>): string => tenantScope(partsOf(network).tenant ?? '');

/** Its interfaces, if it has any yet, bring the ports. */
function tenantCame(draft: Draft, marks: Marks, tenant: string, place: Place): void {
  for (const policy of platformPolicies(draft)) {
    if (!concerns(draft, policy, tenant)) continue;
    for (const group of groupsNamed(undefined, policy.spec)) marks.group(tenant, group, place);
  }
}

/** A group of CIDRs needs no bit. A group of the platform decides whom the policies concern that apply to it. */
function groupChanged(draft: Draft, marks: Marks, change: DraftChange, place: Place): void {
  const [before, after] = [change.before, change.after].map((cell) => cell?.value as Group | undefined);
  if (before === undefined || after === undefined) return;
  const isOtherKind = before.spec.members.kind !== after.spec.members.kind;
  const isOtherReach = !isDeepStrictEqual(before.spec.tenants, after.spec.tenants);
  if (!isOtherKind && !isOtherReach) return;
  for (const policy of policiesNaming(draft, idOf(change.key)))
    policyMarked(draft, marks, policy, groupsNamed(policy.metadata.tenant, policy.spec), place);
}

function policyChanged(draft: Draft, marks: Marks, before: Policy | undefined, after: Policy | undefined, place: Place): void {
  const [old, now] = [before, after].map((policy) => (policy === undefined ? [] : groupsNamed(policy.metadata.tenant, policy.spec)));
  const sameReach = isDeepStrictEqual(before?.spec.appliesTo, after?.spec.appliesTo);
  const groups = sameReach ? difference(old ?? [], now ?? []) : [...(old ?? []), ...(now ?? [])];
  for (const policy of [before, after]) if (policy !== undefined) policyMarked(draft, marks, policy, groups, place);
}

function policyMarked(draft: Draft, marks: Marks, policy: Policy, groups: readonly Scoped[], place: Place): void {
  const ports = portNamesEver(draft, policy);
  if (groups.length === 0 && ports.size === 0) return;
  for (const tenant of concernedEver(draft, policy)) {
    marks.guard(tenant, ports.size > 0);
    for (const group of groups) marks.group(tenant, group, place);
    for (const name of ports) marks.port(tenant, name, place);
  }
}

/** Groups in one of the lists only. */
function difference(a: readonly Scoped[], b: readonly Scoped[]): readonly Scoped[] {
  const keyOf = (group: Scoped): string => documentKey('Group', group.tenant, group.name);
  const [inA, inB] = [new Set(a.map(keyOf)), new Set(b.map(keyOf))];
  return [...a.filter((group) => !inB.has(keyOf(group))), ...b.filter((group) => !inA.has(keyOf(group)))];
}

/** A tenant's service that comes or goes changes what the name meant that the platform's service has too. */
function serviceChanged(draft: Draft, marks: Marks, key: Key<Service>, place: Place): void {
  const { name } = partsOf(key);
  const names = new Set([key, documentKey('Service', undefined, name)].flatMap((each) => servicePortNames(draft, each)));
  if (names.size === 0) return;
  for (const policy of policiesNaming(draft, idOf(key))) {
    for (const tenant of concernedEver(draft, policy)) {
      marks.guard(tenant, true);
      for (const port of names) marks.port(tenant, port, place);
    }
  }
}

/** The port names that a policy's rules use, or used before the request changed the services that they name. */
function portNamesEver(draft: Draft, policy: Policy): ReadonlySet<string> {
  const owner = policy.metadata.tenant;
  const services = [...policy.spec.ingress, ...policy.spec.egress].flatMap((rule) => rule.services ?? []);
  return new Set(
    services.flatMap((service) =>
      typeof service === 'string' ? servicesMeant(owner, service).flatMap((key) => servicePortNames(draft, key)) : portNames([service]),
    ),
  );
}

const servicePortNames = (draft: Draft, key: Key<Service>): readonly string[] =>
  [draft.value(key), draft.valueBefore(key)].flatMap((service) => portNames(service?.spec.ports ?? []));

/** Domains are joined or parted: everybody in them may see other declared ports. */
function routerChanged(draft: Draft, marks: Marks, { before, after }: DraftChange, place: Place): void {
  const [old, now] = [before, after].map((cell) => networksJoined(cell?.value as DocumentOfKind<'Router'> | undefined));
  if (isDeepStrictEqual(old, now)) return;
  const { domains } = draft.working;
  const networks = new Set([...(old ?? []), ...(now ?? [])].flatMap((network) => [...domains.around(network)]));
  for (const network of networks) {
    draft.touch(ownerScope(network));
    for (const tenant of domains.tenantsAt(network)) marks.allPorts(tenant, place);
  }
}

/** How all VMs of a request together change who is in a network and what is declared there. */
class Movements {
  readonly #networks = new Map<Key<Network>, Map<Trait, { readonly by: number; readonly place: Place }>>();

  add(before: Vm | undefined, after: Vm | undefined, placeAt: (pointer: string) => Place): void {
    for (const [network, traits] of differenceOf(before, after)) {
      const sums = this.#networks.get(network) ?? new Map<Trait, { readonly by: number; readonly place: Place }>();
      this.#networks.set(network, sums);
      for (const [trait, by] of traits) {
        const known = sums.get(trait);
        sums.set(trait, { by: (known?.by ?? 0) + by, place: known?.place ?? placeAt(pointerTo(after, trait)) });
      }
    }
  }

  /** Only the first that comes and the last that goes make a difference. */
  mark(draft: Draft, marks: Marks): void {
    const { domains } = draft.working;
    for (const [network, traits] of this.#networks) {
      for (const [trait, { by, place }] of traits) {
        const count = domains.count(network, trait);
        if (count > 0 === count - by > 0) continue;
        marks.guardAround(network);
        const declared = portOfKey(trait);
        if (declared === undefined) marks.allPorts(trait, place);
        else
          for (const other of domains.around(network))
            for (const tenant of domains.tenantsAt(other)) marks.port(tenant, declared.name, place);
      }
    }
  }
}

/** The first interface that declares the port; the interfaces as such for a tenant's presence. */
function pointerTo(vm: Vm | undefined, trait: Trait): string {
  const declared = portOfKey(trait);
  const index = vm?.spec.interfaces.findIndex((entry) => declared !== undefined && Object.hasOwn(entry.ports, declared.name)) ?? -1;
  return declared === undefined || index < 0 ? '/spec/interfaces' : `/spec/interfaces/${index}/ports/${declared.name}`;
}
