import { parseAddress, parseMac } from '../../src/base/addresses.ts';
import type { Address, Mac } from '../../src/base/addresses.ts';
import type { FloodElement, NetworkElement, NeighbourElement, Raises, TunnelElement } from '../compiled.ts';
import { mentionsOf } from '../compile/names.ts';
import { qosRule } from '../compile/qos.ts';
import type { QosRule } from '../compile/qos.ts';
import { changesAfter, isOpen } from '../compile/schedule.ts';
import type { Minute } from '../compile/schedule.ts';
import type { NumberedPolicy } from '../compile/rules.ts';
import type { TenantSpec, VmInterface } from '../model/kinds.ts';
import { portIdOf } from '../model/port-id.ts';
import { resolveName } from '../model/scope.ts';
import type { Scoped } from '../model/scope.ts';
import type { TenantNumbers } from '../model/stored.ts';
import { labelsOf, scopedText } from '../selectors/index.ts';
import type { Labels } from '../selectors/index.ts';
import type { Documents } from './documents.ts';
import { placesOf } from './places.ts';
import type { Place } from './places.ts';

/** What documents say, in the compiler's terms: texts parsed, names resolved. Keys are `scopedText` of tenant and name. */

export interface TenantRow {
  readonly posture: TenantSpec['posture'];
  readonly numbers: TenantNumbers;
}

export interface RouterRow {
  readonly domain: number;
  readonly networks: readonly string[];
}

/** An interface of a VM that runs on a host. */
export interface InterfaceRow {
  readonly portId: string;
  readonly tenant: string;
  readonly network: string;
  readonly mac: Mac;
  readonly addresses: readonly Address[];
  readonly labels: Labels;
  readonly ports: VmInterface['ports'];
  /** Never empty; the first is where its traffic goes. */
  readonly places: readonly Place[];
}

/** An interface with what its network and its tenant add. */
export interface Attachment extends InterfaceRow {
  readonly tenantNumber: number;
  readonly vni: number;
  readonly domain: number;
}

export interface PolicyRow extends NumberedPolicy {
  readonly raises: Raises;
  readonly groups: readonly string[];
  readonly services: readonly string[];
}

export interface QosRow {
  /** Of policies whose schedules are open. */
  readonly rules: readonly QosRule[];
  readonly groups: readonly string[];
  /** Until when it is so at least; undefined: until something is written. */
  readonly until: Minute | undefined;
}

/** The inverse of `scopedText`. */
export function scopedOf(key: string): Scoped {
  const slash = key.indexOf('/');
  const tenant = key.slice(0, slash);
  return { tenant: tenant === '-' ? undefined : tenant, name: key.slice(slash + 1) };
}

export function encapOf(documents: Documents, host: string): Address | undefined {
  const encap = documents.get('Host', undefined, host)?.document.spec.encapIp;
  return encap === undefined ? undefined : parseAddress(encap);
}

export function tenantRow(documents: Documents, tenant: string): TenantRow | undefined {
  const document = documents.get('Tenant', undefined, tenant)?.document;
  const numbers = documents.tenantNumbers(tenant);
  return document && numbers && { posture: document.spec.posture, numbers };
}

export function routerRow(documents: Documents, key: string): RouterRow | undefined {
  const { tenant, name } = scopedOf(key);
  const document = documents.get('Router', tenant, name)?.document;
  const numbers = documents.routerNumbers(tenant, name);
  if (!document || !numbers) return undefined;
  return {
    domain: numbers.domain,
    networks: document.spec.networks.map((entry) => scopedText({ tenant: entry.tenant, name: entry.network })),
  };
}

/** `domain` is that of the network's router; a lone network is a domain of its own, numbered by its VNI. */
export function networkElement(documents: Documents, key: string, domain: number | undefined): NetworkElement | undefined {
  const { tenant, name } = scopedOf(key);
  const spec = documents.get('Network', tenant, name)?.document.spec;
  if (!spec) return undefined;
  return {
    kind: 'network',
    vni: spec.vni,
    domain: domain ?? spec.vni,
    gateways: spec.subnets.map((subnet) => parseAddress(subnet.gateway)),
    isolated: spec.isolation === 'private',
    broadcast: spec.broadcast,
  };
}

