import { describe, expect, test } from 'vitest';
import { renderBase, renderElement, renderPort, renderTunnelPort } from '../../flows/render/index.ts';
import { referenceCloud } from '../../bench/workloads/reference-cloud.ts';
import { createGraph } from '../../policies/index.ts';
import type { PolicyGraph } from '../../policies/index.ts';
import type { Element, ElementKey } from '../../policies/compiled.ts';
import { presentSpec, resolveName } from '../../policies/model/index.ts';
import { kinds } from '../../policies/model/parse.ts';
import type { Document, Kind } from '../../policies/model/index.ts';
import { flowsPerTenantMax } from '../../src/admission/budget.ts';
import type { Snapshot } from '../../src/admission/index.ts';
import { load } from '../../src/admission/load.ts';
import { Working } from '../../src/admission/working.ts';
import { document, openHarness, refused } from './harness.ts';
import type { Harness } from './harness.ts';
import { dice, firstDocuments, randomSubmission } from './requests.ts';

/** Everything that would be installed on a host whose ports are all plugged. */
function flowsOn(elements: ReadonlyMap<ElementKey, Element>): number {
  let count = renderBase().length + renderTunnelPort(1).length;
  for (const [key, element] of elements) {
    count += renderElement(key, element).length;
    if (element.kind === 'interface') count += renderPort(element, 2).length;
  }
  return count;
}

/** The bound that budget.ts states, from the tallies of a state that was loaded anew. */
async function boundsOf(harness: Harness, graph: PolicyGraph): Promise<ReadonlyMap<string, number>> {
  const working = new Working();
  for (const [key, cell] of (await load(harness.store)).cells) working.write(key, cell);
  const snapshot = harness.admission.snapshot();
  return new Map([...graph.hosts()].map((host) => [host, boundOn(graph.elements(host), snapshot, working)]));
}

function boundOn(elements: ReadonlyMap<ElementKey, Element>, snapshot: Snapshot, { tallies }: Working): number {
  const all = [...elements.values()];
  const interfaces = all.filter((element) => element.kind === 'interface');
  const identities = all.filter((element) => element.kind === 'identity');
  const lookers = new Set(interfaces.map((element) => element.tenant));
  const places = new Set(identities.map(({ domain, address }) => `${domain} ${address.value}`));
  const reached = tenantsReached(snapshot, all);
  const owned = [...reached].reduce((sum, tenant) => sum + tallies.of(tenant).flows, 0);
  return (
    renderBase().length + renderTunnelPort(1).length + owned + lookers.size * tallies.of(undefined).flows + identities.length - places.size
  );
}

/** Owners of the interfaces and networks that the host knows. */
function tenantsReached(snapshot: Snapshot, elements: readonly Element[]): ReadonlySet<string> {
  const vnis = new Set(elements.flatMap((element) => (element.kind === 'network' ? [element.vni] : [])));
  const tenants = new Set<string>();
  for (const { document: network } of snapshot.list('Network')) if (vnis.has(network.spec.vni)) tenants.add(network.metadata.tenant ?? '');
  for (const { document: vm } of snapshot.list('Vm')) {
    const networks = vm.spec.interfaces.map((entry) => resolveName(vm.metadata.tenant, entry.network));
    if (networks.some(({ tenant, name }) => vnis.has(snapshot.get('Network', tenant, name)?.document.spec.vni ?? 0)))
      tenants.add(vm.metadata.tenant ?? '');
  }
  return tenants;
}

