import type { Direction } from '../../policies/compiled.ts';
import type { Document, Port, Rule, VmInterface } from '../../policies/model/kinds.ts';
import { MemoryDocuments } from './documents.ts';
import { Random } from './random.ts';

/** A filter over five fields, of which Weir has four: the source port is any. Ports of ICMP are not looked at. */
export interface Filter {
  readonly source: Block;
  readonly destination: Block;
  /** A number, 0 for any. */
  readonly protocol: number;
  readonly ports: readonly [first: number, last: number];
  readonly action: 'allow' | 'deny';
  /** Egress filters are for the interfaces inside the source, ingress filters for those inside the destination. */
  readonly direction: Direction;
  /** Where it stands among the documents. */
  readonly policy: string;
  readonly rule: number;
}

/** An IPv4 prefix. */
export interface Block {
  readonly value: number;
  readonly length: number;
}

export type FilterKind = keyof typeof shapes;

export interface FilterCloud {
  readonly documents: MemoryDocuments;
  /** In the order in which they are judged. */
  readonly filters: readonly Filter[];
  /** Addresses of the interfaces inside a block. */
  readonly inside: (block: Block) => readonly number[];
  /** All of them. */
  readonly addresses: ReadonlySet<number>;
}

type Weights = readonly (readonly [what: readonly [low: number, high: number], weight: number])[];

interface Shape {
  readonly source: Weights;
  readonly destination: Weights;
  /** Distinct prefixes as a share of the filters. */
  readonly sources: number;
  readonly destinations: number;
  /** tcp, udp, icmp, any. */
  readonly protocols: readonly [number, number, number, number];
  /** The five classes of ports: any, 1024 and up, below 1024, a range, one. */
  readonly ports: readonly [wc: number, hi: number, lo: number, ar: number, em: number];
}

/**
 * The three kinds of filter sets that ClassBench models (Taylor and Turner, IEEE/ACM Transactions on Networking 15(3), 2007), rounded: access lists name hosts and
 * single ports, firewalls have many wildcards, IP chains lie between. Lengths of prefixes, ports by class and protocols by share; not the authors' seed files.
 */
const shapes = {
  acl: {
    source: [
      [[0, 0], 2],
      [[8, 15], 4],
      [[16, 23], 24],
      [[24, 24], 22],
      [[25, 31], 18],
      [[32, 32], 30],
    ],
    destination: [
      [[0, 0], 1],
      [[16, 23], 19],
      [[24, 24], 18],
      [[25, 31], 22],
      [[32, 32], 40],
    ],
    sources: 0.4,
    destinations: 0.1,
    protocols: [78, 12, 5, 5],
    ports: [12, 8, 1, 14, 65],
  },
  fw: {
    source: [
      [[0, 0], 35],
      [[8, 15], 10],
      [[16, 23], 15],
      [[24, 24], 10],
      [[25, 31], 10],
      [[32, 32], 20],
    ],
    destination: [
      [[0, 0], 25],
      [[8, 15], 5],
      [[16, 23], 15],
      [[24, 24], 10],
      [[25, 31], 10],
      [[32, 32], 35],
    ],
    sources: 0.2,
    destinations: 0.05,
    protocols: [60, 25, 5, 10],
    ports: [35, 12, 3, 15, 35],
  },
  ipc: {
    source: [
      [[0, 0], 8],
      [[8, 15], 8],
      [[16, 23], 24],
      [[24, 24], 15],
      [[25, 31], 15],
      [[32, 32], 30],
    ],
    destination: [
      [[0, 0], 8],
      [[8, 15], 4],
      [[16, 23], 20],
      [[24, 24], 15],
      [[25, 31], 13],
      [[32, 32], 40],
    ],
    sources: 0.3,
    destinations: 0.1,
    protocols: [52, 28, 8, 12],
    ports: [45, 8, 2, 8, 37],
  },
} as const satisfies Record<string, Shape>;

export const filterKinds = Object.keys(shapes) as readonly FilterKind[];
export const filterTenant = 'filters';
const createdAt = '2026-01-01T00:00:00Z';
const protocolNumbers = [6, 17, 1, 0] as const;
const everywhere: Block = { value: 0, length: 0 };

/**
 * Filters as policies of one tenant, every other one on the sender's side: the prefix of the side that judges is a group of the interfaces inside, the other prefix a CIDR,
 * ports a service. Neighbours for one group share a policy; `order` and name keep the filters in their order, the more specific first.
 */
export function classBench(options: { readonly seed: number; readonly kind: FilterKind; readonly rules: number }): FilterCloud {
  const random = new Random(options.seed);
  const shape: Shape = shapes[options.kind];
  const sources = blocks(random, shape.source, Math.ceil(options.rules * shape.sources), 0, 0);
  const destinations = blocks(random, shape.destination, Math.ceil(options.rules * shape.destinations), 10, 8);
  const drafts = filtersOf(random, shape, options.rules, sources, destinations);
  const documents = new MemoryDocuments();
  for (const document of framework()) documents.put(document);
  const filters = putPolicies(documents, drafts);
  const addresses = new Set<number>();
  for (const block of destinations) for (let count = 0; count < 2; count++) addresses.add(addressIn(random, block));
  for (const block of sources) if (block.length > 0) addresses.add(addressIn(random, block));
  const inside = putInterfaces(documents, addresses, [...sources, ...destinations]);
  documents.renumber();
  return { documents, filters, addresses, inside: (block) => inside.get(keyOf(block)) ?? [] };
}

