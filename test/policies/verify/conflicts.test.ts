import { expect, test } from 'vitest';
import { Random } from '../../../bench/workloads/random.ts';
import { Verification } from '../../../policies/verify/index.ts';
import type { PolicyFindings, RuleName } from '../../../policies/verify/index.ts';
import { RandomCloud } from '../random-cloud.ts';
import { inGroup, rule, SmallCloud } from '../small-cloud.ts';

const settled = (verification: Verification): Verification => {
  for (const _ of verification.work());
  return verification;
};

const found = (cloud: SmallCloud): PolicyFindings => settled(new Verification(cloud.documents)).ofOwner(null, 100);
const short = ({ policy, direction, rule: index }: RuleName): string => `${policy}/${direction}/${index}`;
const shadows = (findings: PolicyFindings): readonly string[] =>
  findings.shadowed.items.map(
    ({ rule: name, kind, by, basis }) => `${short(name)} ${kind} by ${by.map(short).join(' ')}${basis === 'members' ? ' at present' : ''}`,
  );
const conflicts = (findings: PolicyFindings): readonly string[] =>
  findings.conflicts.items.map(
    ({ first, second, decidedBy, basis }) => `${short(first)} ${short(second)} by ${decidedBy}${basis === 'members' ? ' at present' : ''}`,
  );

const cloud = (): SmallCloud =>
  new SmallCloud()
    .tenant('acme')
    .group('acme', 'web', { app: 'web' })
    .group('acme', 'db', { app: 'db' })
    .group('acme', 'production', { env: 'production' })
    .group('acme', 'web-production', { app: 'web', env: 'production' });

test('what a wider rule decides before is shadowed, or redundant when it says the same', () => {
  const findings = found(
    cloud()
      .policy('acme', 'a', { order: 1, ingress: [rule('deny', { peers: [inGroup('web')] })] })
      .policy('acme', 'b', { order: 2, ingress: [rule('allow', { peers: [inGroup('web-production')], services: ['http'] })] })
      .policy('acme', 'c', {
        order: 3,
        ingress: [rule('deny', { peers: [inGroup('web')], services: ['ssh'] }), rule('deny', { peers: [inGroup('db')] })],
      }),
  );
  expect(shadows(findings)).toEqual(['b/ingress/0 shadowed by a/ingress/0', 'c/ingress/0 redundant by a/ingress/0']);
  expect(conflicts(findings)).toEqual([]);
});

test('several rules shadow one together: by services, by blocks, by selectors', () => {
  const findings = found(
    cloud()
      .put('Group', 'acme', 'no-env', {
        members: {
          kind: 'selector',
          selector: { matchLabels: {}, matchExpressions: [{ key: 'env', operator: 'DoesNotExist', values: [] }] },
        },
      })
      .put('Group', 'acme', 'any-env', {
        members: { kind: 'selector', selector: { matchLabels: {}, matchExpressions: [{ key: 'env', operator: 'Exists', values: [] }] } },
      })
      .policy('acme', 'a', {
        order: 1,
        appliesTo: ['any-env', 'no-env'],
        ingress: [
          rule('allow', { services: [{ protocol: 'tcp', port: 0, endPort: 1000 }] }),
          rule('deny', { services: [{ protocol: 'tcp', port: 900, endPort: 65535 }] }),
        ],
        egress: [
          rule('deny', { peers: [{ kind: 'cidr', cidr: '10.0.0.0/9', except: [] }] }),
          rule('deny', { peers: [{ kind: 'cidr', cidr: '10.128.0.0/9', except: ['10.129.0.0/16'] }] }),
          rule('deny', { peers: [{ kind: 'cidr', cidr: '10.128.0.0/15', except: [] }] }),
        ],
      })
      .policy('acme', 'b', {
        order: 2,
        ingress: [rule('allow', { services: [{ protocol: 'tcp' }] })],
        egress: [rule('deny', { peers: [{ kind: 'cidr', cidr: '10.0.0.0/8', except: [] }] })],
      }),
  );
  expect(shadows(findings)).toEqual([
    'b/egress/0 redundant by a/egress/0 a/egress/1 a/egress/2',
    'b/ingress/0 shadowed by a/ingress/0 a/ingress/1',
  ]);
});