describe('a host has no more flows than the budget says', () => {
  test.each(Array.from({ length: 8 }, (_, index) => index + 1))('in random clouds, seed %i', async (seed) => {
    const harness = await openHarness();
    await harness.apply(...firstDocuments);
    const roll = dice(seed);
    let compared = 0;
    for (let round = 0; round < 20; round++) {
      await Promise.allSettled(Array.from({ length: 20 }, () => harness.admission.submit(randomSubmission(roll))));
      const graph = createGraph();
      graph.load(harness.admission.snapshot());
      for (const [host, bound] of await boundsOf(harness, graph)) {
        expect(flowsOn(graph.elements(host)), `${host} after round ${round}`).toBeLessThanOrEqual(bound);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(20);
  });

  test('and not half as many, in a cloud as tenants have them', async () => {
    const harness = await openHarness();
    const { documents } = referenceCloud({ seed: 7, scale: 0.03, placement: 'packed' });
    const raws = kinds.flatMap((kind) => [...documents.list(kind)].map(({ document: stored }) => rawOf(stored)));
    await harness.apply(...raws);
    const graph = createGraph();
    graph.load(harness.admission.snapshot());
    for (const [host, bound] of await boundsOf(harness, graph)) {
      const flows = flowsOn(graph.elements(host));
      expect(flows).toBeGreaterThan(1000);
      expect([host, bound / flows < 2, bound >= flows]).toEqual([host, true, true]);
    }
  });

  test('and exactly as many, where one host holds all of a tenant that uses everything', async () => {
    const harness = await openHarness();
    await harness.apply(document('Tenant', undefined, 'acme', { posture: 'open' }), ...everything);
    const graph = createGraph();
    graph.load(harness.admission.snapshot());
    const bounds = await boundsOf(harness, graph);
    expect([...bounds]).toEqual([['h1', flowsOn(graph.elements('h1'))]]);
  });
});

describe('the budget', () => {
  const holed = Array.from({ length: 100 }, (_, index) => ({ cidr: '::/0', except: [`2001:db8::${index.toString(16)}/128`] }));
  const rulesWith = (count: number, rule: object): object => ({
    ingress: Array.from({ length: count }, () => ({ action: 'allow', ...rule })),
  });

  test('holds for the platform’s policies, for each tenant', async () => {
    const harness = await openHarness();
    const error = await refused(harness, () => harness.put('Policy', undefined, 'p', rulesWith(20, { from: holed })));
    expect([error.code, error.message]).toEqual([
      'flow-budget',
      `the rules of the platform would come to more than ${flowsPerTenantMax} flows on a host`,
    ]);
  });

  test('is what the platform says, be it less or more', async () => {
    const harness = await openHarness();
    const put = (flows: number | undefined) => harness.put('Tenant', undefined, 'acme', flows === undefined ? {} : { quotas: { flows } });
    const write = () => harness.put('Policy', 'acme', 'p', rulesWith(20, { from: holed }));
    for (const flows of [undefined, 10_000]) {
      await put(flows);
      expect((await refused(harness, write)).code).toBe('flow-budget');
    }
    await put(1_000_000);
    await write();
    expect(harness.admission.budget.usage('acme').flows).toMatchObject({ limit: 1_000_000 });
  });

  test('holds when a group of the platform grows that tenants name', async () => {
    const harness = await openHarness();
    await harness.put('Tenant', undefined, 'acme');
    await harness.put('Group', undefined, 'world', { cidrs: ['::/0'] });
    await harness.put('Policy', 'acme', 'p', rulesWith(1000, { from: [{ group: 'platform/world' }] }));
    const grown = { cidrs: ['::/0'], except: ['2001:db8::1/128', '2001:db8::2/128'] };
    const error = await refused(harness, () => harness.put('Group', undefined, 'world', grown));
    expect([error.code, error.message]).toEqual(['flow-budget', expect.stringContaining('the rules of tenant acme would come to')]);
  });

  test('holds when others declare what a tenant’s rules name, and tells them no more; its quota is its own affair', async () => {
    const harness = await openHarness();
    await harness.apply(
      document('Tenant', undefined, 'acme', { quotas: { flows: 2100 } }),
      document('Tenant', undefined, 'other'),
      document('Network', 'other', 'shared', { subnets: [{ cidr: '10.0.0.0/16' }], sharedWith: ['acme'] }),
      document('Vm', 'acme', 'a', { interfaces: [{ name: 'eth0', network: 'other/shared' }] }),
      document('Policy', 'acme', 'p', rulesWith(1000, { services: [{ protocol: 'tcp', portName: 'http' }] })),
      document('Policy', 'acme', 'q', rulesWith(1000, { services: [{ protocol: 'tcp', portName: 'http' }] })),
    );
    const declare = (vm: number) =>
      harness.put('Vm', 'other', `v${vm}`, {
        interfaces: Array.from({ length: 16 }, (_, index) => ({
          name: `eth${index}`,
          network: 'shared',
          ports: { http: port(1 + vm * 16 + index) },
        })),
      });
    for (let vm = 0; vm < 6; vm++) await declare(vm);
    const error = await refused(harness, () => declare(6));
    expect([error.code, error.message]).toEqual(['flow-budget', expect.stringContaining('the rules of another tenant would come to')]);
    expect((await refused(harness, () => harness.put('Network', 'acme', 'n'))).code).toBe('flow-budget');
  });
});

const rawOf = (stored: Document): object => {
  const { name, tenant, labels } = stored.metadata;
  return { kind: stored.kind, metadata: { name, labels, ...(tenant === undefined ? {} : { tenant }) }, spec: presentSpec(stored) };
};

const port = (number: number): object => ({ protocol: 'tcp', port: number });
const both = [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }];
const acme = (kind: Kind, name: string, spec: object): object => document(kind, 'acme', name, spec);

/** Every kind of flow that a tenant can be the reason for, and rules whose alternatives neither merge nor contradict each other. */
const everything: readonly object[] = [
  document('Host', undefined, 'h1', { encapIp: '192.0.2.1' }),
  acme('Network', 'plain', { subnets: both }),
  acme('Network', 'loud', { subnets: both, broadcast: true }),
  acme('Network', 'private', { subnets: both, isolation: 'private', broadcast: true }),
  acme('QosPolicy', 'rate', { egress: { maxMbps: 10 }, ingress: { maxMbps: 10 }, dscp: 10 }),
  ...['plain', 'loud', 'private'].map((network, index) =>
    acme('Vm', network, {
      host: 'h1',
      power: 'running',
      interfaces: [
        { name: 'eth0', network, ports: { http: port(80 + index), sql: port(1) } },
        { name: 'eth1', network: 'plain' },
      ],
    }),
  ),
  ...['a', 'b', 'c'].map((name) => acme('Group', name, { selector: {} })),
  acme('Group', 'nets', { cidrs: ['10.0.0.0/8', '192.0.2.0/24'], except: ['10.1.0.0/16'] }),
  acme('Service', 'two', { ports: [port(1), { protocol: 'udp', portName: 'http' }, { protocol: 'tcp', portName: 'http' }] }),
  acme('Policy', 'p', {
    appliesTo: ['a', 'b'],
    ingress: [
      { action: 'allow' },
      { action: 'deny', from: [{ any: true }, { group: 'a' }], services: [port(1), port(2)], log: true },
      { action: 'reject', from: [{ group: 'a' }, { group: 'b' }, { group: 'nets' }], services: ['two', { protocol: 'icmp' }] },
      { action: 'pass', from: [{ group: 'c' }], services: [{ protocol: 'tcp', port: 1, endPort: 65534 }, { protocol: 'sctp' }] },
    ],
    egress: [
      { action: 'allow', to: [{ cidr: '10.0.0.0/9', except: ['10.0.0.1/32'] }] },
      { action: 'deny', services: ['two'] },
    ],
  }),
  acme('Policy', 'q', { egress: [{ action: 'allow' }, { action: 'deny', to: [{ group: 'nets' }] }] }),
];
