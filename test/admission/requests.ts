import type { Submission, Write } from '../../src/admission/index.ts';
import type { Kind } from '../../policies/model/index.ts';
import { document } from './harness.ts';

/** Numbers from 0 up to a bound, the same for the same seed. */
export type Dice = (bound: number) => number;

export function dice(seed: number): Dice {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

const pick = <T>(roll: Dice, values: readonly [T, ...T[]]): T => values[roll(values.length)] ?? values[0];

const tenants = ['a', 'b', 'c'] as const;
const names = ['x', 'y', 'z'] as const;
const hosts = ['h1', 'h2', 'h3'] as const;

const maybe = <T>(roll: Dice, value: () => T): T | undefined => (roll(2) === 0 ? value() : undefined);

/** Leaves out what is undefined, as JSON does. */
const compact = (spec: object): object => Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));

const apps = ['web', 'db'] as const;
const portNames = ['http', 'sql'] as const;

/** Two names, two protocols, three numbers: enough for interfaces to agree and to differ. */
const declaredPorts = (roll: Dice): object =>
  Object.fromEntries(
    portNames.filter(() => roll(3) > 0).map((name) => [name, { protocol: pick(roll, ['tcp', 'tcp', 'udp']), port: 80 + roll(3) }]),
  );

const portOf = (roll: Dice): object =>
  pick<(protocol: string) => object>(roll, [
    (protocol) => ({ protocol, portName: pick(roll, portNames) }),
    (protocol) => ({ protocol, portName: pick(roll, portNames) }),
    (protocol) => ({ protocol, port: 79 + roll(4) }),
    (protocol) => ({ protocol, port: 79, endPort: 80 + roll(3) }),
    (protocol) => ({ protocol }),
    () => ({ protocol: 'icmp' }),
  ])(pick(roll, ['tcp', 'udp']));

const selectorOf = (roll: Dice): object =>
  pick<() => object>(roll, [
    () => ({}),
    () => ({ matchLabels: { app: pick(roll, apps) } }),
    () => ({ matchExpressions: [{ key: 'app', operator: 'NotIn', values: [pick(roll, apps)] }] }),
    () => ({ matchLabels: { 'weir.io/tenant': pick(roll, tenants) } }),
  ])();

const blocksOf = (roll: Dice): object =>
  pick(roll, [{ cidrs: ['10.0.0.0/8'] }, { cidrs: ['10.0.0.0/28', 'fd00::/16'], except: ['10.0.0.2/32', 'fd00:0:0:1::/64'] }]);

const cidrs = ['10.0.0.0/29', '10.0.0.8/29', '10.0.0.0/28', '10.1.0.0/28', 'fd00::/64', 'fd00:0:0:1::/126'] as const;

