import type { Kind } from '../../policies/model/index.ts';
import type { Random } from '../../bench/workloads/random.ts';
import type { Ask, RawDocument, RawExpression, RawGroup, RawPeer, RawPolicy, RawPort, RawRule } from './policy-oracle.ts';

/**
 * Policies such as suites for policy engines ask: each kind of selector, peer and service by itself, on either side, and then several at
 * once that overlap, in all tiers, with updates and relabelling between the questions. Everything is written as users write it.
 */

/** Documents of one transaction, and what was changed, for a failing test to say. */
export interface Step {
  readonly title: string;
  readonly put: readonly RawDocument[];
  readonly gone?: readonly { readonly kind: Kind; readonly tenant: string | undefined; readonly name: string }[];
}

const tenants = ['east', 'north', 'south'] as const;
const vms = ['a', 'b', 'c'] as const;

const block = (tenant: string): number => tenants.indexOf(tenant as (typeof tenants)[number]) + 1;

/** Addresses that no interface has. */
export const outsiders = ['192.0.2.7', '198.51.100.200', '2001:db8::7', '10.1.0.200', 'fd00:0:0:2::ffff'] as const;

export const asks: readonly Ask[] = [
  ...[0, 22, 79, 80, 81, 90, 443, 8080].map((port) => ({ protocol: 'tcp', port })),
  ...[53, 80, 81].map((port) => ({ protocol: 'udp', port })),
  ...[80, 3868].map((port) => ({ protocol: 'sctp', port })),
  ...[8 * 256, 3 * 256 + 4, 13 * 256].map((port) => ({ protocol: 'icmp', port })),
  ...[128 * 256, 2 * 256].map((port) => ({ protocol: 'icmpv6', port })),
];

const document = (kind: string, tenant: string | undefined, name: string, spec: unknown, labels?: Record<string, string>): RawDocument => ({
  kind,
  metadata: { name, ...(tenant === undefined ? {} : { tenant }), ...(labels === undefined ? {} : { labels }) },
  spec,
});

/** Three tenants of three VMs each on two hosts, joined by a router of the platform: nine ends that reach each other. */
export function furniture(): readonly RawDocument[] {
  return [
    document('Host', undefined, 'h1', { encapIp: '172.16.0.1' }),
    document('Host', undefined, 'h2', { encapIp: '172.16.0.2' }),
    ...tenants.flatMap((tenant) => [
      document('Tenant', undefined, tenant, { posture: 'zero-trust' }),
      document('Network', tenant, 'lan', { subnets: [{ cidr: `10.${block(tenant)}.0.0/24` }, { cidr: `fd00:0:0:${block(tenant)}::/64` }] }),
      ...groupNames.map((name) => document('Group', tenant, name, selectorGroups[name])),
      document('Group', tenant, 'blocks', cidrGroup),
      document('Service', tenant, 'mixed', { ports: mixedPorts }),
    ]),
    document('Router', undefined, 'exchange', { networks: tenants.map((tenant) => ({ tenant, network: 'lan' })) }),
    ...tenants.flatMap((tenant) => vms.map((vm) => virtualMachine(tenant, vm, labelsOf(tenant, vm)))),
    ...groupNames.map((name) =>
      document('Group', undefined, name, { ...selectorGroups[name], tenants: name === 'env-prod' ? ['east', 'south'] : 'all' }),
    ),
    document('Group', undefined, 'blocks', cidrGroup),
    document('Service', undefined, 'ssh', {
      ports: [
        { protocol: 'tcp', port: 22 },
        { protocol: 'tcp', port: 90 },
      ],
    }),
  ];
}

function labelsOf(tenant: string, vm: string): Record<string, string> {
  const env: Record<string, string> = vm === 'c' ? {} : { env: vm === 'a' ? 'prod' : 'test' };
  return { app: vm, ns: tenant, ...env };
}

