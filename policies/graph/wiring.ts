import type { Address } from '../../src/base/addresses.ts';
import type { Element, ElementKey, HostChange, NetworkElement, Raises } from '../compiled.ts';
import { bitsOf, groupBitsOf } from '../compile/groups.ts';
import type { GroupBit } from '../compile/groups.ts';
import { groupsOf } from '../compile/set-tally.ts';
import type { SetHash } from '../compile/sets.ts';
import { resolveName } from '../model/scope.ts';
import { portOfKey, scopedText } from '../selectors/index.ts';
import { Contents, platform } from './contents.ts';
import type { Facts } from './contents.ts';
import type { Minute } from '../compile/schedule.ts';
import type { Change, DocumentId, Documents } from './documents.ts';
import {
  earliest,
  encapOf,
  floods,
  interfaceRows,
  networkElement,
  policyRow,
  qosRow,
  raisedBy,
  routerRow,
  scopedOf,
  tenantRow,
} from './facts.ts';
import type { Attachment, InterfaceRow, PolicyRow, QosRow, RouterRow, TenantRow } from './facts.ts';
import { Indices } from './indices.ts';
import type { Relinked } from './indices.ts';
import { KnownSets } from './known-sets.ts';
import type { Membership } from './known-sets.ts';
import { same } from './same.ts';
import type { SetName } from './set-name.ts';
import { Subscriptions } from './subscriptions.ts';
import { Table } from './table.ts';

/**
 * All of the graph:
 *
 *   documents ─► encaps ─────────────────────────────┐
 *             ─► tenants ─► groupBits ───────────────┤
 *             ─► routers ─► networks ─┐              ├─► element sets ─► what changed on each host
 *             ─► vms ─────────────────┴► attachments ┤        ▲
 *             ─► qos, policies ─► raised ────────────┘        │
 *                                attachments ─► needs (which host subscribes to which sets)
 *
 * Tables are settled from left to right. A listener keeps the indices of its table and marks what reads it.
 */
export class Wiring implements Facts {
  documents: Documents;

  readonly encaps = new Table<Address>(
    (host) => encapOf(this.documents, host),
    (host) => this.hostChanged(host),
  );
  readonly tenants = new Table<TenantRow>(
    (tenant) => tenantRow(this.documents, tenant),
    (...change) => this.tenantChanged(...change),
  );
  private readonly routers = new Table<RouterRow>(
    (key) => routerRow(this.documents, key),
    (...change) => this.routerChanged(...change),
  );
  readonly networks = new Table<NetworkElement>(
    (key) => networkElement(this.documents, key, this.domainOf(key)),
    (...change) => this.networkChanged(...change),
  );
  private readonly vms = new Table<readonly InterfaceRow[]>(
    (key) => interfaceRows(this.documents, key),
    (...change) => this.vmChanged(...change),
  );
  readonly attachments = new Table<Attachment>(
    (port) => this.attach(port),
    (...change) => this.attachmentChanged(...change),
  );
  readonly groupBits = new Table<readonly GroupBit[]>(
    (tenant) => this.groupBitsFor(tenant),
    (tenant) => this.groupBitsChanged(tenant),
  );
  readonly qos = new Table<QosRow>(
    (tenant) => qosRow(this.documents, tenant, this.minute),
    (...change) => this.qosChanged(...change),
  );
  readonly policies = new Table<PolicyRow>(
    (key) => policyRow(this.documents, key),
    (...change) => this.policyChanged(...change),
  );
  /** By `TENANT PORT`, only for tenants whose groups are told apart by sets. */
  private readonly memberships = new Table<Membership>(
    (key) => this.membershipOf(key),
    (...change) => this.membershipChanged(...change),
  );
  readonly raised = new Table<Raises>(
    (tenant) => this.raisedFor(tenant),
    (tenant) => this.markLocalOf(tenant),
  );
  private readonly needs = new Table<readonly SetName[]>(
    (host) => this.contents.setsFor(host),
    (...change) => this.needsChanged(...change),
  );

