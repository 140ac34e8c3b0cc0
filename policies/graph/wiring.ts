import type { Address } from '../../src/base/addresses.ts';
import type { Element, ElementKey, HostChange, NetworkElement } from '../compiled.ts';
import { groupBitsOf } from '../compile/groups.ts';
import type { GroupBit } from '../compile/groups.ts';
import { compilePolicy } from '../compile/rules.ts';
import { resolveName } from '../model/scope.ts';
import { portOfKey, scopedText } from '../selectors/index.ts';
import type { Change, DocumentId, Documents } from './documents.ts';
import type { Content, Entry } from './element-set.ts';
import { entryOf, identityEntries, localEntries, neighbourEntries } from './elements.ts';
import {
  encapOf,
  floodElement,
  floods,
  interfaceRows,
  networkElement,
  policyRow,
  qosRow,
  routerRow,
  scopedOf,
  tenantRow,
  tunnelElement,
} from './facts.ts';
import type { Attachment, InterfaceRow, PolicyRow, QosRow, RouterRow, TenantRow } from './facts.ts';
import { Relation } from './relation.ts';
import { same } from './same.ts';
import type { SetName } from './set-name.ts';
import { Subscriptions } from './subscriptions.ts';
import { Table } from './table.ts';

/** The source of a tenant's set that is the tenant itself; the others are policies. */
const tenantItself = '';
/** The owner of the platform's policies in `policiesOf`, as `scopedText` writes it. */
const platform = '-';

/**
 * All of the graph:
 *
 *   documents ─► encaps ─────────────────────────────┐
 *             ─► tenants ─► groupBits ───────────────┤
 *             ─► routers ─► networks ─┐              ├─► element sets ─► what changed on each host
 *             ─► vms ─────────────────┴► attachments ┤        ▲
 *             ─► policies, qos ──────────────────────┘        │
 *                                attachments ─► needs (which host subscribes to which sets)
 *
 * Tables are settled from left to right. A listener keeps the indices of its table and marks what reads it.
 */
export class Wiring {
  private documents: Documents;

  private readonly encaps = new Table<Address>(
    (host) => encapOf(this.documents, host),
    (host) => this.hostChanged(host),
  );
  private readonly tenants = new Table<TenantRow>(
    (tenant) => tenantRow(this.documents, tenant),
    (...change) => this.tenantChanged(...change),
  );
  private readonly routers = new Table<RouterRow>(
    (key) => routerRow(this.documents, key),
    (...change) => this.routerChanged(...change),
  );
  private readonly networks = new Table<NetworkElement>(
    (key) => networkElement(this.documents, key, this.domainOf(key)),
    (...change) => this.networkChanged(...change),
  );
  private readonly vms = new Table<readonly InterfaceRow[]>(
    (key) => interfaceRows(this.documents, key),
    (...change) => this.vmChanged(...change),
  );
  private readonly attachments = new Table<Attachment>(
    (port) => this.attach(port),
    (...change) => this.attachmentChanged(...change),
  );
  private readonly groupBits = new Table<readonly GroupBit[]>(
    (tenant) => this.groupBitsFor(tenant),
    (tenant) => this.groupBitsChanged(tenant),
  );
  private readonly qos = new Table<QosRow>(
    (tenant) => qosRow(this.documents, tenant),
    (...change) => this.qosChanged(...change),
  );
  private readonly policies = new Table<PolicyRow>(
    (key) => policyRow(this.documents, key),
    (...change) => this.policyChanged(...change),
  );
  private readonly needs = new Table<readonly SetName[]>(
    (host) => this.setsFor(host),
    (...change) => this.needsChanged(...change),
  );

  private readonly order = [
    this.encaps,
    this.tenants,
    this.routers,
    this.networks,
    this.vms,
    this.attachments,
    this.groupBits,
    this.qos,
    this.policies,
    this.needs,
  ];

