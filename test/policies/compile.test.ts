import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { addressBits, formatPrefix, parsePrefix, prefixContains } from '../../src/base/addresses.ts';
import type { Family } from '../../src/base/addresses.ts';
import { groupKeysOf, guestMtu, prefixesOf, shapingOf } from '../../policies/index.ts';
import type { CidrClause, QosRule } from '../../policies/index.ts';
import { inGroup, nic, rule, SmallCloud } from './small-cloud.ts';

const texts = (...clauses: readonly CidrClause[]): readonly string[] => prefixesOf(clauses).map(formatPrefix);

test('blocks less their exceptions', () => {
  expect(texts({ cidrs: ['10.0.0.0/8'], except: [] })).toEqual(['10.0.0.0/8']);
  expect(texts({ cidrs: ['10.0.0.0/30'], except: ['10.0.0.1/32'] })).toEqual(['10.0.0.0/32', '10.0.0.2/31']);
  expect(texts({ cidrs: ['10.0.0.0/24'], except: ['10.0.0.0/16'] })).toEqual([]);
  expect(texts({ cidrs: ['10.0.0.0/25', '10.0.0.128/25'], except: [] })).toEqual(['10.0.0.0/24']);
  expect(texts({ cidrs: ['10.0.0.0/9'], except: [] }, { cidrs: ['10.128.0.0/9', '::/0'], except: [] })).toEqual(['10.0.0.0/8', '::/0']);
});

test('an exception counts for its own clause only, and for its own family', () => {
  expect(texts({ cidrs: ['10.0.0.0/24'], except: ['10.0.0.0/25'] }, { cidrs: ['10.0.0.0/26'], except: [] })).toEqual([
    '10.0.0.0/26',
    '10.0.0.128/25',
  ]);
  expect(texts({ cidrs: ['0.0.0.0/0', '::/0'], except: ['0.0.0.0/0'] })).toEqual(['::/0']);
});

test('one address out of all costs as many prefixes as it has bits', () => {
  expect(texts({ cidrs: ['::/0'], except: ['2001:db8::7/128'] })).toHaveLength(128);
  expect(texts({ cidrs: ['0.0.0.0/0'], except: ['192.0.2.7/32'] })).toHaveLength(32);
});

test('random blocks: the prefixes hold the same addresses, do not overlap and cannot be joined', () => {
  const random = new Random(5);
  const block = (family: Family): string => {
    const length = addressBits(family) - random.integer(0, 6);
    const value = (BigInt(random.integer(0, 63)) >> BigInt(addressBits(family) - length)) << BigInt(addressBits(family) - length);
    return formatPrefix({ family, value, length });
  };
  for (let round = 0; round < 300; round++) {
    const family = random.pick([4, 6]);
    const blocks = (most: number): readonly string[] => Array.from({ length: random.integer(0, most) }, () => block(family));
    const clauses = [
      { cidrs: blocks(3), except: blocks(2) },
      { cidrs: blocks(2), except: blocks(2) },
    ];
    const prefixes = prefixesOf(clauses);
    const holds = (list: readonly string[], value: bigint): boolean =>
      list.some((cidr) => prefixContains(parsePrefix(cidr), { family, value }));
    for (let value = 0n; value < 64n; value++) {
      const expected = clauses.some(({ cidrs, except }) => holds(cidrs, value) && !holds(except, value));
      expect(prefixes.filter((prefix) => prefixContains(prefix, { family, value })).length).toBe(expected ? 1 : 0);
    }
    const siblings = new Set(prefixes.map(({ value, length }) => `${value ^ (1n << BigInt(addressBits(family) - length))}/${length}`));
    expect(prefixes.some(({ value, length }) => siblings.has(`${value}/${length}`))).toBe(false);
  }
});

test('the guest MTU leaves room for the tunnel', () => {
  expect([guestMtu(1500, 4), guestMtu(1500, 6)]).toEqual([1450, 1430]);
});

const qos = (name: string, more: Partial<QosRule>): QosRule => ({
  name,
  appliesTo: undefined,
  egress: undefined,
  ingress: undefined,
  dscp: undefined,
  ...more,
});

test('the lowest rate holds with its burst, and the DSCP that comes first by name', () => {
  const all = { tenants: 'all', selector: { matchLabels: { tier: 'db' }, matchExpressions: [] } } as const;
  const rules = [
    qos('c', { egress: { maxMbps: 5, burstKb: 900 }, dscp: 46 }),
    qos('b', { egress: { maxMbps: 50 }, ingress: { maxMbps: 100 }, dscp: 10 }),
    qos('a', { egress: { maxMbps: 1 }, dscp: 8, appliesTo: [all] }),
  ];
  expect(shapingOf(rules, 'acme', {})).toEqual({
    egress: { maxKbps: 5000, burstKb: 900 },
    ingress: { maxKbps: 100_000, burstKb: 20_000 },
    dscp: 10,
  });
  expect(shapingOf(rules, 'acme', { tier: 'db' })).toMatchObject({ egress: { maxKbps: 1000, burstKb: 200 }, dscp: 8 });
  expect(shapingOf([], 'acme', {})).toEqual({ egress: undefined, ingress: undefined, dscp: undefined });
});

test('a tenant needs bits for the groups that its rules name, and for named ports that its domains declare', () => {
  const ports = (port: number): { readonly http: { readonly protocol: 'tcp'; readonly port: number } } => ({
    http: { protocol: 'tcp', port },
  });
  const world = new SmallCloud()
    .tenant('acme')
    .tenant('next')
    .network('acme', 'a', 1000, '10.0.0.0/24', '10.0.0.1')
    .network('next', 'n', 1001, '10.0.1.0/24', '10.0.1.1')
    .network('next', 'lone', 1002, '10.0.2.0/24', '10.0.2.1')
    .router(undefined, 'between', ['acme', 'a'], ['next', 'n'])
    .group('acme', 'web', {})
    .group('acme', 'unused', {})
    .group('next', 'web', {})
    .group(undefined, 'ours', {}, ['next'])
    .blocks('acme', 'office', ['192.0.2.0/24'])
    .policy('acme', 'p', {
      appliesTo: ['web'],
      ingress: [rule('allow', { peers: [inGroup('office')], services: [{ protocol: 'tcp', portName: 'http' }] })],
    })
    .policy(undefined, 'for-next', { appliesTo: ['ours'], egress: [rule('deny', { peers: [inGroup('web', 'acme')] })] })
    .vm('acme', 'v', undefined, {}, nic('a', '10.0.0.2', { ports: ports(80) }))
    .vm(
      'next',
      'w',
      undefined,
      {},
      nic('n', '10.0.1.2', { ports: ports(81) }),
      nic('lone', '10.0.2.2', { name: 'eth1', ports: ports(82) }),
    ).documents;
  expect([...groupKeysOf(world, 'acme')].toSorted()).toEqual(['port:http:tcp:80', 'port:http:tcp:81', 'web']);
  expect([...groupKeysOf(world, 'next')].toSorted()).toEqual(['acme/web', 'platform/ours']);
});
