import { expect, test } from 'vitest';
import { parseAddress, parsePrefix } from '../../src/base/addresses.ts';
import { createGraph } from '../../policies/index.ts';
import type { Element, ElementKind } from '../../policies/compiled.ts';
import { inGroup, nic, rule, SmallCloud } from './small-cloud.ts';

/**
 * acme: `a` and `b` behind a router, `lone` beside; two hosts with tunnels and one without.
 * h1: v1 in a. h2: v2 in b and v3 in lone. h3 (no tunnel address): v4 in a. v5 is stopped.
 */
function cloud(): SmallCloud {
  return new SmallCloud()
    .host('h1', '172.16.0.1')
    .host('h2', '172.16.0.2')
    .host('h3')
    .tenant('acme')
    .tenant('next', 'open')
    .network('acme', 'a', 1000, '10.0.0.0/24', '10.0.0.1')
    .network('acme', 'b', 1001, '10.0.1.0/24', '10.0.1.1')
    .network('acme', 'lone', 1002, '10.0.0.0/24', '10.0.0.254')
    .router('acme', 'r', ['acme', 'a'], ['acme', 'b'])
    .group('acme', 'web', { tier: 'web' })
    .blocks('acme', 'office', ['192.0.2.0/24'], ['192.0.2.0/25'])
    .policy('acme', 'p', {
      appliesTo: ['web'],
      ingress: [rule('allow', { peers: [inGroup('web'), inGroup('office')], services: ['http'] })],
    })
    .vm('acme', 'v1', 'h1', { tier: 'web' }, nic('a', '10.0.0.11', { mac: '02:00:00:00:00:01' }))
    .vm('acme', 'v2', 'h2', { tier: 'db' }, nic('b', '10.0.1.12', { mac: '02:00:00:00:00:02' }))
    .vm('acme', 'v3', 'h2', {}, nic('lone', '10.0.0.13', { mac: '02:00:00:00:00:03' }))
    .vm('acme', 'v4', 'h3', {}, nic('a', '10.0.0.14', { mac: '02:00:00:00:00:04' }))
    .vm('acme', 'v5', undefined, {}, nic('a', '10.0.0.15', { mac: '02:00:00:00:00:05' }));
}

function compiled(world: SmallCloud): (host: string, kind: ElementKind) => readonly Element[] {
  world.documents.renumber();
  const graph = createGraph();
  graph.load(world.documents);
  return (host, kind) =>
    [...graph.elements(host).values()].filter((element) => element.kind === kind).toSorted((a, b) => rank(a) - rank(b));
}

const rank = (element: Element): number => ('mac' in element ? element.mac : 'vni' in element ? element.vni : 0);
const domain = 2 ** 24;

test('a host has its interfaces, with a zone of their own', () => {
  const of = compiled(cloud());
  expect(of('h1', 'interface')).toEqual([
    {
      kind: 'interface',
      portId: 'acme-v1-eth0',
      zone: 1,
      tenant: 1,
      domain,
      vni: 1000,
      mac: 0x020000000001,
      addresses: [parseAddress('10.0.0.11')],
      groups: 1n,
      egress: undefined,
      ingress: undefined,
      dscp: undefined,
    },
  ]);
  expect(of('h2', 'interface')).toMatchObject([
    { portId: 'acme-v2-eth0', domain, groups: 0n, zone: 1 },
    { portId: 'acme-v3-eth0', domain: 1002, zone: 2 },
  ]);
});

test('networks of a domain come together, a lone one is a domain of its own', () => {
  const of = compiled(cloud());
  expect(of('h1', 'network')).toMatchObject([
    { vni: 1000, domain, gateways: [parseAddress('10.0.0.1')] },
    { vni: 1001, domain },
  ]);
  expect(of('h2', 'network')).toMatchObject([{ vni: 1000 }, { vni: 1001 }, { vni: 1002, domain: 1002 }]);
});

test('neighbours: where they are, and whether ARP for them can be asked here', () => {
  const of = compiled(cloud());
  const encap = (text: string): object => ({ kind: 'remote', encap: parseAddress(text) });
  expect(of('h1', 'neighbour')).toEqual([
    {
      kind: 'neighbour',
      vni: 1000,
      mac: 0x020000000001,
      addresses: [parseAddress('10.0.0.11')],
      at: { kind: 'local', zone: 1 },
      answered: true,
    },
    { kind: 'neighbour', vni: 1001, mac: 0x020000000002, addresses: [parseAddress('10.0.1.12')], at: encap('172.16.0.2'), answered: false },
  ]);
  expect(of('h3', 'neighbour')).toMatchObject([
    { mac: 0x020000000001, at: encap('172.16.0.1'), answered: true },
    { mac: 0x020000000002, at: encap('172.16.0.2'), answered: false },
    { mac: 0x020000000004, at: { kind: 'local' } },
  ]);
});