  private readonly interfaces = new Map<string, InterfaceRow>();
  private readonly routersOfNetwork = new Relation();
  private readonly networksOfDomain = new Relation();
  private readonly portsOfTenant = new Relation();
  private readonly portsOfNetwork = new Relation();
  private readonly portsOfDomain = new Relation();
  private readonly portsOfHost = new Relation();
  private readonly tenantsOfDomain = new Relation();
  private readonly domainsOfTenant = new Relation();
  private readonly hostsOfDomain = new Relation();
  /** Hosts that share a domain, once for each such domain. */
  private readonly hostsReached = new Relation();
  private readonly lookersOfGroup = new Relation();
  private readonly policiesOfGroup = new Relation();
  private readonly policiesOfService = new Relation();
  private readonly policiesOf = new Relation();
  private readonly qosTenantsOfGroup = new Relation();

  /** Marked when all attachments have settled: a tenant can leave a domain and be back in one update. */
  private readonly identitiesStale: { readonly domain: string; readonly port: string }[] = [];

  private readonly subscriptions = new Subscriptions((name) => this.contentOf(name));

  constructor(documents: Documents) {
    this.documents = documents;
    const kinds = ['Host', 'Tenant', 'Router', 'Network', 'Vm', 'QosPolicy', 'Policy'] as const;
    for (const kind of kinds) {
      for (const { document } of documents.list(kind)) this.mark({ kind, tenant: document.metadata.tenant, name: document.metadata.name });
    }
    this.settle();
    this.subscriptions.finish();
  }

  hosts(): Iterable<string> {
    return this.needs.keys();
  }

  elements(host: string): ReadonlyMap<ElementKey, Element> {
    return this.subscriptions.elements(host, this.needs.get(host) ?? []);
  }

  update(change: Change, documents: Documents): readonly HostChange[] {
    this.documents = documents;
    for (const { id } of change.documents) this.mark(id);
    for (const id of change.numbers) this.mark(id);
    this.settle();
    const changes = this.subscriptions.changes();
    this.subscriptions.finish();
    return changes;
  }

  private mark({ kind, tenant, name }: DocumentId): void {
    const key = scopedText({ tenant, name });
    switch (kind) {
      case 'Host':
        return this.encaps.mark(name);
      case 'Tenant':
        return this.tenants.mark(name);
      case 'Router':
        return this.routers.mark(key);
      case 'Network':
        return this.networks.mark(key);
      case 'Vm':
        return this.vms.mark(key);
      case 'QosPolicy':
        return this.qos.mark(tenant ?? platform);
      case 'Policy':
        return this.policies.mark(key);
      case 'Service':
        for (const policy of this.policiesOfService.of(key)) this.markRules(policy);
        return undefined;
      case 'Group':
        this.groupBits.markAll(this.lookersOfGroup.of(key));
        this.qos.markAll(this.qosTenantsOfGroup.of(key));
        for (const policy of this.policiesOfGroup.of(key)) this.markRules(policy);
        return undefined;
    }
  }

  private settle(): void {
    for (const table of this.order) table.settle();
    for (const { domain, port } of this.identitiesStale.splice(0)) {
      for (const tenant of this.tenantsOfDomain.of(domain)) this.subscriptions.mark({ kind: 'identities', domain, tenant }, [port]);
    }
    this.subscriptions.settle();
  }

  private hostChanged(host: string): void {
    for (const port of this.portsOfHost.of(host)) {
      const item = this.attachments.get(port);
      this.markNeighbour(item);
      if (item) this.markFlood(item.network);
    }
    for (const other of this.hostsReached.of(host)) this.subscriptions.mark({ kind: 'tunnels', host: other }, [host]);
  }

  private tenantChanged(tenant: string, before: TenantRow | undefined, after: TenantRow | undefined): void {
    const groups = (row: TenantRow | undefined): readonly string[] =>
      Object.keys(row?.numbers.groups ?? {}).filter((key) => !portOfKey(key));
    for (const key of groups(before)) this.lookersOfGroup.remove(scopedText(resolveName(tenant, key)), tenant);
    for (const key of groups(after)) this.lookersOfGroup.add(scopedText(resolveName(tenant, key)), tenant);
    this.groupBits.mark(tenant);
    this.subscriptions.mark({ kind: 'tenant', tenant }, this.sourcesOfTenant(tenant));
    if (before?.numbers.tenant === after?.numbers.tenant) return;
    this.attachments.markAll(this.portsOfTenant.of(tenant));
    for (const domain of this.domainsOfTenant.of(tenant)) this.markIdentities(domain, tenant);
  }

