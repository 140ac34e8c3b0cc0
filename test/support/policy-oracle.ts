import { BlockList, isIPv6 } from 'node:net';

/**
 * A second reading of what policies mean, for tests: written from the description alone, over documents as users write them, and in
 * another way than the reference. It enumerates: the cells of a table, (interface, other end, service), are painted by the rules from the
 * last that is judged to the first, so that the first one's colour stays on top. It shares no code with `policies`.
 */

/** A document as users write it. */
export interface RawDocument {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly tenant?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: unknown;
}

export interface RawPort {
  readonly protocol: string;
  readonly port?: number;
  readonly endPort?: number;
  readonly portName?: string;
  readonly type?: number;
  readonly code?: number;
}

export interface RawPeer {
  readonly group?: string;
  readonly tenant?: string;
  readonly cidr?: string;
  readonly except?: readonly string[];
  readonly any?: true;
}

export interface RawRule {
  readonly action: 'allow' | 'deny' | 'reject' | 'pass';
  readonly from?: readonly RawPeer[];
  readonly to?: readonly RawPeer[];
  readonly services?: readonly (string | RawPort)[];
}

export interface RawPolicy {
  readonly tier?: string;
  readonly order?: number;
  readonly appliesTo?: readonly string[];
  readonly ingress?: readonly RawRule[];
  readonly egress?: readonly RawRule[];
}

export interface RawExpression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

export interface RawGroup {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>>; readonly matchExpressions?: readonly RawExpression[] };
  readonly cidrs?: readonly string[];
  readonly except?: readonly string[];
  readonly tenants?: 'all' | readonly string[];
}

export interface RawInterface {
  readonly name: string;
  readonly network: string;
  readonly addresses: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: Readonly<Record<string, { readonly protocol: string; readonly port: number }>>;
}

/** What opens a connection. For ICMP `port` is type * 256 + code. */
export interface Ask {
  readonly protocol: string;
  readonly port: number;
}

/** An interface with one of its addresses, or an address that is nobody's. */
export interface Place {
  readonly address: string;
  readonly tenant?: string;
  readonly vm?: string;
  readonly item?: RawInterface;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Built-in profiles that the tests name, as their standards have them. */
const wellKnown: Readonly<Record<string, readonly RawPort[]>> = {
  ssh: [{ protocol: 'tcp', port: 22 }],
  http: [{ protocol: 'tcp', port: 80 }],
  https: [{ protocol: 'tcp', port: 443 }],
  dns: [
    { protocol: 'tcp', port: 53 },
    { protocol: 'udp', port: 53 },
  ],
  postgresql: [{ protocol: 'tcp', port: 5432 }],
};

type Colour = 'allow' | 'deny' | 'reject';
type Way = 'ingress' | 'egress';

export class PolicyOracle {
  readonly #documents: readonly RawDocument[];
  readonly places: readonly Place[];

  constructor(documents: Iterable<RawDocument>) {
    this.#documents = [...documents];
    this.places = this.#documents.filter(({ kind }) => kind === 'Vm').flatMap(placesOf);
  }

  /** The colour of one side for every (other end, ask), keyed by `cell`. */
  side(way: Way, local: Place, others: readonly Place[], asks: readonly Ask[]): ReadonlyMap<string, Colour> {
    const tenant = this.#of('Tenant').find(({ metadata }) => metadata.name === local.tenant)?.spec as { posture?: string } | undefined;
    let table = new Map<string, Colour>();
    for (const other of others) for (const ask of asks) table.set(cell(other, ask), tenant?.posture === 'open' ? 'allow' : 'deny');
    for (const tier of ['baseline', 'tenant', 'platform']) {
      const below = table;
      table = new Map(below);
      const inTier = this.#of('Policy').filter(({ metadata, spec }) => tierOf(metadata, spec as RawPolicy) === tier);
      const lastFirst = inTier.toSorted((a, b) => {
        const [first, second] = [(a.spec as RawPolicy).order ?? 1000, (b.spec as RawPolicy).order ?? 1000];
        return first === second ? (a.metadata.name < b.metadata.name ? 1 : -1) : second - first;
      });
      for (const { metadata, spec } of lastFirst) {
        const policy = spec as RawPolicy;
        if (!this.#binds(metadata.tenant, policy, local)) continue;
        for (const rule of [...(policy[way] ?? [])].reverse()) {
          const peers = this.#peers(metadata.tenant, way === 'ingress' ? rule.from : rule.to, others);
          for (const other of peers) {
            for (const ask of this.#asks(metadata.tenant, rule.services, asks, way === 'ingress' ? local : other)) {
              const at = cell(other, ask);
              table.set(at, rule.action === 'pass' ? (below.get(at) ?? 'deny') : rule.action);
            }
          }
        }
      }
    }
    return table;
  }

  #of(kind: string): readonly RawDocument[] {
    return this.#documents.filter((document) => document.kind === kind);
  }

  #binds(owner: string | undefined, policy: RawPolicy, local: Place): boolean {
    if (owner !== undefined && owner !== local.tenant) return false;
    if (policy.appliesTo === undefined) return true;
    return policy.appliesTo.some((name) => this.#members(owner, name).some((member) => member.item === local.item));
  }

