import type { PolicySpec, Rule } from '../model/kinds.ts';
import { groupKeyOf, resolveName } from '../model/scope.ts';
import type { Scoped } from '../model/scope.ts';
import { findGroup, groupOfPeer, membershipOf, portKey, portsNamed, routingDomains, servicesMeant } from '../selectors/index.ts';
import type { PolicyDocument, VmDocument, World } from '../selectors/index.ts';
import { concerns } from './rules.ts';

/** What a policy names, so that it is compiled again when one of them changes. */
export interface Mentions {
  readonly groups: readonly Scoped[];
  /** As `scopedText` writes them. */
  readonly services: readonly string[];
}

export function mentionsOf(owner: string | undefined, spec: PolicySpec): Mentions {
  const rules = [...spec.ingress, ...spec.egress];
  const peers = rules.flatMap((rule) => rule.peers ?? []).flatMap((peer) => (peer.kind === 'group' ? [groupOfPeer(owner, peer)] : []));
  const services = rules.flatMap((rule) => rule.services ?? []).filter((service) => typeof service === 'string');
  return {
    groups: [...(spec.appliesTo ?? []).map((name) => resolveName(owner, name)), ...peers],
    services: services.flatMap((name) => servicesMeant(owner, name)),
  };
}

/**
 * The keys that TenantNumbers.groups of `tenant` must hold before the present documents can be compiled: every group of
 * interfaces that a rule for it names, and every port that a rule means by name, once for each value that an interface in one
 * of the tenant's routing domains declares. `policies` may leave out those of other tenants. Reads all VMs when a port is named.
 */
export function groupKeysOf(world: World, tenant: string, policies: Iterable<PolicyDocument> = allPolicies(world)): ReadonlySet<string> {
  const keys = new Set<string>();
  const portNames = new Set<string>();
  for (const document of policies) {
    const owner = document.metadata.tenant;
    if (!concerns(world, owner, document.spec.appliesTo, tenant)) continue;
    for (const id of mentionsOf(owner, document.spec).groups) {
      const group = findGroup(world, id);
      if (group && membershipOf(group)) keys.add(groupKeyOf(tenant, id));
    }
    for (const rule of [...document.spec.ingress, ...document.spec.egress]) {
      for (const name of portNamesOf(world, owner, rule)) portNames.add(name);
    }
  }
  if (portNames.size > 0) for (const key of declaredPorts(world, tenant, portNames)) keys.add(key);
  return keys;
}

function allPolicies(world: World): readonly PolicyDocument[] {
  return [...world.list('Policy')].map(({ document }) => document);
}

function portNamesOf(world: World, owner: string | undefined, rule: Rule): readonly string[] {
  const ports = (rule.services ?? []).flatMap((service) => (typeof service === 'string' ? portsNamed(world, owner, service) : [service]));
  return ports.flatMap((port) => ('portName' in port && port.portName !== undefined ? [port.portName] : []));
}

function declaredPorts(world: World, tenant: string, names: ReadonlySet<string>): readonly string[] {
  const domainOf = routingDomains(world);
  const domainsOfVm = (vm: VmDocument): readonly string[] =>
    vm.spec.interfaces.map((item) => domainOf(vm.metadata.tenant ?? '', item.network));
  const own = new Set([...world.list('Vm', tenant)].flatMap(({ document }) => domainsOfVm(document)));
  return [...world.list('Vm')].flatMap(({ document }) => {
    const domains = domainsOfVm(document);
    return document.spec.interfaces
      .filter((_, index) => own.has(domains[index] ?? ''))
      .flatMap((item) => Object.entries(item.ports))
      .filter(([name]) => names.has(name))
      .map(([name, { protocol, port }]) => portKey({ name, protocol, port }));
  });
}