function virtualMachine(tenant: string, vm: string, labels: Record<string, string>): RawDocument {
  const number = 11 + vms.indexOf(vm as (typeof vms)[number]);
  const ports = {
    a: { web: { protocol: 'tcp', port: 80 } },
    b: { web: { protocol: 'tcp', port: 8080 }, name: { protocol: 'udp', port: 53 } },
    c: {},
  }[vm];
  const item = {
    name: 'eth0',
    network: 'lan',
    addresses: [`10.${block(tenant)}.0.${number}`, `fd00:0:0:${block(tenant)}::${number}`],
    ports,
    // The interface's own label goes before its VM's.
    ...(tenant === 'south' && vm === 'b' ? { labels: { app: 'c', side: 'left' } } : {}),
  };
  return document('Vm', tenant, vm, { interfaces: [item], host: vm === 'c' ? 'h2' : 'h1', power: 'running' }, labels);
}

const selectorGroups: Readonly<Record<string, RawGroup>> = {
  everyone: { selector: {} },
  'app-a': { selector: { matchLabels: { app: 'a' } } },
  'env-prod': { selector: { matchLabels: { env: 'prod' } } },
  'app-in': { selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'b'] }] } },
  'env-not-in': { selector: { matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['prod'] }] } },
  'env-there': { selector: { matchExpressions: [{ key: 'env', operator: 'Exists' }] } },
  'env-absent': { selector: { matchExpressions: [{ key: 'env', operator: 'DoesNotExist' }] } },
  'by-system': {
    selector: {
      matchExpressions: [
        { key: 'weir.io/vm', operator: 'In', values: ['b'] },
        { key: 'weir.io/network', operator: 'Exists' },
      ],
    },
  },
  both: { selector: { matchLabels: { app: 'b' }, matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['prod', 'none'] }] } },
  nobody: { selector: { matchLabels: { app: 'a' }, matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] } },
  left: { selector: { matchLabels: { side: 'left' } } },
};
const groupNames = Object.keys(selectorGroups);
const cidrGroup: RawGroup = {
  cidrs: ['10.1.0.0/24', '10.2.0.8/29', 'fd00:0:0:2::/64', '192.0.2.0/24'],
  except: ['10.1.0.12/32', 'fd00:0:0:2::b/128'],
};
const mixedPorts: readonly RawPort[] = [
  { protocol: 'tcp', port: 79, endPort: 81 },
  { protocol: 'sctp', port: 3868 },
  { protocol: 'icmp', type: 3 },
  { protocol: 'tcp', portName: 'web' },
];

const services: Readonly<Record<string, readonly (string | RawPort)[] | undefined>> = {
  'every service': undefined,
  'one port': [{ protocol: 'tcp', port: 80 }],
  'all of TCP': [{ protocol: 'tcp' }],
  'all of UDP': [{ protocol: 'udp' }],
  'all of SCTP': [{ protocol: 'sctp' }],
  'a range': [{ protocol: 'tcp', port: 80, endPort: 443 }],
  'a range from the beginning': [{ protocol: 'tcp', port: 0, endPort: 79 }],
  'a range to the end': [{ protocol: 'tcp', port: 81, endPort: 65535 }],
  'ports of several protocols': [
    { protocol: 'tcp', port: 80 },
    { protocol: 'udp', port: 53 },
    { protocol: 'sctp', port: 80 },
  ],
  'ranges that overlap': [
    { protocol: 'tcp', port: 1, endPort: 80 },
    { protocol: 'tcp', port: 70, endPort: 90 },
  ],
  'a named port': [{ protocol: 'tcp', portName: 'web' }],
  'a named port of another protocol': [
    { protocol: 'udp', portName: 'web' },
    { protocol: 'udp', portName: 'name' },
  ],
  'a named port that nobody declares': [{ protocol: 'tcp', portName: 'nothing' }],
  'a named port and a number': [
    { protocol: 'tcp', portName: 'web' },
    { protocol: 'tcp', port: 22 },
  ],
  'all of ICMP': [{ protocol: 'icmp' }],
  'an ICMP type': [
    { protocol: 'icmp', type: 8 },
    { protocol: 'icmpv6', type: 128 },
  ],
  'an ICMP type and code': [
    { protocol: 'icmp', type: 3, code: 4 },
    { protocol: 'icmpv6', type: 2, code: 0 },
  ],
  profiles: ['https', 'dns'],
  'a service that the platform redefines': ['ssh'],
  'a profile beside a port': ['http', { protocol: 'udp', port: 81 }],
};

