import { elementKey } from '../compiled.ts';
import type { Element, ElementKey, NetworkElement } from '../compiled.ts';
import { bitsOf, groupBitsOf, viewField } from '../compile/groups.ts';
import type { Looker } from '../compile/groups.ts';
import { compilePolicy } from '../compile/rules.ts';
import { hasGroup, hashOfSet, numberSets, ruleInSight, usesSets } from '../compile/sets.ts';
import type { SetHash, SetsInSight } from '../compile/sets.ts';
import { scopedText } from '../selectors/index.ts';
import type { Minute } from '../compile/schedule.ts';
import type { Documents } from './documents.ts';
import { localEntries, identityEntries } from './elements.ts';
import {
  encapOf,
  floodElement,
  floods,
  interfaceRows,
  neighbourElement,
  networkElement,
  policyRow,
  qosRow,
  raisedBy,
  routerRow,
  tenantRow,
  tunnelElement,
} from './facts.ts';
import type { Attachment, PolicyRow, TenantRow } from './facts.ts';

/** The whole cloud, read once. */
interface Cloud {
  readonly documents: Documents;
  readonly hash: SetHash;
  readonly minute: Minute;
  readonly tenants: ReadonlyMap<string, TenantRow>;
  readonly networks: ReadonlyMap<string, NetworkElement>;
  readonly attachments: readonly Attachment[];
}

/**
 * What every host must have, computed host by host from the documents alone, without any index: the definition that the
 * graph keeps up to date. Slow.
 */
export function compileAll(
  documents: Documents,
  hash: SetHash = hashOfSet,
  minute: Minute = 0,
): ReadonlyMap<string, ReadonlyMap<ElementKey, Element>> {
  const cloud = readCloud(documents, hash, minute);
  const hosts = new Set(cloud.attachments.flatMap((item) => item.places.map((place) => place.host)));
  return new Map([...hosts].map((host) => [host, new Map(elementsOf(cloud, host).map((element) => [elementKey(element), element]))]));
}

function readCloud(documents: Documents, hash: SetHash, minute: Minute): Cloud {
  const keys = (kind: 'Network' | 'Router' | 'Vm'): readonly string[] =>
    [...documents.list(kind)].map(({ document: { metadata } }) => scopedText({ tenant: metadata.tenant, name: metadata.name }));
  const tenants = new Map<string, TenantRow>();
  for (const { document } of documents.list('Tenant')) {
    const row = tenantRow(documents, document.metadata.name);
    if (row) tenants.set(document.metadata.name, row);
  }
  const routers = keys('Router').flatMap((key) => routerRow(documents, key) ?? []);
  const networks = new Map<string, NetworkElement>();
  for (const key of keys('Network')) {
    const network = networkElement(documents, key, routers.find((router) => router.networks.includes(key))?.domain);
    if (network) networks.set(key, network);
  }
  const attachments = keys('Vm')
    .flatMap((key) => interfaceRows(documents, key) ?? [])
    .flatMap((row): Attachment[] => {
      const tenant = tenants.get(row.tenant);
      const network = networks.get(row.network);
      return tenant && network ? [{ ...row, tenantNumber: tenant.numbers.tenant, vni: network.vni, domain: network.domain }] : [];
    });
  return { documents, hash, minute, tenants, networks, attachments };
}

function elementsOf(cloud: Cloud, host: string): readonly Element[] {
  const isHere = (item: Attachment): boolean => item.places.some((place) => place.host === host);
  const local = cloud.attachments.filter(isHere);
  const domains = new Set(local.map((item) => item.domain));
  const reached = cloud.attachments.filter((item) => domains.has(item.domain));
  return [
    ...local.flatMap((item) => localElements(cloud, host, item)),
    ...[...new Set(local.map((item) => item.tenant))].flatMap((tenant) => tenantElements(cloud, host, tenant)),
    ...[...cloud.networks.values()].filter((network) => domains.has(network.domain)),
    ...reached.filter((item) => !isHere(item)).flatMap((item) => remoteElements(cloud, item, local)),
    ...reached.flatMap((item) => identities(cloud, item, local)),
    ...tunnels(cloud, host, reached),
    ...floodElements(cloud, host),
  ];
}

function localElements(cloud: Cloud, host: string, item: Attachment): readonly Element[] {
  const looker = lookerOf(cloud, item.tenant);
  if (!looker) return [];
  const { documents } = cloud;
  const raises = raisedBy(policyRows(documents).filter(({ owner }) => owner === undefined || owner === item.tenant));
  return localEntries(host, item, looker, qosRow(documents, item.tenant, cloud.minute)?.rules ?? [], raises).map((entry) => entry.element);
}