  /** Settled before it is known who looks into which domain; `memberships` and `needs` come behind. */
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
    this.raised,
  ];

  private minute: Minute;
  /** Tenants with scheduled QoS policies, and when they are to be looked at again. */
  private readonly schedules = new Map<string, Minute>();

  private readonly indices = new Indices();
  private readonly knownSets: KnownSets;
  private readonly contents: Contents;

  /** Marked when all attachments have settled: a tenant can leave a domain and be back in one update. */
  private readonly identitiesStale: { readonly domain: string; readonly port: string }[] = [];

  /** A tenant begins or ceases to look into a domain. */
  private readonly outlooksStale: { readonly domain: string; readonly tenant: string }[] = [];

  private readonly subscriptions = new Subscriptions((name) => this.contents.of(name));

  constructor(documents: Documents, hash: SetHash, minute: Minute) {
    this.documents = documents;
    this.minute = minute;
    this.knownSets = new KnownSets(hash);
    this.contents = new Contents(this, this.indices, this.knownSets);
    const kinds = ['Host', 'Tenant', 'Router', 'Network', 'Vm', 'QosPolicy', 'Policy'] as const;
    for (const kind of kinds) {
      for (const { document } of documents.list(kind)) this.mark({ kind, tenant: document.metadata.tenant, name: document.metadata.name });
    }
    this.settle();
    this.subscriptions.finish();
  }

  dueAt(): Minute | undefined {
    return earliest(this.schedules.values());
  }

  hosts(): Iterable<string> {
    return this.needs.keys();
  }

  elements(host: string): ReadonlyMap<ElementKey, Element> {
    return this.subscriptions.elements(host, this.needs.get(host) ?? []);
  }

  update(change: Change, documents: Documents, minute: Minute = this.minute): readonly HostChange[] {
    this.documents = documents;
    for (const [tenant, until] of this.schedules) if (until <= minute || minute < this.minute) this.qos.mark(tenant);
    this.minute = minute;
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
      case 'Intent':
        return undefined;
      case 'Service':
        for (const policy of this.indices.policiesOfService.of(key)) this.markRules(policy);
        return undefined;
      case 'Group':
        this.groupBits.markAll(this.indices.lookersOfGroup.of(key));
        this.qos.markAll(this.indices.qosTenantsOfGroup.of(key));
        for (const policy of this.indices.policiesOfGroup.of(key)) this.markRules(policy);
        return undefined;
    }
  }

  private settle(): void {
    for (const table of this.order) table.settle();
    for (const { domain, port } of this.identitiesStale.splice(0)) {
      for (const tenant of this.indices.lookersOfPort.of(port)) this.memberships.mark(`${tenant} ${port}`);
      for (const tenant of this.indices.tenantsOfDomain.of(domain)) {
        this.subscriptions.mark({ kind: 'identities', domain, tenant }, [port]);
        if (this.contents.usesSets(tenant)) this.memberships.mark(`${tenant} ${port}`);
      }
    }
    for (const { domain, tenant } of this.outlooksStale.splice(0)) this.markMemberships(domain, tenant);
    this.memberships.settle();
    this.sightChanged();
    this.needs.settle();
    this.subscriptions.settle();
  }

  private hostChanged(host: string): void {
    for (const port of this.indices.portsOfHost.of(host)) {
      const item = this.attachments.get(port);
      this.markNeighbour(item);
      if (item) this.markFlood(item.network);
    }
    for (const other of this.indices.hostsReached.of(host)) this.subscriptions.mark({ kind: 'tunnels', host: other }, [host]);
  }

  private tenantChanged(tenant: string, before: TenantRow | undefined, after: TenantRow | undefined): void {
    const groups = (row: TenantRow | undefined): readonly string[] =>
      Object.keys(row?.numbers.groups ?? {}).filter((key) => !portOfKey(key));
    for (const key of groups(before)) this.indices.lookersOfGroup.remove(scopedText(resolveName(tenant, key)), tenant);
    for (const key of groups(after)) this.indices.lookersOfGroup.add(scopedText(resolveName(tenant, key)), tenant);
    this.groupBits.mark(tenant);
    this.raised.mark(tenant);
    this.subscriptions.mark({ kind: 'tenant', tenant }, this.contents.sourcesOfTenant(tenant));
    this.markRulesOf(tenant);
    if (before?.numbers.view !== after?.numbers.view) this.viewChanged(tenant);
    if (before?.numbers.tenant === after?.numbers.tenant) return;
    this.attachments.markAll(this.indices.portsOfTenant.of(tenant));
    for (const domain of this.indices.domainsOfTenant.of(tenant)) this.markIdentities(domain, tenant);
  }

  private viewChanged(tenant: string): void {
    this.groupBitsChanged(tenant);
    for (const port of this.indices.portsOfTenant.of(tenant))
      for (const { host } of this.indices.interfaces.get(port)?.places ?? []) this.needs.mark(host);
  }

  private routerChanged(key: string, before: RouterRow | undefined, after: RouterRow | undefined): void {
    for (const network of before?.networks ?? []) this.indices.routersOfNetwork.remove(network, key);
    for (const network of after?.networks ?? []) this.indices.routersOfNetwork.add(network, key);
    this.networks.markAll([...(before?.networks ?? []), ...(after?.networks ?? [])]);
  }

  private domainOf(network: string): number | undefined {
    for (const router of this.indices.routersOfNetwork.of(network)) return this.routers.get(router)?.domain;
    return undefined;
  }

  private networkChanged(key: string, before: NetworkElement | undefined, after: NetworkElement | undefined): void {
    for (const row of [before, after]) if (row) this.subscriptions.mark({ kind: 'networks', domain: String(row.domain) }, [key]);
    if ((before && floods(before)) !== (after && floods(after))) this.needs.markAll(this.indices.hostsOfNetwork(key));
    if (before?.domain === after?.domain && before?.vni === after?.vni) return;
    this.attachments.markAll(this.indices.portsOfNetwork.of(key));
    if (before) this.indices.networksOfDomain.remove(String(before.domain), key);
    if (after) this.indices.networksOfDomain.add(String(after.domain), key);
    for (const row of [before, after]) if (row) this.needs.markAll(this.indices.hostsOfDomain.of(String(row.domain)));
  }

  private vmChanged(_key: string, before: readonly InterfaceRow[] | undefined, after: readonly InterfaceRow[] | undefined): void {
    this.indices.removeRows(before ?? []);
    this.indices.addRows(after ?? []);
    for (const row of [...(before ?? []), ...(after ?? [])]) this.attachments.mark(row.portId);
  }

  private attach(port: string): Attachment | undefined {
    const row = this.indices.interfaces.get(port);
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

  private link(item: Attachment): void {
    const domain = String(item.domain);
    if (!this.indices.tenantsOfDomain.has(domain, item.tenant)) this.outlooksStale.push({ domain, tenant: item.tenant });
    this.markRelinked(this.indices.link(item));
  }

  private unlink(item: Attachment): void {
    const domain = String(item.domain);
    this.markRelinked(this.indices.unlink(item));
    if (!this.indices.tenantsOfDomain.has(domain, item.tenant)) this.outlooksStale.push({ domain, tenant: item.tenant });
  }

  private markRelinked({ meetings, hosts }: Relinked): void {
    for (const [host, other] of meetings) this.subscriptions.mark({ kind: 'tunnels', host }, [other]);
    this.needs.markAll(hosts);
  }

  private groupBitsChanged(tenant: string): void {
    for (const domain of this.indices.domainsOfTenant.of(tenant)) {
      this.markIdentities(domain, tenant);
      this.outlooksStale.push({ domain, tenant });
    }
    this.markLocalOf(tenant);
  }

  private markMemberships(domain: string, tenant: string): void {
    for (const port of this.indices.portsOfDomain.of(domain)) {
      if (this.contents.usesSets(tenant) || this.indices.lookersOfPort.has(port, tenant)) this.memberships.mark(`${tenant} ${port}`);
    }
  }

  private membershipOf(key: string): Membership | undefined {
    const space = key.indexOf(' ');
    const [tenant, port] = [key.slice(0, space), key.slice(space + 1)];
    const item = this.attachments.get(port);
    if (!item || !this.contents.usesSets(tenant) || !this.indices.tenantsOfDomain.has(String(item.domain), tenant)) return undefined;
    const hosts = item.tenant === tenant ? item.places.map((place) => place.host) : [];
    return { tenant, domain: String(item.domain), set: bitsOf(this.groupBits.get(tenant) ?? [], item), hosts };
  }

  private membershipChanged(key: string, before: Membership | undefined, after: Membership | undefined): void {
    const port = key.slice(key.indexOf(' ') + 1);
    if (after) {
      this.knownSets.change(after, 1);
      this.indices.lookersOfPort.add(port, after.tenant);
    }
    if (before) {
      this.knownSets.change(before, -1);
      this.indices.lookersOfPort.remove(port, before.tenant);
    }
  }

  /** Rules name the sets in sight of their host. */
  private sightChanged(): void {
    const { sets, outlooks, renumbered } = this.knownSets.takeChanges();
    for (const { tenant, at, set } of sets) {
      const policies = this.policiesAsking(tenant, set);
      for (const host of at.kind === 'host' ? [at.name] : this.indices.hostsOfDomain.of(at.name))
        this.subscriptions.mark({ kind: 'rules', tenant, host }, policies);
    }
    for (const { tenant, host } of outlooks)
      this.subscriptions.mark({ kind: 'rules', tenant, host }, this.contents.sourcesOfTenant(tenant));
    for (const tenant of renumbered) {
      for (const domain of this.indices.domainsOfTenant.of(tenant)) this.markIdentities(domain, tenant);
      this.markLocalOf(tenant);
      this.markRulesOf(tenant);
    }
  }

  /** The policies that may ask for a group of the set; whoever means a port by name may ask for any such group. */
  private policiesAsking(tenant: string, set: bigint): Iterable<string> {
    const groups = new Set(groupsOf(set));
    const keys = Object.entries(this.tenants.get(tenant)?.numbers.groups ?? {}).flatMap(([key, group]) => (groups.has(group) ? [key] : []));
    if (keys.some((key) => portOfKey(key) !== undefined)) return this.contents.sourcesOfTenant(tenant);
    return new Set(keys.flatMap((key) => [...this.indices.policiesOfGroup.of(scopedText(resolveName(tenant, key)))]));
  }

  private qosChanged(tenant: string, before: QosRow | undefined, after: QosRow | undefined): void {
    for (const group of before?.groups ?? []) this.indices.qosTenantsOfGroup.remove(group, tenant);
    for (const group of after?.groups ?? []) this.indices.qosTenantsOfGroup.add(group, tenant);
    if (after?.until === undefined) this.schedules.delete(tenant);
    else this.schedules.set(tenant, after.until);
    this.markLocalOf(tenant);
  }

  private policyChanged(key: string, before: PolicyRow | undefined, after: PolicyRow | undefined): void {
    if (before) this.indexPolicy(key, before, 'remove');
    if (after) this.indexPolicy(key, after, 'add');
    this.markRules(key);
    if (!same(before?.raises, after?.raises)) this.raised.markAll(this.boundBy(key));
  }

  private indexPolicy(key: string, row: PolicyRow, change: 'add' | 'remove'): void {
    this.indices.policiesOf[change](row.owner ?? platform, key);
    for (const group of row.groups) this.indices.policiesOfGroup[change](group, key);
    for (const service of row.services) this.indices.policiesOfService[change](service, key);
  }

  private needsChanged(host: string, before: readonly SetName[] | undefined, after: readonly SetName[] | undefined): void {
    this.subscriptions.resubscribe(host, before ?? [], after ?? []);
  }

  private markRules(policy: string): void {
    for (const tenant of this.boundBy(policy)) {
      this.subscriptions.mark({ kind: 'tenant', tenant }, [policy]);
      if (this.contents.usesSets(tenant)) this.markRulesOf(tenant, [policy]);
    }
  }

  /** A policy of the platform may bind every tenant, so that every tenant's rules are looked at again. */
  private boundBy(policy: string): Iterable<string> {
    const owner = scopedOf(policy).tenant;
    return owner === undefined ? this.tenants.keys() : [owner];
  }

  private raisedFor(tenant: string): Raises | undefined {
    if (!this.tenants.get(tenant)) return undefined;
    const { policiesOf } = this.indices;
    return raisedBy([...policiesOf.of(tenant), ...policiesOf.of(platform)].flatMap((key) => this.policies.get(key) ?? []));
  }

  /** On the hosts that have rules of their own. */
  private markRulesOf(tenant: string, policies: Iterable<string> = this.contents.sourcesOfTenant(tenant)): void {
    const sources = [...policies];
    const hosts = new Set([...this.indices.domainsOfTenant.of(tenant)].flatMap((domain) => [...this.indices.hostsOfDomain.of(domain)]));
    for (const host of hosts) this.subscriptions.mark({ kind: 'rules', tenant, host }, sources);
  }

  private markLocalOf(tenant: string): void {
    for (const port of this.indices.portsOfTenant.of(tenant)) this.markLocal(this.attachments.get(port));
  }

  private markLocal(item: Attachment | undefined): void {
    for (const { host } of item?.places ?? []) this.subscriptions.mark({ kind: 'local', host }, [item?.portId ?? '']);
  }

  private markNeighbour(item: Attachment | undefined): void {
    if (!item) return;
    for (const answered of [true, false]) this.subscriptions.mark({ kind: 'neighbours', network: item.network, answered }, [item.portId]);
  }

  /** Every host with members has an element that names the others. */
  private markFlood(network: string, moved?: Attachment): void {
    if (!this.contents.floods(network)) return;
    const left = moved?.places.map((place) => place.host) ?? [];
    for (const host of new Set([...this.indices.hostsOfNetwork(network), ...left])) {
      this.subscriptions.mark({ kind: 'flood', network, host }, [network]);
    }
  }

  private markIdentities(domain: string, tenant: string): void {
    this.subscriptions.mark({ kind: 'identities', domain, tenant }, this.indices.portsOfDomain.of(domain));
  }

  private groupBitsFor(tenant: string): readonly GroupBit[] | undefined {
    const row = this.tenants.get(tenant);
    return row && groupBitsOf(this.documents, tenant, row.numbers.groups);
  }
}

function samePlace(a: Attachment, b: Attachment): boolean {
  return a.tenant === b.tenant && a.network === b.network && a.domain === b.domain && same(a.places, b.places);
}
