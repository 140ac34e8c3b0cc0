import { expect, test } from 'vitest';
import { judge, readQuestion } from '../../policies/index.ts';
import type { Asked, Verdict } from '../../policies/index.ts';
import { inGroup, nic, rule, SmallCloud } from './small-cloud.ts';

const ports = { http: { protocol: 'tcp', port: 8080 } } as const;

/** Two VMs of one tenant in a network, a database beside them, and a tenant next door that shares the network `lan`. */
function cloud(): SmallCloud {
  return new SmallCloud()
    .tenant('acme')
    .tenant('next', 'open')
    .network('acme', 'lan', 1000, '10.0.0.0/24', '10.0.0.1')
    .network('acme', 'far', 1001, '10.0.0.0/24', '10.0.0.1')
    .group('acme', 'web', { tier: 'web' })
    .group('acme', 'db', { tier: 'db' })
    .group('next', 'web', { tier: 'web' })
    .vm('acme', 'web-1', 'h1', { tier: 'web' }, nic('lan', ['10.0.0.10', 'fd00::10']))
    .vm('acme', 'db-1', 'h1', { tier: 'db' }, nic('lan', ['10.0.0.20', 'fd00::20'], { ports }))
    .vm('acme', 'twice', 'h1', {}, nic('far', '10.0.0.10'), nic('lan', '10.0.0.30', { name: 'eth1' }))
    .vm('next', 'web-9', 'h1', { tier: 'web' }, nic('acme/lan', '10.0.0.90'));
}

function ask(world: SmallCloud, from: string, to: string, more: Partial<Asked> = {}): Verdict {
  return judge(
    world.documents,
    readQuestion(world.documents, 'acme', { from, to, protocol: 'tcp', ...('protocol' in more ? {} : { port: 80 }), ...more }),
  );
}

const allowAll = { egress: [rule('allow')] };

test('with no policy the posture decides, on each side its own tenant’s', () => {
  expect(ask(cloud(), 'web-1', 'db-1')).toEqual({
    verdict: 'deny',
    egress: { verdict: 'deny', tier: 'posture', tried: [] },
    ingress: { verdict: 'deny', tier: 'posture', tried: [] },
  });
  const { egress, ingress } = judge(
    cloud().documents,
    readQuestion(cloud().documents, undefined, { from: 'next/web-9', to: 'acme/web-1', protocol: 'udp', port: 1 }),
  );
  expect([egress?.verdict, ingress?.verdict]).toEqual(['allow', 'deny']);
});

test('both sides must allow, and the refusal met first is the verdict', () => {
  const world = cloud().policy('acme', 'out', allowAll);
  expect(ask(world, 'web-1', 'db-1').verdict).toBe('deny');
  world.policy('acme', 'in', { appliesTo: ['db'], ingress: [rule('allow', { peers: [inGroup('web')], services: ['http'] })] });
  expect(ask(world, 'web-1', 'db-1')).toMatchObject({ verdict: 'allow', ingress: { tier: 'tenant', policy: 'in', rule: 0 } });
  expect(ask(world, 'web-1', 'db-1', { port: 81 }).verdict).toBe('deny');
  expect(ask(world, 'twice', 'db-1').verdict).toBe('deny');
  world.policy('acme', 'in', { ingress: [rule('deny')] }).policy('acme', 'out', { egress: [rule('reject')] });
  expect(ask(world, 'web-1', 'db-1')).toMatchObject({ verdict: 'reject', ingress: { verdict: 'deny' } });
});

test('tiers go before order, order before names, rules as written', () => {
  const world = cloud()
    .policy(undefined, 'last', { tier: 'baseline', order: 0, egress: [rule('allow')] })
    .policy('acme', 'b', { order: 5, egress: [rule('reject')] })
    .policy('acme', 'a', { order: 5, egress: [rule('deny', { services: ['https'] }), rule('deny', { services: ['http'] }), rule('allow')] })
    .policy('acme', 'z', { order: 4, egress: [rule('allow', { services: ['ssh'] })] });
  expect(ask(world, 'web-1', 'db-1').egress).toEqual({
    verdict: 'deny',
    tier: 'tenant',
    policy: 'a',
    rule: 1,
    tried: [
      { tier: 'tenant', policy: 'z' },
      { tier: 'tenant', policy: 'a', rule: 1, action: 'deny' },
    ],
  });
  world.policy(undefined, 'first', { order: 65535, egress: [rule('reject')] });
  expect(ask(world, 'web-1', 'db-1').egress).toMatchObject({ verdict: 'reject', tier: 'platform', policy: 'first' });
});

test('pass leaves the tier, not only the policy', () => {
  const world = cloud()
    .policy('acme', 'a', { order: 1, egress: [rule('pass')] })
    .policy('acme', 'b', { order: 2, egress: [rule('allow')] });
  expect(ask(world, 'web-1', 'db-1').egress).toMatchObject({ verdict: 'deny', tier: 'posture', tried: [{ policy: 'a', action: 'pass' }] });
  world.policy(undefined, 'base', { tier: 'baseline', egress: [rule('reject')] });
  expect(ask(world, 'web-1', 'db-1').egress).toMatchObject({ verdict: 'reject', tier: 'baseline', policy: 'base' });
});

