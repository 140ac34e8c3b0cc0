import { describe, expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { renderElement } from '../../flows/render/index.ts';
import { createGraph } from '../../policies/index.ts';
import type { Element } from '../../policies/compiled.ts';
import { load } from '../../src/admission/load.ts';
import { Working } from '../../src/admission/working.ts';
import { document, openHarness, refused } from './harness.ts';
import type { Harness } from './harness.ts';

/** What is estimated of rules whose groups are told apart by sets. */

const groups = 140;
const rulesPerPolicy = 7;

async function openCloud(membersOf: (group: number) => object): Promise<Harness> {
  const harness = await openHarness();
  await harness.apply(
    document('Tenant', undefined, 'acme'),
    document('Tenant', undefined, 'other'),
    document('Network', 'acme', 'net', { subnets: [{ cidr: '10.0.0.0/16' }], sharedWith: ['other'] }),
    ...Array.from({ length: groups }, (_, group) => document('Group', 'acme', `g${group}`, { selector: membersOf(group) })),
  );
  for (const host of ['h1', 'h2']) await harness.register(host, host === 'h1' ? '192.0.2.1' : '192.0.2.2');
  return harness;
}

const vm = (tenant: string, name: string, host: string, labels: Readonly<Record<string, string>>, ports: object = {}): object => ({
  kind: 'Vm',
  metadata: { tenant, name, labels },
  spec: { host, power: 'running', interfaces: [{ name: 'eth0', network: tenant === 'acme' ? 'net' : 'acme/net', ports }] },
});

const rulesOf = (elements: Iterable<Element>): number =>
  [...elements].reduce((sum, element) => sum + (element.kind === 'rule' ? renderElement('', element).length : 0), 0);

/** The policies' part of the estimate, as admission holds it and as a state that is loaded anew counts it. */
async function estimates(harness: Harness): Promise<readonly [number, number]> {
  const names = [...harness.admission.snapshot().list('Policy', 'acme')].map(({ document: { metadata } }) => metadata.name);
  const held = names.reduce((sum, name) => sum + harness.admission.budget.flowsOf({ kind: 'Policy', tenant: 'acme', name }), 0);
  const working = new Working();
  for (const [key, cell] of (await load(harness.store)).cells) working.write(key, cell);
  return [held, names.reduce((sum, name) => sum + working.tallies.flowsOf(`doc/Policy/acme/${name}`), 0)];
}

function rendered(harness: Harness): readonly number[] {
  const graph = createGraph();
  graph.load(harness.admission.snapshot());
  return [...graph.hosts()].map((host) => rulesOf(graph.elements(host).values()));
}

describe('the estimate of a tenant with more than 128 groups', () => {
  test.each([1, 2, 3])('is never too low, whatever its members become, seed %i', async (seed) => {
    const random = new Random(seed);
    const [keys, values] = [
      ['app', 'env', 'zone'],
      ['a', 'b', 'c', 'd'],
    ];
    const labels = (): Record<string, string> => Object.fromEntries(keys.map((key) => [key, random.pick(values) ?? 'a']));
    const harness = await openCloud(() => ({ matchLabels: { [random.pick(keys) ?? '']: random.pick(values) } }));
    for (let policy = 0; policy < groups / rulesPerPolicy; policy++) {
      const rules = Array.from({ length: rulesPerPolicy }, (_, rule) => ({
        action: random.pick(['allow', 'deny', 'pass']),
        from: [{ group: `g${policy * rulesPerPolicy + rule}` }, { group: `g${random.integer(0, groups - 1)}` }],
        services: [
          { protocol: 'tcp', port: 80, endPort: 90 },
          random.chance(0.3) ? { protocol: 'tcp', portName: 'web' } : { protocol: 'udp' },
        ],
      }));
      const appliesTo = random.chance(0.7) ? { appliesTo: [`g${random.integer(0, groups - 1)}`] } : {};
      await harness.put('Policy', 'acme', `p${policy}`, { ...appliesTo, ingress: rules });
    }
    expect(harness.admission.snapshot().tenantNumbers('acme')?.view).toBe(1);
    for (let step = 0; step < 40; step++) {
      const tenant = random.chance(0.2) ? 'other' : 'acme';
      const name = `v${random.integer(0, 11)}`;
      const host = harness.admission.snapshot().get('Vm', tenant, name)?.document.spec.host ?? random.pick(['h1', 'h2']) ?? '';
      const ports = random.chance(0.4) ? { web: { protocol: 'tcp', port: random.pick([80, 8080]) } } : {};
      if (random.chance(0.15)) await harness.remove('Vm', tenant, name).catch(() => undefined);
      else await harness.apply(vm(tenant, name, host, labels(), ports));
      if (random.chance(0.1)) {
        const group = `g${random.integer(0, groups - 1)}`;
        await harness.put('Group', 'acme', group, { selector: { matchLabels: { [random.pick(keys) ?? '']: random.pick(values) } } });
      }
      const [held, anew] = await estimates(harness);
      expect(held).toBe(anew);
      for (const flows of rendered(harness)) expect(flows, `at step ${step}`).toBeLessThanOrEqual(held);
    }
    expect(Math.max(...rendered(harness))).toBeGreaterThan(100);
  });

  test('is exact where groups share no member and one host has one of each', async () => {
    const harness = await openCloud((group) => ({ matchLabels: { app: `a${group}` } }));
    await harness.apply(...Array.from({ length: groups }, (_, group) => vm('acme', `v${group}`, 'h1', { app: `a${group}` })));
    for (let group = 0; group < groups; group++)
      await harness.put('Policy', 'acme', `p${group}`, {
        appliesTo: [`g${group}`],
        ingress: [{ action: 'allow', from: [{ group: `g${(group + 1) % groups}` }] }],
      });
    expect(harness.admission.snapshot().tenantNumbers('acme')?.view).toBe(1);
    expect(await estimates(harness)).toEqual([2 * groups, 2 * groups]);
    expect(rendered(harness)).toEqual([2 * groups]);
    expect(harness.admission.budget.usage('acme').flows.used).toBeGreaterThan(2 * groups);
  });

  test('refuses the interface that would bring too many sets, with the figures and what would help', async () => {
    const harness = await openCloud((group) => ({ matchLabels: { [`g${group}`]: 'in' } }));
    await harness.put('Policy', 'acme', 'p', { ingress: [{ action: 'allow', from: [{ group: 'g0' }] }] });
    const names = Array.from({ length: groups }, (_, group) => ({ group: `g${group}` }));
    await harness.put('Policy', 'acme', 'all', { ingress: [{ action: 'deny', from: names }] });
    const { used } = harness.admission.budget.usage('acme').flows;
    await harness.put('Tenant', undefined, 'acme', { quotas: { flows: used + 20 } });
    // Its own flows, and one in each of the two rules.
    await harness.apply(vm('acme', 'first', 'h1', { g0: 'in' }));
    const error = await refused(harness, () => harness.apply(vm('acme', 'second', 'h1', { g0: 'in', g1: 'in' })));
    expect(error.code).toBe('flow-budget');
    expect(error.message).toContain(`may come to ${used + 20} flows`);
    expect(error.message).toContain('different set of groups');
  });
});
