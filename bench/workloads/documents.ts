import { groupBits, groupKeysOf } from '../../policies/index.ts';
import type { DocumentId, Documents } from '../../policies/index.ts';
import type { Document, Kind } from '../../policies/model/kinds.ts';
import type { PolicyNumbers, RouterNumbers, TenantNumbers, VmNumbers } from '../../policies/model/stored.ts';
import { numberPolicies } from './priorities.ts';

type DocumentOfKind<K extends Kind> = Extract<Document, { kind: K }>;
type Stored = { readonly document: Document };

const idText = ({ kind, tenant, name }: DocumentId): string => `${kind}/${tenant ?? '-'}/${name}`;

function idOf({ kind, metadata }: Document): DocumentId {
  return { kind, tenant: metadata.tenant, name: metadata.name };
}

/** Documents in memory, with the numbers that admission would choose for them. Not validated. */
export class MemoryDocuments implements Documents {
  private readonly byKind = new Map<Kind, Map<string, Map<string, Stored>>>();
  private readonly tenants = new Map<string, TenantNumbers>();
  private readonly routers = new Map<string, RouterNumbers>();
  private readonly policies = new Map<string, PolicyNumbers>();
  private readonly vms = new Map<string, VmNumbers>();
  private readonly views = new Map<string, number>();
  private readonly zonesTaken = new Map<string, Set<number>>();
  private lastTenant = 0;
  private lastRule = 0;
  private lastDomain = 2 ** 24 - 1;

  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): { readonly document: DocumentOfKind<K> } | undefined {
    return this.byKind
      .get(kind)
      ?.get(tenant ?? '-')
      ?.get(name) as { readonly document: DocumentOfKind<K> } | undefined;
  }

  list<K extends Kind>(kind: K, tenant?: string | null): Iterable<{ readonly document: DocumentOfKind<K> }> {
    const tenants = this.byKind.get(kind);
    if (tenant !== undefined) return this.owned(kind, tenant ?? '-');
    return [...(tenants?.keys() ?? [])].flatMap((owner) => this.owned(kind, owner));
  }

  tenantNumbers(tenant: string): TenantNumbers | undefined {
    return this.tenants.get(tenant);
  }

  routerNumbers(tenant: string | undefined, name: string): RouterNumbers | undefined {
    return this.routers.get(`${tenant ?? '-'}/${name}`);
  }

  policyNumbers(tenant: string | undefined, name: string): PolicyNumbers | undefined {
    return this.policies.get(`${tenant ?? '-'}/${name}`);
  }

  vmNumbers(tenant: string, name: string): VmNumbers | undefined {
    return this.vms.get(`${tenant}/${name}`);
  }

  put(document: Document): DocumentId {
    const id = idOf(document);
    let tenants = this.byKind.get(id.kind);
    if (!tenants) this.byKind.set(id.kind, (tenants = new Map()));
    let names = tenants.get(id.tenant ?? '-');
    if (!names) tenants.set(id.tenant ?? '-', (names = new Map()));
    names.set(id.name, { document });
    return id;
  }

  delete(id: DocumentId): void {
    this.byKind
      .get(id.kind)
      ?.get(id.tenant ?? '-')
      ?.delete(id.name);
    const key = `${id.tenant ?? '-'}/${id.name}`;
    if (id.kind === 'Tenant') this.tenants.delete(id.name);
    if (id.kind === 'Router') this.routers.delete(key);
    if (id.kind === 'Policy') this.policies.delete(key);
    if (id.kind === 'Vm') {
      this.freeZones(key);
      this.vms.delete(key);
    }
  }

  /** Chooses the numbers of all documents anew where they need it. Answers whose numbers changed. */
  renumber(): readonly DocumentId[] {
    const changed = new Map<string, DocumentId>();
    const note = (id: DocumentId): void => void changed.set(idText(id), id);
    for (const { document } of this.list('Router')) if (this.numberRouter(document)) note(idOf(document));
    for (const { document } of this.list('Vm')) if (this.numberVm(document)) note(idOf(document));
    for (const id of this.numberAllPolicies()) note(id);
    for (const { document } of this.list('Tenant')) if (this.numberTenant(document)) note(idOf(document));
    return [...changed.values()];
  }

  /** From the next numbering on the tenant's groups are told apart in another way than before. */
  turnView(tenant: string): void {
    this.views.set(tenant, ((this.views.get(tenant) ?? 0) + 1) % 16);
  }

  /** Zones of one VM, as its placement asks. */
  numberVm({ metadata, spec }: DocumentOfKind<'Vm'>): boolean {
    const key = `${metadata.tenant ?? '-'}/${metadata.name}`;
    const host = spec.power === 'running' ? spec.host : undefined;
    const before = this.vms.get(key);
    const names = spec.interfaces.map((item) => item.name);
    const zones = host === undefined ? undefined : before?.zones[host];
    const stands =
      host === undefined
        ? before === undefined
        : zones !== undefined && names.every((name) => zones[name] !== undefined) && names.length === Object.keys(zones).length;
    if (stands) return false;
    this.freeZones(key);
    if (host === undefined) this.vms.delete(key);
    else this.vms.set(key, { zones: { [host]: Object.fromEntries(names.map((name) => [name, this.takeZone(host)])) } });
    return true;
  }

  private owned<K extends Kind>(kind: K, owner: string): readonly { readonly document: DocumentOfKind<K> }[] {
    return [...(this.byKind.get(kind)?.get(owner)?.values() ?? [])] as { readonly document: DocumentOfKind<K> }[];
  }

  private numberRouter({ metadata }: DocumentOfKind<'Router'>): boolean {
    const key = `${metadata.tenant ?? '-'}/${metadata.name}`;
    if (this.routers.has(key)) return false;
    this.routers.set(key, { domain: ++this.lastDomain });
    return true;
  }

  /** Bits of groups that are named no longer are free for others at once. */
  private numberTenant({ metadata: { name } }: DocumentOfKind<'Tenant'>): boolean {
    const before = this.tenants.get(name);
    const policies = [...this.owned('Policy', name), ...this.owned('Policy', '-')].map(({ document }) => document);
    const keys = groupKeysOf(this, name, policies);
    const kept = Object.entries(before?.groups ?? {}).filter(([key]) => keys.has(key));
    const turned = this.views.get(name) ?? 0;
    const view = keys.size > groupBits ? turned | 1 : turned;
    if (before && (before.view ?? 0) === view && kept.length === keys.size && kept.length === Object.keys(before.groups).length)
      return false;
    const groups = Object.fromEntries(kept);
    const taken = new Set(Object.values(groups));
    for (const key of keys) {
      if (groups[key] !== undefined) continue;
      const bit = lowestFree(taken, 0);
      taken.add(bit);
      groups[key] = bit;
    }
    this.tenants.set(name, { tenant: before?.tenant ?? ++this.lastTenant, groups, ...(view === 0 ? {} : { view }) });
    return true;
  }

  private numberAllPolicies(): readonly DocumentId[] {
    const all = [...this.list('Policy')].map(({ document }) => document);
    return numberPolicies(all, this.policies, () => ++this.lastRule);
  }

  private takeZone(host: string): number {
    let taken = this.zonesTaken.get(host);
    if (!taken) this.zonesTaken.set(host, (taken = new Set()));
    const zone = lowestFree(taken, 1);
    taken.add(zone);
    return zone;
  }

  private freeZones(key: string): void {
    for (const [host, zones] of Object.entries(this.vms.get(key)?.zones ?? {})) {
      for (const zone of Object.values(zones)) this.zonesTaken.get(host)?.delete(zone);
    }
  }
}

function lowestFree(taken: ReadonlySet<number>, first: number): number {
  let number = first;
  while (taken.has(number)) number++;
  return number;
}