  #group(owner: string | undefined, name: string, tenant?: string): RawDocument | undefined {
    const wanted = name.startsWith('platform/') ? { name: name.slice(9), tenant: undefined } : { name, tenant: tenant ?? owner };
    return this.#of('Group').find(({ metadata }) => metadata.name === wanted.name && metadata.tenant === wanted.tenant);
  }

  #members(owner: string | undefined, name: string, tenant?: string): readonly Place[] {
    const group = this.#group(owner, name, tenant);
    const spec = group?.spec as RawGroup | undefined;
    if (spec?.selector === undefined) return [];
    let members = this.places;
    if (group?.metadata.tenant !== undefined) members = members.filter((place) => place.tenant === group.metadata.tenant);
    else if (Array.isArray(spec.tenants)) members = members.filter((place) => spec.tenants?.includes(place.tenant ?? '') === true);
    for (const [key, value] of Object.entries(spec.selector.matchLabels ?? {}))
      members = members.filter((place) => place.labels?.[key] === value);
    for (const expression of spec.selector.matchExpressions ?? [])
      members = members.filter((place) => fits(expression, place.labels ?? {}));
    return members;
  }

  #peers(owner: string | undefined, peers: readonly RawPeer[] | undefined, others: readonly Place[]): ReadonlySet<Place> {
    if (peers === undefined) return new Set(others);
    const found = new Set<Place>();
    for (const peer of peers) {
      if (peer.any) for (const other of others) found.add(other);
      if (peer.cidr !== undefined) for (const other of inside([peer.cidr], peer.except, others)) found.add(other);
      if (peer.group === undefined) continue;
      const spec = this.#group(owner, peer.group, peer.tenant)?.spec as RawGroup | undefined;
      if (spec?.cidrs) for (const other of inside(spec.cidrs, spec.except, others)) found.add(other);
      const members = this.#members(owner, peer.group, peer.tenant);
      for (const other of others) if (members.some((member) => member.item !== undefined && member.item === other.item)) found.add(other);
    }
    return found;
  }

  #asks(owner: string | undefined, services: RawRule['services'], asks: readonly Ask[], destination: Place): readonly Ask[] {
    if (services === undefined) return asks;
    const ports = services.flatMap((service) => (typeof service === 'string' ? this.#ports(owner, service) : [service]));
    return asks.filter((ask) => ports.some((port) => covers(port, ask, destination)));
  }

  #ports(owner: string | undefined, name: string): readonly RawPort[] {
    const bare = name.replace('platform/', '');
    const own = name === bare ? owner : undefined;
    const held = (tenant: string | undefined): RawDocument | undefined =>
      this.#of('Service').find(({ metadata }) => metadata.name === bare && metadata.tenant === tenant);
    const service = held(own) ?? held(undefined);
    return service ? (service.spec as { ports: readonly RawPort[] }).ports : (wellKnown[bare] ?? []);
  }
}

export const cell = (other: Place, { protocol, port }: Ask): string =>
  `${other.tenant ?? ''}/${other.vm ?? ''}/${other.address} ${protocol}/${port}`;

function tierOf(metadata: RawDocument['metadata'], policy: RawPolicy): string {
  return policy.tier ?? (metadata.tenant === undefined ? 'platform' : 'tenant');
}

function placesOf({ metadata, spec }: RawDocument): readonly Place[] {
  const { tenant = '', name: vm } = metadata;
  return (spec as { interfaces: readonly RawInterface[] }).interfaces.flatMap((item) => {
    const system = {
      'weir.io/tenant': tenant,
      'weir.io/vm': vm,
      'weir.io/interface': item.name,
      'weir.io/network': item.network.split('/').at(-1) ?? '',
    };
    const labels = { ...metadata.labels, ...item.labels, ...system };
    return item.addresses.map((address) => ({ address, tenant, vm, item, labels }));
  });
}

function fits({ key, operator, values = [] }: RawExpression, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[key];
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  const listed = value !== undefined && values.includes(value);
  return operator === 'In' ? listed : !listed;
}

/** Families are kept apart: a BlockList takes an IPv4 address for an IPv4-mapped one of IPv6, which `::/0` has. */
function inside(cidrs: readonly string[], except: readonly string[] | undefined, others: readonly Place[]): readonly Place[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const [within, without] = [blockList(cidrs, family), blockList(except ?? [], family)];
    const own = others.filter(({ address }) => familyOf(address) === family);
    return own.filter(({ address }) => within.check(address, family) && !without.check(address, family));
  });
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

function blockList(cidrs: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', length] = cidr.split('/');
    if (familyOf(address) === family) list.addSubnet(address, Number(length), family);
  }
  return list;
}

function covers(port: RawPort, ask: Ask, destination: Place): boolean {
  if (port.protocol !== ask.protocol) return false;
  if (port.protocol.startsWith('icmp')) {
    if (port.type !== undefined && port.type !== Math.floor(ask.port / 256)) return false;
    return port.code === undefined || port.code === ask.port % 256;
  }
  if (port.portName !== undefined) {
    const declared = destination.item?.ports?.[port.portName];
    return declared?.protocol === ask.protocol && declared.port === ask.port;
  }
  if (port.port === undefined) return true;
  return ask.port >= port.port && ask.port <= (port.endPort ?? port.port);
}