test('the platform tier goes first, and who passes there comes through', () => {
  const base = () =>
    cloud()
      .policy('acme', 'own', { ingress: [rule('allow', { peers: [inGroup('web')], services: ['http'] })] })
      .policy(undefined, 'wall', { order: 10, ingress: [rule('deny', { services: [{ protocol: 'tcp' }] })] });
  expect(shadows(found(base()))).toEqual(['own/ingress/0 shadowed by wall/ingress/0']);
  const passing = base().policy(undefined, 'door', { order: 5, ingress: [rule('pass', { services: [{ protocol: 'tcp', port: 80 }] })] });
  expect(shadows(found(passing))).toEqual([]);
  const elsewhere = base().policy(undefined, 'door', { order: 5, ingress: [rule('pass', { services: [{ protocol: 'tcp', port: 81 }] })] });
  expect(shadows(found(elsewhere))).toEqual(['own/ingress/0 shadowed by wall/ingress/0']);
  // Nobody knows which number the name stands for: it may be 80.
  const named = base().policy(undefined, 'door', {
    order: 5,
    ingress: [rule('pass', { services: [{ protocol: 'tcp', portName: 'web' }] })],
  });
  expect(shadows(found(named))).toEqual([]);
});

test('rules that cross are conflicts; an exception before what it is cut out of is none', () => {
  const findings = found(
    cloud()
      .policy('acme', 'a', {
        order: 1,
        appliesTo: ['web'],
        ingress: [rule('allow', { services: [{ protocol: 'tcp', port: 1, endPort: 100 }] })],
      })
      .policy('acme', 'b', {
        order: 2,
        appliesTo: ['production'],
        ingress: [rule('deny', { services: [{ protocol: 'tcp', port: 50, endPort: 150 }] })],
      })
      .policy('acme', 'c', { order: 3, ingress: [rule('deny')] }),
  );
  expect(conflicts(findings)).toEqual(['a/ingress/0 b/ingress/0 by order']);
});

test('of equal order only the name decides', () => {
  const findings = found(
    cloud()
      .policy('acme', 'b', { ingress: [rule('deny', { peers: [inGroup('web')] })] })
      .policy('acme', 'a', { ingress: [rule('allow', { peers: [inGroup('web-production')] })] }),
  );
  expect(conflicts(findings)).toEqual(['a/ingress/0 b/ingress/0 by name']);
  expect(findings.conflicts.count).toBe(1);
});

test('a group is compared with a block by the addresses of its present members', () => {
  const base = cloud()
    .policy('acme', 'a', { order: 1, ingress: [rule('deny', { peers: [{ kind: 'cidr', cidr: '10.0.0.0/24', except: [] }] })] })
    .policy('acme', 'b', { order: 2, ingress: [rule('allow', { peers: [inGroup('web')] })] });
  const nic = (address: string) => ({ name: 'eth0', network: 'n', mac: '02:00:00:00:00:01', addresses: [address], labels: {}, ports: {} });
  expect(found(base).shadowed.count + found(base).conflicts.count).toBe(0);
  const verification = settled(new Verification(base.documents));
  base.vm('acme', 'v1', 'h', { app: 'web' }, nic('10.0.0.7'));
  verification.update({ documents: [{ id: { kind: 'Vm', tenant: 'acme', name: 'v1' } }], numbers: [] }, base.documents);
  const inside = settled(verification).ofPolicy('acme', 'b', 10);
  expect(shadows(inside)).toEqual(['b/ingress/0 shadowed by a/ingress/0 at present']);
  expect(conflicts(inside)).toEqual(['a/ingress/0 b/ingress/0 by order at present']);
  base.vm('acme', 'v2', 'h', { app: 'web' }, nic('10.0.1.7'));
  verification.update({ documents: [{ id: { kind: 'Vm', tenant: 'acme', name: 'v2' } }], numbers: [] }, base.documents);
  expect(shadows(settled(verification).ofPolicy('acme', 'b', 10))).toEqual([]);
});

