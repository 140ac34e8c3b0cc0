import { groupKeysOf } from '../../policies/index.ts';
import type { Document, Kind, RuleNumbers, VmNumbers } from '../../policies/model/index.ts';
import { profiles, resolveName, usableRange } from '../../policies/model/index.ts';
import { parseAddress, parsePrefix, prefixContains, prefixesOverlap } from '../../src/base/addresses.ts';
import type { Snapshot } from '../../src/admission/index.ts';

/** Everything that must hold of what is stored, found out the slow way. Returns what does not. */
export function violations(snapshot: Snapshot): readonly string[] {
  const found: string[] = [];
  const check = (holds: boolean, what: string): unknown => holds || found.push(what);
  checkReferences(snapshot, check);
  checkNetworks(snapshot, check);
  checkInterfaces(snapshot, check);
  checkRouters(snapshot, check);
  checkZones(snapshot, check);
  checkRules(snapshot, check);
  checkBits(snapshot, check);
  checkOwned(snapshot, check);
  return found;
}

type Check = (holds: boolean, what: string) => unknown;

const idOf = ({ kind, metadata }: Document): string => `${kind} ${metadata.tenant ?? ''}/${metadata.name}`;

/** Whether no value comes twice. */
function distinct(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}

function checkReferences(snapshot: Snapshot, check: Check): void {
  const groupExists = (owner: string | undefined, name: string, tenant?: string): boolean => {
    const scoped = tenant === undefined ? resolveName(owner, name) : { tenant, name };
    return snapshot.get('Group', scoped.tenant, scoped.name) !== undefined;
  };
  for (const kind of ['Network', 'Router', 'Group', 'Service', 'Policy', 'QosPolicy', 'Intent', 'Vm'] as const) {
    for (const { document } of snapshot.list(kind)) {
      const { tenant } = document.metadata;
      check(tenant === undefined || snapshot.get('Tenant', undefined, tenant) !== undefined, `${idOf(document)} has no tenant`);
    }
  }
  for (const { document } of snapshot.list('Policy')) {
    const owner = document.metadata.tenant;
    for (const name of document.spec.appliesTo ?? []) {
      const scoped = resolveName(owner, name);
      check(
        snapshot.get('Group', scoped.tenant, scoped.name)?.document.spec.members.kind === 'selector',
        `${idOf(document)} applies to ${name}`,
      );
    }
    for (const rule of [...document.spec.ingress, ...document.spec.egress]) {
      for (const peer of rule.peers ?? [])
        check(peer.kind !== 'group' || groupExists(owner, peer.group, peer.tenant), `${idOf(document)} names a group that is not there`);
      for (const service of rule.services ?? []) {
        if (typeof service !== 'string') continue;
        const scoped = resolveName(owner, service);
        const exists =
          snapshot.get('Service', scoped.tenant, scoped.name) ?? snapshot.get('Service', undefined, scoped.name) ?? profiles.get(service);
        check(exists !== undefined, `${idOf(document)} names service ${service}`);
      }
    }
  }
}

/** What an intent says that it owns is there and its own, and nothing else says so. */
function checkOwned(snapshot: Snapshot, check: Check): void {
  const owned = new Set<string>();
  for (const { document } of snapshot.list('Intent')) {
    for (const { kind, name } of document.spec.compiled) {
      const found = snapshot.get<Kind>(kind, document.metadata.tenant, name)?.document;
      check(found?.metadata.ownedBy?.name === document.metadata.name, `${idOf(document)} does not own ${kind} ${name}`);
      if (found !== undefined) owned.add(idOf(found));
    }
  }
  for (const kind of ['Group', 'Policy', 'QosPolicy'] as const)
    for (const { document } of snapshot.list(kind))
      check(
        (document.metadata.ownedBy !== undefined) === owned.has(idOf(document)),
        `${idOf(document)} belongs to nobody, or to somebody unsaid`,
      );
}

function checkNetworks(snapshot: Snapshot, check: Check): void {
  const networks = [...snapshot.list('Network')].map(({ document }) => document);
  check(distinct(networks.map(({ spec }) => spec.vni)), 'a VNI comes twice');
  for (const network of networks)
    check(network.spec.vni >= 1 && network.spec.vni <= 0xffffff, `${idOf(network)} has VNI ${network.spec.vni}`);
}

function checkInterfaces(snapshot: Snapshot, check: Check): void {
  const seen = new Map<string, string>();
  for (const { document } of snapshot.list('Vm')) {
    for (const entry of document.spec.interfaces) {
      const scoped = resolveName(document.metadata.tenant, entry.network);
      const network = snapshot.get('Network', scoped.tenant, scoped.name)?.document;
      const shared = scoped.tenant === document.metadata.tenant || network?.spec.sharedWith.includes(document.metadata.tenant ?? '');
      check(network !== undefined && shared === true, `${idOf(document)} is in a network that is not its`);
      check(entry.mac !== '', `${idOf(document)} has no MAC`);
      for (const value of [entry.mac, ...entry.addresses]) {
        const key = `${scoped.tenant}/${scoped.name} ${value}`;
        check(!seen.has(key), `${key} comes twice: ${seen.get(key)} and ${idOf(document)}`);
        seen.set(key, idOf(document));
      }
      for (const text of entry.addresses) {
        const address = parseAddress(text);
        const subnet = network?.spec.subnets.find((candidate) => prefixContains(parsePrefix(candidate.cidr), address));
        const range = subnet === undefined ? undefined : usableRange(parsePrefix(subnet.cidr));
        check(
          range !== undefined && address.value >= range.first && address.value <= range.last && text !== subnet?.gateway,
          `${idOf(document)} has address ${text}`,
        );
      }
    }
  }
}