const specs: Readonly<Record<Exclude<Kind, 'Host'>, (roll: Dice, tenant: string | undefined) => object>> = {
  Tenant: (roll) => ({ posture: pick(roll, ['open', 'zero-trust']), quotas: compact({ vms: maybe(roll, () => 2 + roll(8)) }) }),
  Network: (roll) =>
    compact({
      vni: pick(roll, [undefined, undefined, null, 1000 + roll(8), 70_000]),
      subnets: [...new Set(Array.from({ length: roll(3) }, () => pick(roll, cidrs)))].map((cidr) => ({ cidr })),
      sharedWith: maybe(roll, () => [pick(roll, tenants)]),
    }),
  Router: (roll, tenant) => ({
    networks: [...new Set(Array.from({ length: roll(3) }, () => pick(roll, names)))].map((name) =>
      tenant === undefined ? { tenant: pick(roll, tenants), network: name } : name,
    ),
  }),
  Group: (roll, tenant) =>
    compact({
      ...(roll(4) === 0 ? blocksOf(roll) : { selector: selectorOf(roll) }),
      tenants: tenant === undefined ? maybe(roll, () => [pick(roll, tenants)]) : undefined,
    }),
  Service: (roll) => ({ ports: Array.from({ length: 1 + roll(2) }, () => portOf(roll)) }),
  Policy: (roll, tenant) =>
    compact({
      order: maybe(roll, () => roll(5)),
      tier: tenant === undefined ? maybe(roll, () => 'baseline') : undefined,
      appliesTo: maybe(roll, () => [groupName(roll, tenant)]),
      ingress: Array.from({ length: roll(4) }, () => ruleOf(roll, 'from', tenant)),
      egress: Array.from({ length: roll(3) }, () => ruleOf(roll, 'to', tenant)),
    }),
  Intent: (roll, tenant) => compact({ text: sentenceOf(roll, tenant), order: maybe(roll, () => 10 * roll(3)) }),
  QosPolicy: (roll) => ({ appliesTo: [pick(roll, names)], egress: { maxMbps: 1 + roll(9) } }),
  Vm: (roll, tenant) =>
    compact({
      power: pick(roll, [undefined, undefined, undefined, null, 'running', 'running', 'stopped']),
      host: pick(roll, [undefined, undefined, null, ...hosts]),
      interfaces: ['eth0', 'eth1'].slice(0, pick(roll, [0, 1, 1, 2])).map((name) => interfaceOf(roll, name, tenant)),
    }),
};

function interfaceOf(roll: Dice, name: string, tenant: string | undefined): object {
  const network = roll(5) === 0 ? `${pick(roll, tenants)}/${pick(roll, names)}` : pick(roll, names);
  return compact({
    name,
    network: network.startsWith(`${tenant}/`) ? network.slice(2) : network,
    mac: pick(roll, [undefined, undefined, undefined, null, `02:00:00:00:00:0${1 + roll(3)}`]),
    addresses: pick<readonly string[] | null | undefined>(roll, [undefined, undefined, undefined, null, [`10.0.0.${1 + roll(7)}`], []]),
    labels: maybe(roll, () => ({ app: pick(roll, apps) })),
    ports: roll(4) === 0 ? undefined : declaredPorts(roll),
  });
}

function sentenceOf(roll: Dice, tenant: string | undefined): string {
  const party = (): string =>
    pick(roll, [`group ${groupName(roll, tenant)}`, `app=${pick(roll, apps)}`, 'network x', 'anywhere', '10.0.0.0/28']);
  const service = pick(roll, ['everything', 'ssh', 'service x', 'tcp 80-90']);
  return pick(roll, [
    () => `${pick(roll, ['allow', 'deny', 'reject'])} ${service} from ${party()} to ${party()}`,
    () => `deny everything from ${party()} to ${party()} except ${service}`,
    () => `isolate ${party()} from ${party()}`,
    () => `isolate ${party()}`,
    () => `limit ${party()} to ${1 + roll(9)} Mbit/s between 02:00 and 06:00`,
  ])();
}

const groupName = (roll: Dice, tenant: string | undefined): string =>
  tenant !== undefined && roll(4) === 0 ? `platform/${pick(roll, names)}` : pick(roll, names);

function ruleOf(roll: Dice, side: 'from' | 'to', tenant: string | undefined): object {
  const peer = (): object => {
    if (roll(5) === 0) return { cidr: '10.0.0.0/28', except: ['10.0.0.4/30'] };
    return tenant === undefined && roll(2) === 0
      ? { tenant: pick(roll, tenants), group: pick(roll, names) }
      : { group: groupName(roll, tenant) };
  };
  return compact({
    action: pick(roll, ['allow', 'deny', 'pass']),
    [side]: maybe(roll, () => Array.from({ length: 1 + roll(2) }, peer)),
    services: maybe(roll, () =>
      Array.from({ length: 1 + roll(2) }, () => pick<unknown>(roll, [...names, 'ssh', portOf(roll), portOf(roll)])),
    ),
  });
}