const peersOf = (tenant: string | undefined): Readonly<Record<string, readonly RawPeer[] | undefined>> => ({
  everybody: undefined,
  any: [{ any: true }],
  ...Object.fromEntries(groupNames.map((name) => [`the group ${name}`, [{ group: name }]])),
  'a group of CIDRs': [{ group: 'blocks' }],
  'a subnet': [{ cidr: '10.2.0.0/24' }],
  'a subnet less a part': [{ cidr: '10.0.0.0/8', except: ['10.1.0.0/29', '10.2.0.12/32', '10.3.0.0/24'] }],
  'all of IPv4': [{ cidr: '0.0.0.0/0' }],
  'all of IPv6': [{ cidr: '::/0' }],
  'all of IPv6 less a half': [{ cidr: '::/0', except: ['8000::/1', 'fd00:0:0:1::/64'] }],
  'one address': [{ cidr: '10.1.0.11/32' }],
  'several peers': [{ group: 'app-a' }, { cidr: '10.2.0.12/32' }, { cidr: 'fd00:0:0:3::/64' }, { group: 'env-absent' }],
  ...(tenant === undefined
    ? { 'a tenant’s group': [{ tenant: 'north', group: 'app-in' }], 'a tenant’s group of CIDRs': [{ tenant: 'south', group: 'blocks' }] }
    : { 'a group of the platform': [{ group: 'platform/app-in' }], 'a group of the platform for some': [{ group: 'platform/env-prod' }] }),
});

const appliesTos = (tenant: string | undefined): Readonly<Record<string, readonly string[] | undefined>> => ({
  all: undefined,
  ...Object.fromEntries(groupNames.map((name) => [`the group ${name}`, [name]])),
  'two groups': ['app-a', 'env-absent'],
  ...(tenant === undefined ? {} : { 'a group of the platform': ['platform/env-prod'], 'both kinds': ['platform/app-in', 'env-absent'] }),
});

const policy = (tenant: string | undefined, name: string, spec: RawPolicy): RawDocument => document('Policy', tenant, name, spec);
const gone = (tenant: string | undefined, ...names: readonly string[]): Step['gone'] =>
  names.map((name) => ({ kind: 'Policy', tenant, name }));

const ruled = (
  way: 'ingress' | 'egress',
  action: RawRule['action'],
  peers?: readonly RawPeer[],
  asked?: RawRule['services'],
): RawPolicy => ({
  [way]: [
    {
      action,
      ...(peers === undefined ? {} : { [way === 'ingress' ? 'from' : 'to']: peers }),
      ...(asked === undefined ? {} : { services: asked }),
    },
  ],
});

/** Each feature by itself: everything is allowed by the baseline but what one rule denies, or denied but what it allows. */
export function* singleSteps(): Generator<Step> {
  for (const way of ['ingress', 'egress'] as const) {
    for (const owner of ['north', undefined] as const) {
      const scene = (title: string, spec: RawPolicy): Step => ({
        title: `${owner ?? 'platform'}, ${way}: ${title}`,
        put: [policy(owner, 'probe', spec)],
      });
      for (const [title, groups] of Object.entries(appliesTos(owner)))
        yield scene(`applies to ${title}`, { ...ruled(way, 'deny'), ...(groups === undefined ? {} : { appliesTo: groups }) });
      for (const [title, peers] of Object.entries(peersOf(owner))) {
        yield scene(`deny ${title}`, ruled(way, 'deny', peers));
        yield scene(`reject ${title} on a range`, ruled(way, 'reject', peers, [{ protocol: 'tcp', port: 80, endPort: 90 }]));
      }
      for (const [title, asked] of Object.entries(services)) {
        yield scene(`deny ${title}`, ruled(way, 'deny', undefined, asked));
        yield scene(`deny ${title} of some`, {
          ...ruled(way, 'deny', [{ group: 'app-in' }, { cidr: '10.3.0.0/24' }], asked),
          appliesTo: ['env-there', 'env-absent'],
        });
      }
      yield { title: 'without', put: [], gone: gone(owner, 'probe') };
    }
  }
}

