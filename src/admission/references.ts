import { platformScope as platformName, resolveGroup, resolveName } from '../../policies/model/index.ts';
import type { Document, Peer, PolicySpec, Port, Scoped } from '../../policies/model/index.ts';
import { isIcmp, portsNamed } from '../../policies/selectors/index.ts';
import type { World } from '../../policies/selectors/index.ts';
import { documentKey } from './keys.ts';
import type { DocumentOfKind, Key } from './keys.ts';

/** One place in a document that names another. */
export interface Reference {
  readonly pointer: string;
  /** What would satisfy it, the nearest first. */
  readonly targets: readonly Key[];
  /** A service that may also be a built-in profile of this name. */
  readonly profile?: string;
}

/** Everything that a document names, its own tenant left out. */
export function* referencesOf(document: Document): Generator<Reference> {
  const owner = document.metadata.tenant;
  switch (document.kind) {
    case 'Tenant':
    case 'Host':
    case 'Service':
    case 'Intent':
      return;
    case 'Network':
      for (const [index, name] of document.spec.sharedWith.entries()) yield tenantReference(name, `/spec/sharedWith/${index}`);
      return;
    case 'Router':
      for (const [index, pair] of document.spec.networks.entries()) {
        yield { pointer: `/spec/networks/${index}`, targets: [documentKey('Network', pair.tenant, pair.network)] };
      }
      return;
    case 'Group':
      if (Array.isArray(document.spec.tenants))
        for (const [index, name] of document.spec.tenants.entries()) yield tenantReference(name, `/spec/tenants/${index}`);
      return;
    case 'QosPolicy':
      yield* appliesTo(owner, document.spec.appliesTo);
      return;
    case 'Policy':
      yield* appliesTo(owner, document.spec.appliesTo);
      yield* ruleReferences(owner, document.spec);
      return;
    case 'Vm':
      if (document.spec.host !== undefined) yield { pointer: '/spec/host', targets: [documentKey('Host', undefined, document.spec.host)] };
      for (const [index, entry] of document.spec.interfaces.entries()) {
        const network = resolveName(owner, entry.network);
        yield { pointer: `/spec/interfaces/${index}/network`, targets: [documentKey('Network', network.tenant, network.name)] };
      }
      return;
  }
}

const tenantReference = (name: string, pointer: string): Reference => ({ pointer, targets: [documentKey('Tenant', undefined, name)] });
const groupKey = (group: Scoped): Key => documentKey('Group', group.tenant, group.name);

function* appliesTo(owner: string | undefined, names: readonly string[] | undefined): Generator<Reference> {
  for (const [index, name] of (names ?? []).entries())
    yield { pointer: `/spec/appliesTo/${index}`, targets: [groupKey(resolveName(owner, name))] };
}

function* ruleReferences(owner: string | undefined, spec: PolicySpec): Generator<Reference> {
  for (const [direction, side] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    for (const [position, rule] of spec[direction].entries()) {
      const pointer = `/spec/${direction}/${position}`;
      for (const [index, peer] of (rule.peers ?? []).entries()) {
        if (peer.kind === 'group') yield { pointer: `${pointer}/${side}/${index}/group`, targets: [groupKey(groupOf(owner, peer))] };
      }
      for (const [index, service] of (rule.services ?? []).entries()) {
        if (typeof service === 'string') yield serviceReference(owner, service, `${pointer}/services/${index}`);
      }
    }
  }
}

const groupOf = (owner: string | undefined, peer: Extract<Peer, { kind: 'group' }>): Scoped => resolveGroup(owner, peer.group, peer.tenant);

/** A plain name may also mean a profile; `platform/NAME` means the platform's only. */
function serviceReference(owner: string | undefined, name: string, pointer: string): Reference {
  const targets = servicesMeant(owner, name);
  return name.startsWith(`${platformName}/`) ? { pointer, targets } : { pointer, targets, profile: name };
}

/** The services that a name may mean, the nearest first: the owner's, then the platform's. */
export function servicesMeant(owner: string | undefined, name: string): readonly Key<DocumentOfKind<'Service'>>[] {
  const scoped = resolveName(owner, name);
  const platforms = documentKey('Service', undefined, scoped.name);
  return scoped.tenant === undefined ? [platforms] : [documentKey('Service', scoped.tenant, scoped.name), platforms];
}

/** The groups for which the rules of a policy need bits: those it applies to and its peers. */
export function groupsNamed(owner: string | undefined, spec: PolicySpec): readonly Scoped[] {
  const named = new Map<string, Scoped>();
  const add = (group: Scoped): unknown => named.set(groupKey(group), group);
  for (const name of spec.appliesTo ?? []) add(resolveName(owner, name));
  for (const rule of [...spec.ingress, ...spec.egress]) {
    for (const peer of rule.peers ?? []) if (peer.kind === 'group') add(groupOf(owner, peer));
  }
  return [...named.values()];
}

/** The port names that the rules of a policy use, in services that they name or write themselves. */
export function portNamesUsed(world: Pick<World, 'get'>, owner: string | undefined, spec: PolicySpec): readonly string[] {
  const services = [...spec.ingress, ...spec.egress].flatMap((rule) => rule.services ?? []);
  return services.flatMap((service) => portNames(typeof service === 'string' ? portsNamed(world, owner, service) : [service]));
}

export const portNames = (ports: readonly Port[]): readonly string[] =>
  ports.flatMap((port) => (isIcmp(port) || port.portName === undefined ? [] : [port.portName]));