function policyRows(documents: Documents): readonly PolicyRow[] {
  const keys = [...documents.list('Policy')].map(({ document: { metadata } }) =>
    scopedText({ tenant: metadata.tenant, name: metadata.name }),
  );
  return keys.flatMap((key) => policyRow(documents, key) ?? []);
}

/** The interfaces in domains where the tenant has one, too: all that its rules can see. */
function seenBy({ attachments }: Cloud, tenant: string): readonly Attachment[] {
  const domains = new Set(attachments.filter((item) => item.tenant === tenant).map((item) => item.domain));
  return attachments.filter((item) => domains.has(item.domain));
}

function lookerOf(cloud: Cloud, tenant: string): Looker | undefined {
  const numbers = cloud.tenants.get(tenant)?.numbers;
  if (!numbers) return undefined;
  const groupBits = groupBitsOf(cloud.documents, tenant, numbers.groups);
  const looker = { tenant: numbers.tenant, view: numbers.view, groupBits };
  if (!usesSets(numbers)) return { ...looker, numberOf: undefined };
  const setNumbers = numberSets(
    seenBy(cloud, tenant).map((item) => bitsOf(groupBits, item)),
    cloud.hash,
  );
  return { ...looker, numberOf: (set) => setNumbers.get(set) ?? 0n };
}

function sightFrom(cloud: Cloud, host: string, tenant: string, { groupBits, numberOf }: Looker): SetsInSight {
  const own = cloud.attachments.filter((item) => item.tenant === tenant && item.places.some((place) => place.host === host));
  const domains = new Set(own.map((item) => item.domain));
  const setsOf = (items: readonly Attachment[]): readonly bigint[] => items.map((item) => bitsOf(groupBits, item));
  const [local, peers] = [setsOf(own), setsOf(cloud.attachments.filter((item) => domains.has(item.domain)))];
  return {
    local: (group) => local.filter((set) => hasGroup(set, group)),
    peers: (group) => peers.filter((set) => hasGroup(set, group)),
    numberOf: numberOf ?? (() => 0n),
  };
}

function tenantElements(cloud: Cloud, host: string, tenant: string): readonly Element[] {
  const { documents, tenants } = cloud;
  const row = tenants.get(tenant);
  const looker = lookerOf(cloud, tenant);
  if (!row || !looker) return [];
  const rules = policyRows(documents).flatMap((policy) => compilePolicy({ world: documents, tenant, numbers: row.numbers }, policy));
  return [
    { kind: 'tenant', tenant: row.numbers.tenant, ...viewField(row.numbers.view), posture: row.posture },
    ...(usesSets(row.numbers) ? rules.flatMap((rule) => ruleInSight(rule, sightFrom(cloud, host, tenant, looker)) ?? []) : rules),
  ];
}

function remoteElements({ documents }: Cloud, item: Attachment, local: readonly Attachment[]): readonly Element[] {
  const encap = encapOf(documents, item.places[0]?.host ?? '');
  const answered = local.some((other) => other.network === item.network);
  return encap ? [neighbourElement(item, { kind: 'remote', encap }, answered)] : [];
}

/** As each tenant sees it that has an interface here in the same domain. */
function identities(cloud: Cloud, item: Attachment, local: readonly Attachment[]): readonly Element[] {
  const lookers = new Set(local.filter((other) => other.domain === item.domain).map((other) => other.tenant));
  return [...lookers].flatMap((looker) => {
    const looking = lookerOf(cloud, looker);
    return looking ? identityEntries(item, looking).map((entry) => entry.element) : [];
  });
}

function tunnels({ documents }: Cloud, host: string, reached: readonly Attachment[]): readonly Element[] {
  const others = new Set(reached.flatMap((item) => item.places.map((place) => place.host)));
  others.delete(host);
  return [...others].flatMap((other) => {
    const encap = encapOf(documents, other);
    return encap ? [tunnelElement(other, encap)] : [];
  });
}

function floodElements({ documents, networks, attachments }: Cloud, host: string): readonly Element[] {
  return [...networks].flatMap(([key, network]) => {
    if (!floods(network)) return [];
    const members = attachments.filter((item) => item.network === key);
    return floodElement(host, network.vni, members, (other) => encapOf(documents, other)) ?? [];
  });
}