const keyOf = ({ value, length }: Block): string => `${value}/${length}`;
const mask = (length: number): number => (length === 0 ? 0 : (-1 << (32 - length)) >>> 0);
const addressIn = (random: Random, { value, length }: Block): number =>
  (value | (Math.floor(random.next() * 2 ** 32) & ~mask(Math.max(8, length)))) >>> 0;
const within = (value: number, { value: base, length }: Block): boolean => (value & mask(length)) >>> 0 === base;
const groupName = ({ value, length }: Block): string => `b-${value.toString(16)}-${length}`;
const text = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

function weighted<T>(random: Random, choices: readonly (readonly [T, number])[]): T {
  let point = random.next() * choices.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [choice, weight] of choices) if ((point -= weight) < 0) return choice;
  return choices[0]![0];
}

/** Distinct prefixes, most of them inside another one. With a root of its own all lie in `root/8`; a length below is the whole. */
function blocks(random: Random, weights: Weights, count: number, root: number, rootLength: number): readonly Block[] {
  const found = new Map<string, Block>();
  for (let attempt = 0; found.size < count && attempt < count * 20; attempt++) {
    const [low, high] = weighted(random, weights);
    const length = high === 0 ? 0 : Math.max(rootLength, random.integer(low, high));
    const all = [...lastOf(found)];
    const parent = random.chance(0.6) ? all.find((block) => block.length > 0 && block.length < length) : undefined;
    const base = parent ?? { value: rootLength === 0 ? (random.integer(11, 60) << 24) >>> 0 : (root << 24) >>> 0, length: 8 };
    const noise = Math.floor(random.next() * 2 ** 32) >>> 0;
    const value = length === 0 ? 0 : ((base.value | (noise & ~mask(base.length))) & mask(length)) >>> 0;
    found.set(keyOf({ value, length }), { value, length });
    recent.set(found, [...lastOf(found).slice(-15), { value, length }]);
  }
  return [...found.values()];
}

/** The prefixes made last, in which others nest. */
const recent = new WeakMap<Map<string, Block>, readonly Block[]>();
const lastOf = (found: Map<string, Block>): readonly Block[] => recent.get(found) ?? [];

type Draft = Omit<Filter, 'policy' | 'rule'>;

function filtersOf(
  random: Random,
  shape: Shape,
  count: number,
  sources: readonly Block[],
  destinations: readonly Block[],
): readonly Draft[] {
  const bySourceLength = Map.groupBy(sources, ({ length }) => length);
  const byDestinationLength = Map.groupBy(destinations, ({ length }) => length);
  const drafts = new Map<string, Draft>();
  for (let attempt = 0; drafts.size < count && attempt < count * 20; attempt++) {
    const source = blockOf(random, shape.source, bySourceLength, sources);
    const destination = blockOf(random, shape.destination, byDestinationLength, destinations);
    const protocol = weighted(
      random,
      protocolNumbers.map((number, index) => [number, shape.protocols[index] ?? 0] as const),
    );
    const ports = protocol === 6 || protocol === 17 ? portsOf(random, shape) : ([0, 65_535] as const);
    const direction = random.chance(0.5) ? 'egress' : 'ingress';
    const draft: Draft = { source, destination, protocol, ports, action: random.chance(0.6) ? 'allow' : 'deny', direction };
    drafts.set(`${keyOf(source)} ${keyOf(destination)} ${protocol} ${ports.join()}`, draft);
  }
  const specific = ({ source, destination }: Draft): number => source.length + destination.length;
  return [...drafts.values()].toSorted((a, b) => specific(b) - specific(a));
}

/** Filters have prefixes of each length as often as the shape says, whatever number of distinct ones there are. */
function blockOf(random: Random, weights: Weights, byLength: ReadonlyMap<number, readonly Block[]>, all: readonly Block[]): Block {
  const [low, high] = weighted(random, weights);
  if (high === 0) return everywhere;
  return random.pick(byLength.get(random.integer(low, high)) ?? all) ?? everywhere;
}

const wellKnown = [22, 25, 53, 80, 110, 123, 143, 161, 389, 443, 445, 636, 993, 1433, 1521, 3306, 3389, 5060, 5432, 8080] as const;

function portsOf(random: Random, { ports: [wc, hi, lo, ar, em] }: Shape): readonly [number, number] {
  const first = random.integer(1, 60_000);
  return weighted<readonly [number, number]>(random, [
    [[0, 65_535], wc],
    [[1024, 65_535], hi],
    [[0, 1023], lo],
    [[first, first + random.integer(1, 2000)], ar],
    [random.chance(0.7) ? one(random.pick(wellKnown)) : one(random.integer(1, 65_535)), em],
  ]);
}

