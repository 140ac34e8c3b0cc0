import type { Address } from '../../src/base/addresses.ts';
import type { NetworkElement, Raises } from '../compiled.ts';
import { viewField } from '../compile/groups.ts';
import type { GroupBit, Looker } from '../compile/groups.ts';
import { compilePolicy } from '../compile/rules.ts';
import { ruleInSight, usesSets } from '../compile/sets.ts';
import type { RuleElement } from '../compiled.ts';
import type { Documents } from './documents.ts';
import type { Content, Entry } from './element-set.ts';
import { entryOf, identityEntries, localEntries, neighbourEntries } from './elements.ts';
import { floodElement, floods, tunnelElement } from './facts.ts';
import type { Attachment, PolicyRow, QosRow, TenantRow } from './facts.ts';
import type { Indices } from './indices.ts';
import type { KnownSets } from './known-sets.ts';
import type { SetName } from './set-name.ts';

/** The source of a tenant's set that is the tenant itself; the others are policies. */
const tenantItself = '';
/** The owner of the platform's policies in `policiesOf`, as `scopedText` writes it. */
export const platform = '-';

interface Rows<Row> {
  get(key: string): Row | undefined;
}

/** The settled tables, to be read. */
export interface Facts {
  readonly documents: Documents;
  readonly encaps: Rows<Address>;
  readonly tenants: Rows<TenantRow>;
  readonly networks: Rows<NetworkElement>;
  readonly attachments: Rows<Attachment>;
  readonly groupBits: Rows<readonly GroupBit[]>;
  readonly qos: Rows<QosRow>;
  readonly policies: Rows<PolicyRow>;
  readonly raised: Rows<Raises>;
}

/** What a host subscribes to, and what each of these sets is made of. */
export class Contents {
  private readonly rows: Facts;
  private readonly indices: Indices;
  private readonly knownSets: KnownSets;

  constructor(rows: Facts, indices: Indices, knownSets: KnownSets) {
    this.rows = rows;
    this.indices = indices;
    this.knownSets = knownSets;
  }

  /** The sets to which a host subscribes; undefined when nothing runs there. */
  setsFor(host: string): readonly SetName[] | undefined {
    const local = new Set(this.indices.networksOfHost.of(host));
    if (local.size === 0) return undefined;
    const outlooks = [...this.indices.outlooksOfHost.of(host)].map((outlook) => {
      const [domain = '', tenant = ''] = outlook.split(' ');
      return { domain, tenant };
    });
    const tenants = new Set(outlooks.map(({ tenant }) => tenant));
    const domains = new Set(outlooks.map(({ domain }) => domain));
    return [
      { kind: 'local', host },
      { kind: 'tunnels', host },
      ...[...local].filter((network) => this.floods(network)).map((network): SetName => ({ kind: 'flood', network, host })),
      ...[...tenants].flatMap((tenant): SetName[] => [
        { kind: 'tenant', tenant },
        ...(this.usesSets(tenant) ? [{ kind: 'rules', tenant, host } as const] : []),
      ]),
      ...outlooks.map(({ domain, tenant }): SetName => ({ kind: 'identities', domain, tenant })),
      ...[...domains].flatMap((domain): SetName[] => [
        { kind: 'networks', domain },
        ...[...this.indices.networksOfDomain.of(domain)].map((network): SetName => ({
          kind: 'neighbours',
          network,
          answered: local.has(network),
        })),
      ]),
    ];
  }

  of(name: SetName): Content {
    switch (name.kind) {
      case 'local':
        return { sources: () => this.indices.portsOfHost.of(name.host), derive: (port) => this.localOf(name.host, port) };
      case 'tunnels':
        return { sources: () => this.indices.hostsReached.of(name.host), derive: (other) => this.tunnelTo(name.host, other) };
      case 'tenant':
        return { sources: () => this.sourcesOfTenant(name.tenant), derive: (source) => this.tenantPart(name.tenant, source) };
      case 'rules':
        return { sources: () => this.sourcesOfTenant(name.tenant), derive: (source) => this.rulesAt(name.host, name.tenant, source) };
      case 'networks':
        return { sources: () => this.indices.networksOfDomain.of(name.domain), derive: (network) => this.networkIn(name.domain, network) };
      case 'identities':
        return {
          sources: () => this.indices.portsOfDomain.of(name.domain),
          derive: (port) => this.identitiesOf(name.domain, name.tenant, port),
        };
      case 'neighbours':
        return {
          sources: () => this.indices.portsOfNetwork.of(name.network),
          derive: (port) => this.neighbourOf(name.network, port, name.answered),
        };
      case 'flood':
        return { sources: () => [name.network], derive: (network) => this.floodOf(network, name.host) };
    }
  }