const pick = <T>(random: Random, record: Readonly<Record<string, T>>): T => {
  const [, value] = random.pick(Object.entries(record)) ?? [];
  return value as T;
};

function randomRule(random: Random, owner: string | undefined, way: 'ingress' | 'egress'): RawRule {
  const action = random.pick(['allow', 'allow', 'deny', 'reject', 'pass'] as const);
  const peers = random.chance(0.25)
    ? pick(random, peersOf(owner))
    : [...(pick(random, peersOf(owner)) ?? [{ any: true as const }]), ...(pick(random, peersOf(owner)) ?? [])];
  const asked = random.chance(0.7)
    ? pick(random, services)
    : [...(pick(random, services) ?? ['http']), ...(owner === undefined ? [] : ['mixed'])];
  return ruled(way, action, peers, asked)[way]?.[0] ?? { action };
}

function randomPolicy(random: Random, owner: string | undefined): RawPolicy {
  const rules = (way: 'ingress' | 'egress'): readonly RawRule[] =>
    Array.from({ length: random.integer(0, 3) }, () => randomRule(random, owner, way));
  const appliesTo = random.chance(0.4) ? undefined : pick(random, appliesTos(owner));
  return {
    ...(owner === undefined ? { tier: random.pick(['platform', 'baseline']) } : {}),
    ...(random.chance(0.3) ? {} : { order: random.pick([0, 10, 10, 20, 1000]) }),
    ...(appliesTo === undefined ? {} : { appliesTo }),
    ingress: rules('ingress'),
    egress: rules('egress'),
  };
}

function randomExpression(random: Random): RawExpression {
  const key = random.pick(['app', 'env', 'ns', 'weir.io/tenant']);
  const operator = random.pick(['In', 'NotIn', 'Exists', 'DoesNotExist']);
  return operator === 'In' || operator === 'NotIn'
    ? { key, operator, values: [random.pick(['a', 'b', 'prod', 'east']), 'c'] }
    : { key, operator };
}

/** Several policies at once, then one change after the other: rules, labels, groups, postures, services. */
export function* mixedSteps(random: Random, count: number): Generator<Step> {
  const names = ['m1', 'm2', 'm3'] as const;
  for (let step = 0; step < count; step++) {
    const tenant = random.pick(tenants);
    const owner = random.chance(0.35) ? undefined : tenant;
    const roll = random.next();
    if (roll < 0.55) yield { title: `step ${step}`, put: [policy(owner, random.pick(names), randomPolicy(random, owner))] };
    else if (roll < 0.75) {
      const vm = random.pick(vms);
      const labels = { app: random.pick(vms), ns: tenant, ...(random.chance(0.5) ? { env: random.pick(['prod', 'test']) } : {}) };
      yield { title: `step ${step}, labels`, put: [virtualMachine(tenant, vm, labels)] };
    } else if (roll < 0.85) {
      yield {
        title: `step ${step}, group`,
        put: [
          document('Group', owner, random.pick(['left', 'both']), {
            selector: { matchExpressions: [randomExpression(random), randomExpression(random)] },
          }),
        ],
      };
    } else if (roll < 0.92)
      yield {
        title: `step ${step}, posture`,
        put: [document('Tenant', undefined, tenant, { posture: random.pick(['open', 'zero-trust']) })],
      };
    else
      yield {
        title: `step ${step}, service`,
        put: [
          document('Service', tenant, 'mixed', {
            ports: [random.pick(mixedPorts), { protocol: 'udp', port: random.integer(50, 90), endPort: 90 }],
          }),
        ],
      };
  }
}

/** What the single steps stand on: rules that allow whatever the probe leaves alone. */
export const underlay = (): readonly RawDocument[] => [
  policy(undefined, 'floor', { tier: 'baseline', ingress: [{ action: 'allow' }], egress: [{ action: 'allow' }] }),
];