test('a CIDR matches the address of a VM as well, less the exceptions; an end outside has no verdict', () => {
  const world = cloud().policy('acme', 'out', {
    egress: [rule('allow', { peers: [{ kind: 'cidr', cidr: '10.0.0.0/24', except: ['10.0.0.20/32'] }] })],
  });
  expect(ask(world, 'web-1', 'db-1').egress?.verdict).toBe('deny');
  expect(ask(world, 'web-1', 'twice/eth1').egress?.verdict).toBe('allow');
  expect(ask(world, 'web-1', '10.0.0.99')).toMatchObject({ verdict: 'allow', ingress: null });
  expect(ask(world, '192.0.2.1', '192.0.2.2')).toEqual({ verdict: 'allow', egress: null, ingress: null });
  world
    .blocks('acme', 'office', ['192.0.2.0/24'], ['192.0.2.128/25'])
    .policy('acme', 'in', { ingress: [rule('allow', { peers: [inGroup('office')] })] });
  expect(ask(world, '192.0.2.1', 'db-1').verdict).toBe('allow');
  expect(ask(world, '192.0.2.200', 'db-1').verdict).toBe('deny');
});

test('a group of a tenant never has another tenant’s interface; the platform’s has those of the tenants it lists', () => {
  const world = cloud().policy('acme', 'in', { ingress: [rule('allow', { peers: [inGroup('web')] })] });
  const fromNext = (): string | undefined => ask(world, '10.0.0.90', 'db-1').ingress?.verdict;
  expect(fromNext()).toBe('deny');
  world
    .group(undefined, 'webs', { tier: 'web' }, ['acme'])
    .policy('acme', 'in', { ingress: [rule('allow', { peers: [inGroup('platform/webs')] })] });
  expect(fromNext()).toBe('deny');
  world.group(undefined, 'webs', { tier: 'web' }, 'all');
  expect(fromNext()).toBe('allow');
  world.policy('acme', 'in', {}).policy(undefined, 'by-tenant', { ingress: [rule('reject', { peers: [inGroup('web', 'next')] })] });
  expect(fromNext()).toBe('reject');
});

test('labels of the interface win over the VM’s, those of the system over both', () => {
  const world = cloud().policy('acme', 'out', { appliesTo: ['web'], ...allowAll });
  const asks = (labels: Record<string, string>, own: Record<string, string>): string | undefined =>
    ask(world.vm('acme', 'probe', 'h1', labels, nic('lan', '10.0.0.40', { labels: own })), 'probe', '192.0.2.1').verdict;
  expect(asks({ tier: 'web' }, {})).toBe('allow');
  expect(asks({ tier: 'web' }, { tier: 'db' })).toBe('deny');
  expect(asks({ tier: 'db' }, { tier: 'web' })).toBe('allow');
  world.group('acme', 'web', { 'weir.io/network': 'lan', 'weir.io/vm': 'probe', 'weir.io/interface': 'eth0', 'weir.io/tenant': 'acme' });
  expect(asks({ 'weir.io/network': 'far' }, { 'weir.io/vm': 'other' })).toBe('allow');
});

test('a port by name is the one that the destination declares', () => {
  const http = [{ protocol: 'tcp', portName: 'http' }] as const;
  const world = cloud().policy('acme', 'all', {
    egress: [rule('allow', { services: http })],
    ingress: [rule('allow', { services: http })],
  });
  expect(ask(world, 'web-1', 'db-1', { port: 8080 }).verdict).toBe('allow');
  expect(ask(world, 'web-1', 'db-1', { port: 80 }).verdict).toBe('deny');
  expect(ask(world, 'db-1', 'web-1', { port: 8080 }).verdict).toBe('deny');
  expect(ask(world, 'web-1', '192.0.2.1', { port: 8080 }).verdict).toBe('deny');
});

test('a service is the tenant’s, else the platform’s, else the profile', () => {
  const world = cloud().policy('acme', 'out', { egress: [rule('allow', { services: ['http'] })] });
  const open = (port: number): string | undefined => ask(world, 'web-1', '192.0.2.1', { port }).verdict;
  expect([open(80), open(8000)]).toEqual(['allow', 'deny']);
  world.put('Service', undefined, 'http', { ports: [{ protocol: 'tcp', port: 8000, endPort: 8010 }] });
  expect([open(80), open(8000), open(8010), open(8011)]).toEqual(['deny', 'allow', 'allow', 'deny']);
  world.put('Service', 'acme', 'http', { ports: [{ protocol: 'tcp', port: 80 }] });
  expect([open(80), open(8000)]).toEqual(['allow', 'deny']);
});

test('ICMP is told by type and code, and by family', () => {
  const world = cloud().policy('acme', 'out', { egress: [rule('allow', { services: ['ping', { protocol: 'icmp', type: 3 }] })] });
  const open = (more: Partial<Asked>, to = '192.0.2.1'): string => ask(world, 'web-1', to, more).verdict;
  expect(open({ protocol: 'icmp' })).toBe('allow');
  expect(open({ protocol: 'icmp', type: 3, code: 4 })).toBe('allow');
  expect(open({ protocol: 'icmp', type: 13 })).toBe('deny');
  expect(open({ protocol: 'icmpv6' }, '2001:db8::1')).toBe('allow');
  expect(open({ protocol: 'icmpv6', type: 3 }, '2001:db8::1')).toBe('deny');
});