test('in one policy the first rule decides, and that is no conflict', () => {
  const ssh = { peers: [inGroup('web')], services: ['ssh'] };
  const findings = found(
    cloud()
      .policy('acme', 'a', { ingress: [rule('allow', ssh), rule('deny', ssh)] })
      .policy('acme', 'b', { order: 2000, ingress: [rule('pass', { services: ['http'] }), rule('deny', { services: ['http'] })] }),
  );
  expect(shadows(findings)).toEqual(['a/ingress/1 shadowed by a/ingress/0', 'b/ingress/1 shadowed by b/ingress/0']);
  expect(conflicts(findings)).toEqual([]);
});

test('a policy of the platform over chosen tenants shadows theirs, and the baseline of all only when it is over all', () => {
  const base = (tenants: 'all' | readonly string[]) =>
    new SmallCloud()
      .tenant('acme')
      .tenant('other')
      .group(undefined, 'chosen', {}, tenants)
      .policy(undefined, 'wall', { appliesTo: ['chosen'], ingress: [rule('deny')] })
      .policy('acme', 'own', { ingress: [rule('allow')] })
      .policy('other', 'own', { ingress: [rule('reject')] })
      .policy(undefined, 'floor', { tier: 'baseline', ingress: [rule('allow', { services: ['dns'] })] });
  expect(shadows(found(base(['acme'])))).toEqual(['own/ingress/0 shadowed by wall/ingress/0']);
  expect(shadows(found(base('all')))).toEqual([
    'floor/ingress/0 shadowed by wall/ingress/0',
    'own/ingress/0 shadowed by wall/ingress/0',
    'own/ingress/0 shadowed by wall/ingress/0',
  ]);
  // Tiers go before each other: nobody has to choose between them.
  expect(conflicts(found(base('all')))).toEqual([]);
});

test('ICMP is of its family, and blocks of IPv6 are compared as blocks', () => {
  const block = (cidr: string, except: readonly string[] = []) => ({ peers: [{ kind: 'cidr' as const, cidr, except }] });
  const findings = found(
    cloud()
      .policy('acme', 'a', {
        order: 1,
        ingress: [
          rule('deny', { ...block('0.0.0.0/0'), services: [{ protocol: 'icmp', type: 8 }] }),
          rule('deny', block('2001:db8::/33')),
          rule('deny', block('2001:db8:8000::/33', ['2001:db8:ffff::/48'])),
        ],
      })
      .policy('acme', 'b', {
        order: 2,
        ingress: [
          rule('allow', { services: [{ protocol: 'icmp', type: 8, code: 0 }] }),
          rule('allow', { services: [{ protocol: 'icmp' }] }),
          rule('allow', { services: [{ protocol: 'icmpv6', type: 128 }] }),
          rule('allow', block('2001:db8:1::/48')),
          rule('allow', block('2001:db8::/32')),
          rule('allow', block('2001:db8:ffff::/48')),
        ],
      }),
  );
  expect(shadows(findings)).toEqual([
    'b/ingress/0 shadowed by a/ingress/0',
    'b/ingress/3 shadowed by a/ingress/1',
    'b/ingress/5 redundant by b/ingress/4',
  ]);
  expect(conflicts(findings)).toEqual(['a/ingress/1 b/ingress/2 by order', 'a/ingress/2 b/ingress/2 by order']);
});

test('kept up to date it finds what is found anew', () => {
  for (let round = 0; round < 12; round++) {
    const seed = 7000 + round;
    const random = new RandomCloud(new Random(seed));
    const kept = settled(new Verification(random.documents));
    for (let step = 0; step < 60; step++) {
      kept.update(random.mutate(), random.documents);
      if (step % 3 === 1) kept.work().next();
      if (step % 3 !== 2) continue;
      const fresh = settled(new Verification(random.documents));
      expect(settled(kept).ofOwner(null, 1000), `seed ${seed}, step ${step}`).toEqual(fresh.ofOwner(null, 1000));
      for (const { document } of random.documents.list('Policy')) {
        const { tenant, name } = document.metadata;
        expect(kept.ofPolicy(tenant, name, 50), `seed ${seed}, step ${step}`).toEqual(fresh.ofPolicy(tenant, name, 50));
      }
    }
  }
});
