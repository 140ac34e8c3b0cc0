import { MemoryDocuments } from '../../bench/workloads/documents.ts';
import type { Random } from '../../bench/workloads/random.ts';
import { formatAddress, parsePrefix } from '../../src/base/addresses.ts';
import type { Change, DocumentId } from '../../policies/index.ts';
import type { Document, Peer, Port, Rule, Schedule, Selector, VmInterface } from '../../policies/model/kinds.ts';

type DocumentOfKind<K extends Document['kind']> = Extract<Document, { kind: K }>;

const tenants = ['t0', 't1', 't2'] as const;
const hosts = ['h0', 'h1', 'h2', 'h3'] as const;
const networks = ['n0', 'n1', 'n2'] as const;
const keys = ['app', 'env'] as const;
const values = ['a', 'b', 'c'] as const;
const portNames = ['web', 'db'] as const;
const selectorGroups = ['g0', 'g1', 'g2'] as const;
const cidrGroup = 'blocks';
const services = ['s0', 'http', 'dns'] as const;
export const externals = ['192.0.2.7', '10.0.0.200', '198.51.100.1', '2001:db8:ffff::1', 'fd00:0:0:1::c8'] as const;

/**
 * A small cloud whose documents change at random, always into a state that admission would let pass: references stand,
 * subnets of one domain do not overlap, a network is in one router at most. Tenants' `n0` overlap and are never joined
 * across tenants.
 */
export class RandomCloud {
  readonly documents = new MemoryDocuments();
  private readonly random: Random;
  private serial = 0;

  constructor(random: Random) {
    this.random = random;
    for (const host of hosts) this.putHost(host);
    for (const tenant of tenants) this.makeTenant(tenant);
    for (const group of selectorGroups) this.putGroup(undefined, group);
    this.putGroup(undefined, cidrGroup);
    for (let count = 0; count < 40; count++) this.mutateOnce();
    this.documents.renumber();
  }

  /** One commit of one to four changes. */
  mutate(): Change {
    const count = this.random.integer(1, 4);
    const ids = Array.from({ length: count }, () => this.mutateOnce()).flat();
    return { documents: ids.map((id) => ({ id })), numbers: this.documents.renumber() };
  }