function checkRouters(snapshot: Snapshot, check: Check): void {
  const joined: string[] = [];
  const domains: unknown[] = [];
  for (const { document } of snapshot.list('Router')) {
    domains.push(snapshot.routerNumbers(document.metadata.tenant, document.metadata.name)?.domain);
    const blocks = document.spec.networks.flatMap((pair) => {
      joined.push(`${pair.tenant}/${pair.network}`);
      const network = snapshot.get('Network', pair.tenant, pair.network);
      check(network !== undefined, `${idOf(document)} joins ${pair.network}`);
      return (network?.document.spec.subnets ?? []).map((subnet) => parsePrefix(subnet.cidr));
    });
    check(
      blocks.every((block, index) => blocks.slice(0, index).every((other) => !prefixesOverlap(block, other))),
      `${idOf(document)} has overlapping subnets`,
    );
  }
  check(distinct(joined), 'a network is in two routers');
  check(distinct(domains) && !domains.includes(undefined), 'routing domains are not distinct');
}

function checkZones(snapshot: Snapshot, check: Check): void {
  const hosts = new Map<string, number[]>();
  for (const { document } of snapshot.list('Vm')) {
    const { host, power, interfaces } = document.spec;
    const numbers: VmNumbers | undefined = snapshot.vmNumbers(document.metadata.tenant ?? '', document.metadata.name);
    if (power !== 'running') {
      check(numbers === undefined, `${idOf(document)} is stopped and has zones`);
      continue;
    }
    check(host !== undefined && snapshot.get('Host', undefined, host) !== undefined, `${idOf(document)} runs on ${host}`);
    const zones = numbers?.zones[host ?? ''] ?? {};
    check(
      Object.keys(numbers?.zones ?? {}).length === 1 &&
        sameSet(
          Object.keys(zones),
          interfaces.map((entry) => entry.name),
        ),
      `${idOf(document)} has the wrong zones`,
    );
    hosts.set(host ?? '', [...(hosts.get(host ?? '') ?? []), ...Object.values(zones)]);
  }
  for (const [host, zones] of hosts)
    check(distinct(zones) && zones.every((zone) => zone >= 1 && zone <= 65_534), `the zones of ${host} are not distinct`);
  const encapIps = [...snapshot.list('Host')].map(({ document }) => document.spec.encapIp).filter((address) => address !== undefined);
  check(distinct(encapIps), 'two hosts have one tunnel address');
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && new Set([...a, ...b]).size === a.length;

function checkRules(snapshot: Snapshot, check: Check): void {
  const ids: number[] = [];
  const tiers = new Map<string, { readonly order: number; readonly name: string; readonly rules: readonly RuleNumbers[] }[]>();
  for (const { document } of snapshot.list('Policy')) {
    const { tenant, name } = document.metadata;
    for (const direction of ['ingress', 'egress'] as const) {
      const rules = snapshot.policyNumbers(tenant, name)?.[direction] ?? [];
      check(rules.length === document.spec[direction].length, `${idOf(document)} has ${rules.length} numbers for its ${direction}`);
      ids.push(...rules.map((rule) => rule.id));
      const key = `${tenant ?? ''}/${document.spec.tier}/${direction}`;
      tiers.set(key, [...(tiers.get(key) ?? []), { order: document.spec.order, name, rules }]);
    }
  }
  check(distinct(ids), 'a rule id comes twice');
  for (const [key, policies] of tiers) {
    const priorities = policies
      .toSorted((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))
      .flatMap(({ rules }) => rules.map((rule) => rule.priority));
    const falls = priorities.every(
      (priority, index) => priority >= 1 && priority <= 65_535 && (index === 0 || priority < (priorities[index - 1] ?? 0)),
    );
    check(falls, `priorities of ${key} do not follow the order: ${priorities.join(' ')}`);
  }
}

function checkBits(snapshot: Snapshot, check: Check): void {
  const numbers: number[] = [];
  for (const { document } of snapshot.list('Tenant')) {
    const tenant = document.metadata.name;
    const stored = snapshot.tenantNumbers(tenant);
    numbers.push(stored?.tenant ?? 0);
    const [present, wanted] = [Object.keys(stored?.groups ?? {}).toSorted(), [...groupKeysOf(snapshot, tenant)].toSorted()];
    check(sameSet(present, wanted), `tenant ${tenant} has bits for ${present.join()}, not ${wanted.join()}`);
    const bits = Object.values(stored?.groups ?? {});
    const limit = (stored?.view ?? 0) % 2 === 1 ? 4_096 : 128;
    check(distinct(bits) && bits.every((bit) => bit >= 0 && bit < limit), `the numbers of groups of ${tenant} are not distinct`);
  }
  check(distinct(numbers) && !numbers.includes(0), 'tenant numbers are not distinct');
}