  private routerChanged(key: string, before: RouterRow | undefined, after: RouterRow | undefined): void {
    for (const network of before?.networks ?? []) this.routersOfNetwork.remove(network, key);
    for (const network of after?.networks ?? []) this.routersOfNetwork.add(network, key);
    this.networks.markAll([...(before?.networks ?? []), ...(after?.networks ?? [])]);
  }

  private domainOf(network: string): number | undefined {
    for (const router of this.routersOfNetwork.of(network)) return this.routers.get(router)?.domain;
    return undefined;
  }

  private networkChanged(key: string, before: NetworkElement | undefined, after: NetworkElement | undefined): void {
    for (const row of [before, after]) if (row) this.subscriptions.mark({ kind: 'networks', domain: String(row.domain) }, [key]);
    if ((before && floods(before)) !== (after && floods(after))) this.needs.markAll(this.hostsOfNetwork(key));
    if (before?.domain === after?.domain && before?.vni === after?.vni) return;
    this.attachments.markAll(this.portsOfNetwork.of(key));
    if (before) this.networksOfDomain.remove(String(before.domain), key);
    if (after) this.networksOfDomain.add(String(after.domain), key);
    for (const row of [before, after]) if (row) this.needs.markAll(this.hostsOfDomain.of(String(row.domain)));
  }

  private vmChanged(_key: string, before: readonly InterfaceRow[] | undefined, after: readonly InterfaceRow[] | undefined): void {
    for (const row of before ?? []) {
      this.interfaces.delete(row.portId);
      this.portsOfTenant.remove(row.tenant, row.portId);
      this.portsOfNetwork.remove(row.network, row.portId);
      this.attachments.mark(row.portId);
    }
    for (const row of after ?? []) {
      this.interfaces.set(row.portId, row);
      this.portsOfTenant.add(row.tenant, row.portId);
      this.portsOfNetwork.add(row.network, row.portId);
      this.attachments.mark(row.portId);
    }
  }

  private attach(port: string): Attachment | undefined {
    const row = this.interfaces.get(port);
    const network = row && this.networks.get(row.network);
    const tenant = row && this.tenants.get(row.tenant);
    return network && tenant && { ...row, tenantNumber: tenant.numbers.tenant, vni: network.vni, domain: network.domain };
  }

  private attachmentChanged(port: string, before: Attachment | undefined, after: Attachment | undefined): void {
    if (!before || !after || !samePlace(before, after)) {
      if (before) this.unlink(before);
      if (after) this.link(after);
    }
    for (const item of [before, after]) {
      if (!item) continue;
      this.markLocal(item);
      this.markNeighbour(item);
      this.markFlood(item.network, item);
      this.identitiesStale.push({ domain: String(item.domain), port });
    }
  }

  private link({ portId, tenant, domain: number, places }: Attachment): void {
    const domain = String(number);
    this.portsOfDomain.add(domain, portId);
    this.tenantsOfDomain.add(domain, tenant);
    this.domainsOfTenant.add(tenant, domain);
    for (const { host } of places) {
      this.portsOfHost.add(host, portId);
      this.needs.mark(host);
      if (this.hostsOfDomain.add(domain, host)) for (const other of this.hostsOfDomain.of(domain)) this.meet(host, other, 'add');
    }
  }

  private unlink({ portId, tenant, domain: number, places }: Attachment): void {
    const domain = String(number);
    this.portsOfDomain.remove(domain, portId);
    this.tenantsOfDomain.remove(domain, tenant);
    this.domainsOfTenant.remove(tenant, domain);
    for (const { host } of places) {
      this.portsOfHost.remove(host, portId);
      this.needs.mark(host);
      if (this.hostsOfDomain.remove(domain, host)) for (const other of this.hostsOfDomain.of(domain)) this.meet(host, other, 'remove');
    }
  }