const one = (port: number): readonly [number, number] => [port, port];

function framework(): readonly Document[] {
  const metadata = (name: string) => ({ name, tenant: filterTenant, labels: {}, uid: name, createdAt });
  const subnets = [{ cidr: '0.0.0.0/2', gateway: '10.0.0.1', dhcp: true, dns: [] }];
  return [
    {
      kind: 'Tenant',
      metadata: { name: filterTenant, labels: {}, uid: filterTenant, createdAt },
      spec: { posture: 'zero-trust', quotas: {} },
    },
    { kind: 'Network', metadata: metadata('net'), spec: { vni: 1000, subnets, broadcast: false, isolation: 'none', sharedWith: [] } },
  ];
}

function putPolicies(documents: MemoryDocuments, drafts: readonly Draft[]): readonly Filter[] {
  const filters: Filter[] = [];
  let run: Draft[] = [];
  let policies = 0;
  const close = (): void => {
    const [first] = run;
    if (!first) return;
    const policy = `p-${String(policies).padStart(6, '0')}`;
    const local = localOf(first);
    const appliesTo = local.length === 0 ? {} : { appliesTo: [groupName(local)] };
    const rules = { egress: [], ingress: [], [first.direction]: run.map(ruleOf) };
    documents.put({
      kind: 'Policy',
      metadata: { name: policy, tenant: filterTenant, labels: {}, uid: policy, createdAt },
      spec: { tier: 'tenant', order: Math.floor(policies++ / 2), ...appliesTo, ...rules },
    });
    for (const [rule, draft] of run.entries()) filters.push({ ...draft, policy, rule });
    run = [];
  };
  for (const draft of drafts) {
    const isApart = run[0] && (run[0].direction !== draft.direction || localOf(run[0]) !== localOf(draft));
    if (isApart || run.length === 100) close();
    run.push(draft);
  }
  close();
  return filters;
}

const localOf = ({ direction, source, destination }: Draft): Block => (direction === 'egress' ? source : destination);

function ruleOf({ direction, source, destination, protocol, ports: [first, last], action }: Draft): Rule {
  const { value, length } = direction === 'egress' ? destination : source;
  const peers = length === 0 ? {} : { peers: [{ kind: 'cidr' as const, cidr: `${text(value)}/${length}`, except: [] }] };
  return { action, ...peers, ...(protocol !== 0 && { services: [portOf(protocol, first, last)] }), log: false };
}

function portOf(number: number, first: number, last: number): Port {
  if (number === 1) return { protocol: 'icmp' };
  const protocol = number === 6 ? 'tcp' : 'udp';
  if (first === 0 && last === 65_535) return { protocol };
  return first === last ? { protocol, port: first } : { protocol, port: first, endPort: last };
}

/** The interfaces, with a label for every block that they are in, and the groups. */
function putInterfaces(
  documents: MemoryDocuments,
  addresses: ReadonlySet<number>,
  blocksUsed: readonly Block[],
): ReadonlyMap<string, readonly number[]> {
  const inside = new Map<string, number[]>([[keyOf(everywhere), []]]);
  for (const block of blocksUsed) {
    inside.set(keyOf(block), []);
    const selector = { matchLabels: { [groupName(block)]: 'in' }, matchExpressions: [] };
    const metadata = { name: groupName(block), tenant: filterTenant, labels: {}, uid: groupName(block), createdAt };
    if (block.length > 0) documents.put({ kind: 'Group', metadata, spec: { members: { kind: 'selector', selector } } });
  }
  const known = Map.groupBy(blocksUsed, ({ length }) => length);
  const lengths = [...known.keys()];
  const keys = new Set(blocksUsed.map(keyOf));
  for (const address of addresses) {
    const around = lengths
      .map((length) => ({ value: (address & mask(length)) >>> 0, length }))
      .filter((block) => keys.has(keyOf(block)) && within(address, block));
    for (const block of around) inside.get(keyOf(block))?.push(address);
    if (!around.some(({ length }) => length === 0)) inside.get(keyOf(everywhere))?.push(address);
    documents.put(
      vmDocument(
        address,
        around.filter(({ length }) => length > 0),
      ),
    );
  }
  return inside;
}

function vmDocument(address: number, around: readonly Block[]): Document {
  const name = `vm-${address.toString(16)}`;
  const mac = `02:00:${[24, 16, 8, 0].map((shift) => ((address >>> shift) & 255).toString(16).padStart(2, '0')).join(':')}`;
  const labels = Object.fromEntries(around.map((block) => [groupName(block), 'in']));
  const item: VmInterface = { name: 'eth0', network: 'net', mac, addresses: [text(address)], labels: {}, ports: {} };
  return {
    kind: 'Vm',
    metadata: { name, tenant: filterTenant, labels, uid: name, createdAt },
    spec: { hypervisor: 'kvm', power: 'stopped', interfaces: [item] },
  };
}