  private localOf(host: string, port: string): readonly Entry[] {
    const item = this.rows.attachments.get(port);
    const looker = item && this.lookerOf(item.tenant);
    if (!looker) return [];
    const { qos, raised } = this.rows;
    return localEntries(host, item, looker, qos.get(item.tenant)?.rules ?? [], raised.get(item.tenant));
  }

  private tunnelTo(host: string, other: string): readonly Entry[] {
    const encap = this.rows.encaps.get(other);
    return encap && this.indices.hostsReached.has(host, other) ? [entryOf(tunnelElement(other, encap))] : [];
  }

  sourcesOfTenant(tenant: string): readonly string[] {
    return [tenantItself, ...this.indices.policiesOf.of(tenant), ...this.indices.policiesOf.of(platform)];
  }

  private tenantPart(tenant: string, source: string): readonly Entry[] {
    const row = this.rows.tenants.get(tenant);
    if (!row) return [];
    const { numbers, posture } = row;
    if (source === tenantItself) return [entryOf({ kind: 'tenant', tenant: numbers.tenant, ...viewField(numbers.view), posture })];
    return usesSets(numbers) ? [] : this.rulesOf(tenant, source).map((rule) => entryOf(rule));
  }

  private rulesAt(host: string, tenant: string, source: string): readonly Entry[] {
    if (!this.usesSets(tenant)) return [];
    const sight = this.knownSets.inSight(tenant, host);
    return this.rulesOf(tenant, source).flatMap((rule) => {
      const known = ruleInSight(rule, sight);
      return known ? [entryOf(known)] : [];
    });
  }

  private rulesOf(tenant: string, source: string): readonly RuleElement[] {
    const row = this.rows.tenants.get(tenant);
    const policy = this.rows.policies.get(source);
    return row && policy ? compilePolicy({ world: this.rows.documents, tenant, numbers: row.numbers }, policy) : [];
  }

  usesSets(tenant: string): boolean {
    const row = this.rows.tenants.get(tenant);
    return row !== undefined && usesSets(row.numbers);
  }

  private lookerOf(tenant: string): Looker | undefined {
    const numbers = this.rows.tenants.get(tenant)?.numbers;
    if (!numbers) return undefined;
    const numberOf = usesSets(numbers) ? (set: bigint): bigint => this.knownSets.numberOf(tenant, set) : undefined;
    return { tenant: numbers.tenant, view: numbers.view, groupBits: this.rows.groupBits.get(tenant) ?? [], numberOf };
  }

  private networkIn(domain: string, key: string): readonly Entry[] {
    const network = this.rows.networks.get(key);
    return network && String(network.domain) === domain ? [entryOf(network)] : [];
  }

  private identitiesOf(domain: string, tenant: string, port: string): readonly Entry[] {
    const item = this.rows.attachments.get(port);
    const looker = this.lookerOf(tenant);
    if (!item || !looker || String(item.domain) !== domain) return [];
    return identityEntries(item, looker);
  }

  private neighbourOf(network: string, port: string, answered: boolean): readonly Entry[] {
    const item = this.rows.attachments.get(port);
    const host = item?.places[0]?.host;
    if (!item || host === undefined || item.network !== network) return [];
    return neighbourEntries(item, this.rows.encaps.get(host), answered);
  }

  floods(network: string): boolean {
    const row = this.rows.networks.get(network);
    return row !== undefined && floods(row);
  }

  private floodOf(key: string, host: string): readonly Entry[] {
    const network = this.rows.networks.get(key);
    if (!network || !floods(network)) return [];
    const members = [...this.indices.portsOfNetwork.of(key)].flatMap((port) => this.rows.attachments.get(port) ?? []);
    const element = floodElement(host, network.vni, members, (other) => this.rows.encaps.get(other));
    return element ? [entryOf(element)] : [];
  }
}