  /** Two hosts begin or cease to share a domain. */
  private meet(host: string, other: string, change: 'add' | 'remove'): void {
    if (host === other) return;
    this.hostsReached[change](host, other);
    this.hostsReached[change](other, host);
    this.subscriptions.mark({ kind: 'tunnels', host }, [other]);
    this.subscriptions.mark({ kind: 'tunnels', host: other }, [host]);
  }

  private groupBitsChanged(tenant: string): void {
    for (const domain of this.domainsOfTenant.of(tenant)) this.markIdentities(domain, tenant);
    this.markLocalOf(tenant);
  }

  private qosChanged(tenant: string, before: QosRow | undefined, after: QosRow | undefined): void {
    for (const group of before?.groups ?? []) this.qosTenantsOfGroup.remove(group, tenant);
    for (const group of after?.groups ?? []) this.qosTenantsOfGroup.add(group, tenant);
    this.markLocalOf(tenant);
  }

  private policyChanged(key: string, before: PolicyRow | undefined, after: PolicyRow | undefined): void {
    if (before) this.indexPolicy(key, before, 'remove');
    if (after) this.indexPolicy(key, after, 'add');
    this.markRules(key);
  }

  private indexPolicy(key: string, row: PolicyRow, change: 'add' | 'remove'): void {
    this.policiesOf[change](row.owner ?? platform, key);
    for (const group of row.groups) this.policiesOfGroup[change](group, key);
    for (const service of row.services) this.policiesOfService[change](service, key);
  }

  private needsChanged(host: string, before: readonly SetName[] | undefined, after: readonly SetName[] | undefined): void {
    this.subscriptions.resubscribe(host, before ?? [], after ?? []);
  }

  /** A policy of the platform may bind every tenant, so that every tenant's rules are looked at again. */
  private markRules(policy: string): void {
    const owner = scopedOf(policy).tenant;
    for (const tenant of owner === undefined ? this.tenants.keys() : [owner]) this.subscriptions.mark({ kind: 'tenant', tenant }, [policy]);
  }

  private markLocalOf(tenant: string): void {
    for (const port of this.portsOfTenant.of(tenant)) this.markLocal(this.attachments.get(port));
  }

  private markLocal(item: Attachment | undefined): void {
    for (const { host } of item?.places ?? []) this.subscriptions.mark({ kind: 'local', host }, [item?.portId ?? '']);
  }

  private markNeighbour(item: Attachment | undefined): void {
    if (!item) return;
    for (const answered of [true, false]) this.subscriptions.mark({ kind: 'neighbours', network: item.network, answered }, [item.portId]);
  }

  private hostsOfNetwork(network: string): ReadonlySet<string> {
    const places = [...this.portsOfNetwork.of(network)].flatMap((port) => this.interfaces.get(port)?.places ?? []);
    return new Set(places.map((place) => place.host));
  }

  /** Every host with members has an element that names the others. */
  private markFlood(network: string, moved?: Attachment): void {
    if (!this.floods(network)) return;
    const left = moved?.places.map((place) => place.host) ?? [];
    for (const host of new Set([...this.hostsOfNetwork(network), ...left])) {
      this.subscriptions.mark({ kind: 'flood', network, host }, [network]);
    }
  }

  private markIdentities(domain: string, tenant: string): void {
    this.subscriptions.mark({ kind: 'identities', domain, tenant }, this.portsOfDomain.of(domain));
  }

  private setsFor(host: string): readonly SetName[] | undefined {
    const items = [...this.portsOfHost.of(host)].flatMap((port) => this.attachments.get(port) ?? []);
    if (items.length === 0) return undefined;
    const tenants = new Set(items.map((item) => item.tenant));
    const local = new Set(items.map((item) => item.network));
    const domains = Map.groupBy(items, (item) => String(item.domain));
    return [
      { kind: 'local', host },
      { kind: 'tunnels', host },
      ...[...local].filter((network) => this.floods(network)).map((network): SetName => ({ kind: 'flood', network, host })),
      ...[...tenants].map((tenant): SetName => ({ kind: 'tenant', tenant })),
      ...[...domains].flatMap(([domain, inside]): SetName[] => [
        { kind: 'networks', domain },
        ...[...new Set(inside.map((item) => item.tenant))].map((tenant): SetName => ({ kind: 'identities', domain, tenant })),
        ...[...this.networksOfDomain.of(domain)].map((network): SetName => ({ kind: 'neighbours', network, answered: local.has(network) })),
      ]),
    ];
  }