export function interfaceRows(documents: Documents, key: string): readonly InterfaceRow[] | undefined {
  const { tenant = '', name } = scopedOf(key);
  const vm = documents.get('Vm', tenant, name)?.document;
  if (!vm) return undefined;
  const numbers = documents.vmNumbers(tenant, name);
  const rows = vm.spec.interfaces.flatMap((item): InterfaceRow[] => {
    const places = placesOf(vm.spec, numbers, item.name);
    if (places.length === 0) return [];
    return [
      {
        portId: portIdOf(vm, item.name),
        tenant,
        network: scopedText(resolveName(tenant, item.network)),
        mac: parseMac(item.mac),
        addresses: item.addresses.map(parseAddress),
        labels: labelsOf(vm, item),
        ports: item.ports,
        places,
      },
    ];
  });
  // In as much room as it takes: what `flatMap` makes has room for 17.
  return rows.length > 0 ? [...rows] : undefined;
}

export function policyRow(documents: Documents, key: string): PolicyRow | undefined {
  const { tenant: owner, name } = scopedOf(key);
  const spec = documents.get('Policy', owner, name)?.document.spec;
  const numbers = documents.policyNumbers(owner, name);
  if (!spec || !numbers) return undefined;
  const mentions = mentionsOf(owner, spec);
  const rules = [...spec.ingress, ...spec.egress];
  const raises = {
    reject: rules.some(({ action }) => action === 'reject'),
    log: rules.some(({ action, log }) => log && action !== 'pass'),
  };
  return { owner, spec, numbers, raises, groups: mentions.groups.map(scopedText), services: mentions.services };
}

/** Undefined when nothing does, which is the rule. */
export function raisedBy(policies: Iterable<PolicyRow>): Raises | undefined {
  const raised = { reject: false, log: false };
  for (const { raises } of policies) {
    raised.reject ||= raises.reject;
    raised.log ||= raises.log;
  }
  return raised.reject || raised.log ? raised : undefined;
}

export function qosRow(documents: Documents, tenant: string, minute: Minute): QosRow | undefined {
  const policies = [...documents.list('QosPolicy', tenant)].map(({ document }) => document);
  if (policies.length === 0) return undefined;
  return {
    rules: policies
      .filter(({ spec }) => spec.schedule === undefined || isOpen(spec.schedule, minute))
      .map(({ metadata, spec }) => qosRule(documents, tenant, metadata.name, spec)),
    groups: policies.flatMap(({ spec }) => (spec.appliesTo ?? []).map((name) => scopedText(resolveName(tenant, name)))),
    until: earliest(policies.flatMap(({ spec }) => (spec.schedule === undefined ? [] : [changesAfter(spec.schedule, minute)]))),
  };
}

/** Whether multicast is replicated: members of a private network reach only the gateway, whatever else it says. */
export function floods(network: NetworkElement): boolean {
  return network.broadcast && !network.isolated;
}

/** Undefined when no member is on the host. `members` are all of the network's. */
export function floodElement(
  host: string,
  vni: number,
  members: readonly Attachment[],
  encap: (host: string) => Address | undefined,
): FloodElement | undefined {
  const places = members.flatMap((item) => item.places);
  const zones = places.filter((place) => place.host === host).map((place) => place.zone);
  if (zones.length === 0) return undefined;
  const others = new Set(places.map((place) => place.host).filter((other) => other !== host));
  const encaps = new Map([...others].flatMap((other) => addressEntry(encap(other))));
  return { kind: 'flood', vni, zones: zones.toSorted((a, b) => a - b), encaps: [...encaps.values()].toSorted(byValue) };
}

const addressEntry = (address: Address | undefined): [string, Address][] =>
  address === undefined ? [] : [[`${address.family} ${address.value}`, address]];

function byValue(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

export function tunnelElement(host: string, encap: Address): TunnelElement {
  return { kind: 'tunnel', host, encap };
}

export function neighbourElement(item: Attachment, at: NeighbourElement['at'], answered: boolean): NeighbourElement {
  return { kind: 'neighbour', vni: item.vni, mac: item.mac, addresses: item.addresses, at, answered };
}

export const earliest = (minutes: Iterable<Minute>): Minute | undefined => {
  let first: Minute | undefined;
  for (const minute of minutes) if (first === undefined || minute < first) first = minute;
  return first;
};