test('every running address of the domain is known, a stopped one is not', () => {
  const of = compiled(cloud());
  expect(of('h1', 'identity')).toMatchObject([
    { domain, tenant: 1, address: parseAddress('10.0.0.11'), groups: 1n, vni: 1000 },
    { domain, tenant: 1, address: parseAddress('10.0.1.12'), groups: 0n, vni: 1001 },
    { domain, tenant: 1, address: parseAddress('10.0.0.14'), groups: 0n, vni: 1000 },
  ]);
});

test('tunnels lead to the hosts of the same domains that have an address', () => {
  const of = compiled(cloud());
  expect(of('h1', 'tunnel')).toEqual([{ kind: 'tunnel', host: 'h2', encap: parseAddress('172.16.0.2') }]);
  expect(of('h3', 'tunnel')).toHaveLength(2);
});

test('tenants and their rules are on the hosts that have interfaces of theirs', () => {
  const world = cloud().policy(undefined, 'all', {
    egress: [rule('reject', { peers: [{ kind: 'any' }], services: [{ protocol: 'icmp', type: 8 }] })],
  });
  const of = compiled(world);
  expect(of('h1', 'tenant')).toEqual([{ kind: 'tenant', tenant: 1, posture: 'zero-trust' }]);
  const ids = world.documents.policyNumbers('acme', 'p')?.ingress[0];
  expect(of('h1', 'rule').toSorted((a, b) => (a.kind === 'rule' && b.kind === 'rule' ? a.tier.localeCompare(b.tier) : 0))).toEqual([
    {
      kind: 'rule',
      ...world.documents.policyNumbers(undefined, 'all')?.egress[0],
      tenant: 1,
      tier: 'platform',
      direction: 'egress',
      action: 'reject',
      local: undefined,
      peers: undefined,
      services: [{ protocol: 'icmp', type: 8, code: undefined }],
      log: false,
    },
    {
      kind: 'rule',
      ...ids,
      tenant: 1,
      tier: 'tenant',
      direction: 'ingress',
      action: 'allow',
      local: [0],
      peers: { groups: [0], prefixes: [parsePrefix('192.0.2.128/25')] },
      services: [{ protocol: 'tcp', ports: { first: 80, last: 80 } }],
      log: false,
    },
  ]);
  world.vm('next', 'w', 'h4', {}, nic('acme/lone', '10.0.0.40'));
  expect(compiled(world)('h4', 'tenant')).toEqual([{ kind: 'tenant', tenant: 2, posture: 'open' }]);
  expect(compiled(world)('h4', 'rule')).toMatchObject([{ tenant: 2, tier: 'platform' }]);
});

test('a platform policy binds only the tenants from which its groups select', () => {
  const world = cloud()
    .group(undefined, 'bastions', { role: 'bastion' }, ['next'])
    .policy(undefined, 'guard', { appliesTo: ['bastions'], ingress: [rule('deny')] });
  expect(compiled(world)('h1', 'rule')).toHaveLength(1);
  world.group(undefined, 'bastions', { role: 'bastion' }, ['acme']);
  expect(compiled(world)('h1', 'rule')).toMatchObject([{ tier: 'tenant' }, { tier: 'platform', local: [1] }]);
});

test('two tenants in one network see each address with their own numbers', () => {
  const world = cloud()
    .group('next', 'all', {})
    .policy('next', 'p', { ingress: [rule('allow', { peers: [inGroup('all')] })] })
    .vm('next', 'w', 'h2', { tier: 'web' }, nic('acme/lone', '10.0.0.40', { mac: '02:00:00:00:00:40' }));
  const lone = compiled(world)('h2', 'identity').filter((element) => element.kind === 'identity' && element.domain === 1002);
  expect(lone).toMatchObject([
    { tenant: 1, mac: 0x020000000003, groups: 0n },
    { tenant: 2, mac: 0x020000000003, groups: 0n },
    { tenant: 1, mac: 0x020000000040, groups: 0n },
    { tenant: 2, mac: 0x020000000040, groups: 1n },
  ]);
});