  private mutateOnce(): readonly DocumentId[] {
    const tenant = this.random.pick(tenants);
    const owner = this.random.chance(0.25) ? undefined : tenant;
    const exists = this.documents.get('Tenant', undefined, tenant) !== undefined;
    if (!exists) return this.makeTenant(tenant);
    const choices: readonly [number, () => readonly DocumentId[]][] = [
      [30, () => [this.putVm(tenant)]],
      [6, () => this.deleteAny('Vm', tenant)],
      [10, () => [this.putGroup(owner, this.random.pick([...selectorGroups, cidrGroup]))]],
      [12, () => [this.putPolicy(owner)]],
      [4, () => this.deleteAny('Policy', owner)],
      [5, () => [this.putService(owner)]],
      [3, () => this.deleteAny('Service', owner)],
      [5, () => [this.putQos(tenant)]],
      [2, () => this.deleteAny('QosPolicy', tenant)],
      [8, () => [this.putRouter(owner)]],
      [4, () => this.deleteAny('Router', owner)],
      [4, () => [this.putNetwork(tenant, this.random.pick(networks))]],
      [5, () => [this.putHost(this.random.pick(hosts))]],
      [1, () => this.deleteHost(this.random.pick(hosts))],
      [3, () => [this.putTenant(tenant)]],
      [3, () => this.turnView(tenant)],
      [1, () => this.deleteTenant(tenant)],
    ];
    let point = this.random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, act] of choices) if ((point -= weight) < 0) return act();
    return [];
  }

  private put<K extends Document['kind']>(
    kind: K,
    tenant: string | undefined,
    name: string,
    spec: DocumentOfKind<K>['spec'],
    labels: Record<string, string> = {},
  ): DocumentId {
    const uid = this.documents.get(kind, tenant, name)?.document.metadata.uid ?? `u${++this.serial}`;
    const metadata = { name, ...(tenant === undefined ? {} : { tenant }), labels, uid, createdAt: '2026-01-01T00:00:00Z' };
    return this.documents.put({ kind, metadata, spec } as Document);
  }

  private makeTenant(tenant: string): readonly DocumentId[] {
    return [
      this.putTenant(tenant),
      ...networks.map((network) => this.putNetwork(tenant, network)),
      ...[...selectorGroups, cidrGroup].map((group) => this.putGroup(tenant, group)),
    ];
  }

  private putTenant(tenant: string): DocumentId {
    return this.put('Tenant', undefined, tenant, { posture: this.random.pick(['zero-trust', 'open']), quotas: {} });
  }

  /** Its groups are told apart in the other way. */
  private turnView(tenant: string): readonly DocumentId[] {
    this.documents.turnView(tenant);
    return [];
  }

  /** With everything that is its own; what others joined with its networks is taken apart first. */
  private deleteTenant(tenant: string): readonly DocumentId[] {
    const gone: DocumentId[] = [];
    const names = (['Vm', 'Policy', 'QosPolicy', 'Group', 'Service', 'Router', 'Network'] as const).flatMap((kind) =>
      [...this.documents.list(kind, tenant)].map(({ document }) => ({ kind, tenant, name: document.metadata.name })),
    );
    for (const { document } of this.documents.list('Router')) {
      if (document.spec.networks.some((entry) => entry.tenant === tenant))
        gone.push({ kind: 'Router', tenant: document.metadata.tenant, name: document.metadata.name });
    }
    for (const { document } of this.documents.list('Vm')) {
      if (document.spec.interfaces.some((item) => item.network.startsWith(`${tenant}/`)))
        gone.push({ kind: 'Vm', tenant: document.metadata.tenant, name: document.metadata.name });
    }
    for (const { document } of this.documents.list('Policy')) {
      if (JSON.stringify(document.spec).includes(`"tenant":"${tenant}"`))
        gone.push({ kind: 'Policy', tenant: document.metadata.tenant, name: document.metadata.name });
    }
    gone.push(...names, { kind: 'Tenant', tenant: undefined, name: tenant });
    for (const id of gone) this.documents.delete(id);
    return gone;
  }

  private deleteAny(kind: 'Vm' | 'Policy' | 'Service' | 'QosPolicy' | 'Router', owner: string | undefined): readonly DocumentId[] {
    const all = [...this.documents.list(kind)].map(({ document }) => document).filter((document) => document.metadata.tenant === owner);
    const victim = this.random.pick(all);
    if (!victim) return [];
    const id = { kind, tenant: owner, name: victim.metadata.name };
    this.documents.delete(id);
    return [id];
  }

  private putHost(host: string): DocumentId {
    const encap = this.random.chance(0.8)
      ? { encapIp: `172.16.${this.random.integer(0, 1)}.${hosts.indexOf(host as (typeof hosts)[number]) + 1}` }
      : {};
    return this.put('Host', undefined, host, { schedulable: true, ...encap });
  }

  private deleteHost(host: string): readonly DocumentId[] {
    const id: DocumentId = { kind: 'Host', tenant: undefined, name: host };
    this.documents.delete(id);
    return [id];
  }

  private putNetwork(tenant: string, name: string): DocumentId {
    const before = this.documents.get('Network', tenant, name)?.document.spec;
    const t = tenants.indexOf(tenant as (typeof tenants)[number]);
    const n = networks.indexOf(name as (typeof networks)[number]);
    const block = n === 0 ? 0 : t * 3 + n;
    return this.put('Network', tenant, name, {
      vni: before?.vni ?? 1000 + ++this.serial,
      subnets: [
        { cidr: `10.0.${block}.0/24`, gateway: `10.0.${block}.${this.random.pick([1, 254])}`, dhcp: true, dns: [] },
        { cidr: `fd00:0:0:${block}::/64`, gateway: `fd00:0:0:${block}::1`, dhcp: true, dns: [] },
      ],
      broadcast: this.random.chance(0.5),
      isolation: this.random.chance(0.2) ? 'private' : 'none',
      sharedWith: n === 2 ? tenants.filter((other) => other !== tenant) : [],
    });
  }

  private labels(): Record<string, string> {
    return Object.fromEntries(keys.filter(() => this.random.chance(0.6)).map((key) => [key, this.random.pick(values)]));
  }

  private putVm(tenant: string): DocumentId {
    const name = `v${this.random.integer(0, 5)}`;
    const before = this.documents.get('Vm', tenant, name)?.document;
    const keep = before !== undefined && this.random.chance(0.6);
    const interfaces = keep ? before.spec.interfaces.map((item) => this.relabel(item)) : this.interfaces(tenant);
    const move = !keep || this.random.chance(0.4);
    return this.put(
      'Vm',
      tenant,
      name,
      {
        hypervisor: 'kvm',
        power: this.random.chance(0.85) ? 'running' : 'stopped',
        ...(move ? { host: this.random.pick(hosts) } : before.spec.host === undefined ? {} : { host: before.spec.host }),
        interfaces,
      },
      keep && this.random.chance(0.5) ? before.metadata.labels : this.labels(),
    );
  }

  private relabel(item: VmInterface): VmInterface {
    return this.random.chance(0.4) ? { ...item, labels: this.labels(), ports: this.ports() } : item;
  }

  private interfaces(tenant: string): readonly VmInterface[] {
    return Array.from({ length: this.random.integer(1, 2) }, (_, index): VmInterface => {
      const shared = tenants.filter((other) => other !== tenant && this.documents.get('Network', other, 'n2'));
      const network = shared.length > 0 && this.random.chance(0.2) ? `${this.random.pick(shared)}/n2` : this.random.pick(networks);
      const [owner, name] = network.includes('/') ? network.split('/') : [tenant, network];
      const subnets = this.documents.get('Network', owner, name ?? '')?.document.spec.subnets ?? [];
      const number = this.freeNumber(subnets[0]?.cidr ?? '', index);
      const addresses = subnets.filter(() => this.random.chance(0.8)).map(({ cidr }) => addressIn(cidr, number));
      return { name: `eth${index}`, network, mac: macOf(++this.serial), addresses, labels: this.labels(), ports: this.ports() };
    });
  }

  /** Of the numbers that no interface has in any network with these blocks, the lowest with the parity of the interface. */
  private freeNumber(cidr: string, parity: number): number {
    const taken = new Set(
      [...this.documents.list('Vm')].flatMap(({ document }) => document.spec.interfaces.flatMap((item) => item.addresses)),
    );
    let number = 10 + parity;
    while (taken.has(addressIn(cidr, number)) || taken.has(addressIn(cidr.replace(/^10\.0\.(\d+)\..*/, 'fd00:0:0:$1::/64'), number)))
      number += 2;
    return number;
  }

  private ports(): VmInterface['ports'] {
    return Object.fromEntries(
      portNames
        .filter(() => this.random.chance(0.4))
        .map((name) => [name, { protocol: this.random.pick(['tcp', 'udp']), port: this.random.pick([80, 443, 5432]) }]),
    );
  }

  private selector(): Selector {
    const key = (): string => this.random.pick([...keys, 'weir.io/network', 'weir.io/tenant', 'weir.io/vm', 'constructor']);
    const chosen = key();
    const valuesOf = (): readonly string[] => [this.random.pick([...values, 'n1', 't1', 'v2']), this.random.pick(values)];
    const operator = this.random.pick(['In', 'NotIn', 'Exists', 'DoesNotExist'] as const);
    return {
      matchLabels: this.random.chance(0.3) ? { [this.random.pick(keys)]: this.random.pick(values) } : {},
      matchExpressions: this.random.chance(0.6) ? [{ key: chosen, operator, values: operator.endsWith('In') ? valuesOf() : [] }] : [],
    };
  }

  private putGroup(owner: string | undefined, name: string): DocumentId {
    const present = tenants.filter((tenant) => this.documents.get('Tenant', undefined, tenant));
    const scope =
      owner === undefined ? { tenants: this.random.chance(0.5) ? ('all' as const) : present.filter(() => this.random.chance(0.6)) } : {};
    const members =
      name === cidrGroup ? { kind: 'cidrs' as const, ...this.blocks() } : { kind: 'selector' as const, selector: this.selector() };
    return this.put('Group', owner, name, { members, ...scope });
  }

  private blocks(): { readonly cidrs: readonly string[]; readonly except: readonly string[] } {
    return this.random.pick<{ readonly cidrs: readonly string[]; readonly except: readonly string[] }>([
      { cidrs: ['10.0.0.0/16'], except: ['10.0.1.0/24', '10.0.0.16/28'] },
      { cidrs: ['0.0.0.0/0', '::/0'], except: ['10.0.0.0/8'] },
      { cidrs: ['fd00::/32', '192.0.2.0/24'], except: ['fd00:0:0:1::/64'] },
      { cidrs: ['::/0'], except: ['fd00:0:0:1::8/128'] },
      { cidrs: ['192.0.2.0/25', '192.0.2.128/25', '10.0.2.0/23'], except: [] },
    ]);
  }

  private groupName(owner: string | undefined, withBlocks: boolean): string {
    const name = withBlocks && this.random.chance(0.2) ? cidrGroup : this.random.pick(selectorGroups);
    return owner !== undefined && this.random.chance(0.25) ? `platform/${name}` : name;
  }

  private peer(owner: string | undefined): Peer {
    const roll = this.random.next();
    if (roll < 0.1) return { kind: 'any' };
    if (roll < 0.4) {
      const { cidrs, except } = this.blocks();
      return { kind: 'cidr', cidr: cidrs[0] ?? '', except: cidrs.length === 1 ? except : [] };
    }
    const present = tenants.filter((tenant) => this.documents.get('Tenant', undefined, tenant));
    if (owner === undefined && this.random.chance(0.4))
      return { kind: 'group', group: this.random.pick(selectorGroups), tenant: this.random.pick(present) ?? 't0' };
    return { kind: 'group', group: this.groupName(owner, true) };
  }

  private port(): Port {
    const roll = this.random.next();
    if (roll < 0.2)
      return this.random.pick<Port>([{ protocol: 'icmp' }, { protocol: 'icmp', type: 8 }, { protocol: 'icmpv6', type: 128, code: 0 }]);
    const protocol = this.random.pick(['tcp', 'udp', 'sctp']);
    if (roll < 0.45) return { protocol, portName: this.random.pick(portNames) };
    return this.random.pick<Port>([{ protocol }, { protocol, port: 80 }, { protocol, port: 443 }, { protocol, port: 50, endPort: 500 }]);
  }

  private rule(owner: string | undefined): Rule {
    const some = <T>(make: () => T): readonly T[] => Array.from({ length: this.random.integer(1, 2) }, make);
    const service = (): string | Port => (this.random.chance(0.4) ? this.random.pick(['http', 'dns', 'ping']) : this.port());
    return {
      action: this.random.pick(['allow', 'allow', 'deny', 'reject', 'pass']),
      ...(this.random.chance(0.75) ? { peers: some(() => this.peer(owner)) } : {}),
      ...(this.random.chance(0.6) ? { services: some(service) } : {}),
      log: false,
    };
  }

  private putPolicy(owner: string | undefined): DocumentId {
    const rules = (): readonly Rule[] => Array.from({ length: this.random.integer(0, 3) }, () => this.rule(owner));
    return this.put('Policy', owner, `p${this.random.integer(0, 4)}`, {
      tier: owner === undefined ? this.random.pick(['platform', 'baseline']) : 'tenant',
      order: this.random.pick([10, 1000, 1000, 2000]),
      ...(this.random.chance(0.6) ? { appliesTo: [this.groupName(owner, false)] } : {}),
      ingress: rules(),
      egress: rules(),
    });
  }

  private putService(owner: string | undefined): DocumentId {
    return this.put('Service', owner, this.random.pick(services), { ports: [this.port(), this.port()] });
  }

  private putQos(tenant: string): DocumentId {
    return this.put('QosPolicy', tenant, `q${this.random.integer(0, 2)}`, {
      ...(this.random.chance(0.6) ? { appliesTo: [this.groupName(tenant, false)] } : {}),
      egress: { maxMbps: this.random.pick([1, 10, 100]) },
      ...(this.random.chance(0.5) ? { ingress: { maxMbps: 20, burstKb: 500 } } : {}),
      ...(this.random.chance(0.3) ? { dscp: this.random.pick([10, 46]) } : {}),
      ...(this.random.chance(0.3) ? { schedule: this.schedule() } : {}),
    });
  }

  private schedule(): Schedule {
    const days = (['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const).filter(() => this.random.chance(0.7));
    const hours = this.random.pick([
      { from: '02:00', to: '06:00' },
      { from: '22:30', to: '04:15' },
      { from: '00:00', to: '23:59' },
    ]) ?? { from: '00:00', to: '12:00' };
    return { ...hours, timezone: this.random.pick(['UTC', 'Europe/Berlin']), days };
  }

  private putRouter(owner: string | undefined): DocumentId {
    const name = `r${this.random.integer(0, 1)}`;
    const taken = new Set(
      [...this.documents.list('Router')]
        .filter(({ document: { metadata } }) => metadata.tenant !== owner || metadata.name !== name)
        .flatMap(({ document }) => document.spec.networks.map((entry) => `${entry.tenant}/${entry.network}`)),
    );
    const all = [...this.documents.list('Network')].map(({ document: { metadata } }) => ({
      tenant: metadata.tenant ?? '',
      network: metadata.name,
    }));
    const free = all.filter(
      (entry) => !taken.has(`${entry.tenant}/${entry.network}`) && (owner === undefined ? entry.network !== 'n0' : entry.tenant === owner),
    );
    return this.put('Router', owner, name, { networks: free.filter(() => this.random.chance(0.6)) });
  }
}

/** The address with that number in a block: of four octets, or of eight groups. */
/** In canonical text, as documents are stored. */
function addressIn(cidr: string, number: number): string {
  const { family, value } = parsePrefix(cidr);
  return formatAddress({ family, value: value + BigInt(number) });
}

function macOf(number: number): string {
  return `02:00:00:00:${((number >> 8) & 255).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
}