  private contentOf(name: SetName): Content {
    switch (name.kind) {
      case 'local':
        return { sources: () => this.portsOfHost.of(name.host), derive: (port) => this.localOf(name.host, port) };
      case 'tunnels':
        return { sources: () => this.hostsReached.of(name.host), derive: (other) => this.tunnelTo(name.host, other) };
      case 'tenant':
        return { sources: () => this.sourcesOfTenant(name.tenant), derive: (source) => this.tenantPart(name.tenant, source) };
      case 'networks':
        return { sources: () => this.networksOfDomain.of(name.domain), derive: (network) => this.networkIn(name.domain, network) };
      case 'identities':
        return { sources: () => this.portsOfDomain.of(name.domain), derive: (port) => this.identitiesOf(name.domain, name.tenant, port) };
      case 'neighbours':
        return {
          sources: () => this.portsOfNetwork.of(name.network),
          derive: (port) => this.neighbourOf(name.network, port, name.answered),
        };
      case 'flood':
        return { sources: () => [name.network], derive: (network) => this.floodOf(network, name.host) };
    }
  }

  private localOf(host: string, port: string): readonly Entry[] {
    const item = this.attachments.get(port);
    return item ? localEntries(host, item, this.groupBits.get(item.tenant) ?? [], this.qos.get(item.tenant)?.rules ?? []) : [];
  }

  private tunnelTo(host: string, other: string): readonly Entry[] {
    const encap = this.encaps.get(other);
    return encap && this.hostsReached.has(host, other) ? [entryOf(tunnelElement(other, encap))] : [];
  }

  private sourcesOfTenant(tenant: string): readonly string[] {
    return [tenantItself, ...this.policiesOf.of(tenant), ...this.policiesOf.of(platform)];
  }

  private tenantPart(tenant: string, source: string): readonly Entry[] {
    const row = this.tenants.get(tenant);
    if (!row) return [];
    if (source === tenantItself) return [entryOf({ kind: 'tenant', tenant: row.numbers.tenant, posture: row.posture })];
    const policy = this.policies.get(source);
    return policy ? compilePolicy({ world: this.documents, tenant, numbers: row.numbers }, policy).map((rule) => entryOf(rule)) : [];
  }

  private networkIn(domain: string, key: string): readonly Entry[] {
    const network = this.networks.get(key);
    return network && String(network.domain) === domain ? [entryOf(network)] : [];
  }

  private identitiesOf(domain: string, tenant: string, port: string): readonly Entry[] {
    const item = this.attachments.get(port);
    const looker = this.tenants.get(tenant)?.numbers.tenant;
    if (!item || looker === undefined || String(item.domain) !== domain) return [];
    return identityEntries(item, looker, this.groupBits.get(tenant) ?? []);
  }

  private neighbourOf(network: string, port: string, answered: boolean): readonly Entry[] {
    const item = this.attachments.get(port);
    const host = item?.places[0]?.host;
    if (!item || host === undefined || item.network !== network) return [];
    return neighbourEntries(item, this.encaps.get(host), answered);
  }

  private floods(network: string): boolean {
    const row = this.networks.get(network);
    return row !== undefined && floods(row);
  }

  private floodOf(key: string, host: string): readonly Entry[] {
    const network = this.networks.get(key);
    if (!network || !floods(network)) return [];
    const members = [...this.portsOfNetwork.of(key)].flatMap((port) => this.attachments.get(port) ?? []);
    const element = floodElement(host, network.vni, members, (other) => this.encaps.get(other));
    return element ? [entryOf(element)] : [];
  }

  private groupBitsFor(tenant: string): readonly GroupBit[] | undefined {
    const row = this.tenants.get(tenant);
    return row && groupBitsOf(this.documents, tenant, row.numbers.groups);
  }
}

function samePlace(a: Attachment, b: Attachment): boolean {
  return a.tenant === b.tenant && a.network === b.network && a.domain === b.domain && same(a.places, b.places);
}