const placed = [
  'Network',
  'Network',
  'Router',
  'Group',
  'Group',
  'Service',
  'Policy',
  'Policy',
  'Policy',
  'QosPolicy',
  'Intent',
  'Intent',
  'Intent',
  'Vm',
  'Vm',
  'Vm',
  'Vm',
] as const;

function ownerOf(roll: Dice, kind: Kind): string | undefined {
  const isEither = kind === 'Router' || kind === 'Group' || kind === 'Service' || kind === 'Policy' || kind === 'Intent';
  return isEither && roll(4) === 0 ? undefined : pick(roll, tenants);
}

function randomWrite(roll: Dice): Write {
  const verb = roll(24);
  const tenant = pick(roll, tenants);
  if (verb === 0) return { verb: 'register', kind: 'Host', name: pick(roll, hosts), encapIp: `192.0.2.${1 + roll(4)}` };
  if (verb <= 3) return { verb: 'start', kind: 'Vm', tenant, name: pick(roll, names), host: pick(roll, hosts) };
  if (verb === 4) return { verb: 'stop', kind: 'Vm', tenant, name: pick(roll, names) };
  if (verb === 5) return { verb: 'put', kind: 'Tenant', tenant: undefined, name: tenant, raw: { spec: specs.Tenant(roll, undefined) } };
  if (verb === 6)
    return { verb: 'delete', kind: pick(roll, ['Tenant', 'Host']), tenant: undefined, name: pick(roll, [...tenants, ...hosts]) };
  const kind = pick(roll, placed);
  const owner = ownerOf(roll, kind);
  if (verb <= 8) return { verb: 'delete', kind, tenant: owner, name: pick(roll, names) };
  const metadata = kind === 'Vm' ? { labels: { app: pick(roll, apps) } } : {};
  return { verb: 'put', kind, tenant: owner, name: pick(roll, names), raw: { metadata, spec: specs[kind](roll, owner) } };
}

/** Mostly sensible: enough is accepted to make a crowded little world, and enough is refused. */
export function randomSubmission(roll: Dice): Submission {
  const writes = Array.from({ length: roll(4) === 0 ? 1 + roll(4) : 1 }, () => randomWrite(roll));
  return { writes, ...(roll(12) === 0 ? { dryRun: true } : {}) };
}

/** Two interfaces, one of them in the shared network, that declare one name as different ports. */
function firstVm(tenant: string, name: string, number: number): object {
  const ports = { http: { protocol: 'tcp', port: 80 + (number % 3) } };
  const interfaces = [
    { name: 'eth0', network: name === 'z' ? 'x' : name, ports },
    { name: 'eth1', network: tenant === 'a' ? 'z' : 'a/z', ports },
  ];
  return document('Vm', tenant, name, { power: 'running', host: hosts[number % hosts.length], interfaces });
}

/** A world in which something can happen: `a/z` is shared by all tenants. */
export const firstDocuments: readonly object[] = [
  ...tenants.map((name) => document('Tenant', undefined, name)),
  ...[...tenants, undefined].flatMap((tenant) => names.map((name) => document('Group', tenant, name, { selector: {} }))),
  ...[...tenants, undefined].map((tenant) => document('Service', tenant, 'x', { ports: [{ protocol: 'tcp', portName: 'http' }] })),
  ...tenants.flatMap((tenant) =>
    ['x', 'y'].map((name) => document('Network', tenant, name, { subnets: [{ cidr: name === 'x' ? '10.0.0.0/29' : '10.1.0.0/28' }] })),
  ),
  document('Network', 'a', 'z', { subnets: [{ cidr: '10.2.0.0/28' }, { cidr: 'fd00:0:0:2::/64' }], sharedWith: ['b', 'c'] }),
  ...hosts.map((name, index) => document('Host', undefined, name, { encapIp: `192.0.2.1${index}` })),
  ...tenants.flatMap((tenant, index) => names.map((name, place) => firstVm(tenant, name, index * names.length + place))),
];
