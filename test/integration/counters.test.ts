import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectTcp, listenTcp, ping, startLab, transferTcp } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import type { CountedRule, RulesAnswer } from '../../src/api/schema/rules.ts';
import { RunningWeir } from '../support/running-weir.ts';
import { settled, settleSoon } from '../support/settled.ts';
import { until } from '../support/weir-client.ts';

/** What rules count, after real packets between guests of one host (`a`, `b`) and of two (`a`, `c`), and what becomes of it when something dies. */

const directory = mkdtempSync(join(tmpdir(), 'weir-counters-'));
let lab: Lab;
let weir: RunningWeir;
const guests = new Map<string, Guest>();
const guest = (name: string): Guest => guests.get(name) ?? expect.unreachable(`no guest ${name}`);
const addressOf = (name: string): string => guest(name).interfaces[0]?.addresses[0]?.address ?? '';

beforeAll(async () => {
  lab = await startLab({ hosts: 2, directory, managers: [] });
  weir = await RunningWeir.start();
  await settleSoon(lab);
  for (const host of ['hv1', 'hv2']) await lab.host(host).join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`]);
  await until(async () => (await weir.host('hv1'))?.connected && (await weir.host('hv2'))?.connected);
  const vm = (name: string): object => ({
    kind: 'Vm',
    metadata: { name, tenant: 'acme', labels: { app: 'all' } },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] },
  });
  await weir.must('POST', '/v1/apply', [
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'zero-trust' } },
    { kind: 'Network', metadata: { name: 'net', tenant: 'acme' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
    { kind: 'Group', metadata: { name: 'all', tenant: 'acme' }, spec: { selector: { matchLabels: { app: 'all' } } } },
    policyOf('p', [
      { action: 'allow', from: [{ group: 'all' }], services: [{ protocol: 'icmp' }] },
      { action: 'allow', from: [{ group: 'all' }], services: [{ protocol: 'tcp', port: 80, endPort: 99 }, { protocol: 'udp' }] },
      { action: 'deny', services: [{ protocol: 'tcp', port: 23 }] },
      { action: 'allow', services: [{ protocol: 'sctp' }] },
    ]),
    ...['a', 'b', 'c'].map(vm),
  ]);
  for (const [name, host] of [
    ['a', 'hv1'],
    ['b', 'hv1'],
    ['c', 'hv2'],
  ] as const) {
    await weir.must('POST', `/v1/tenants/acme/vms/${name}/start?wait=realized`, { host });
    guests.set(name, await weir.plug(lab, 'acme', name));
  }
});

afterAll(async () => {
  await lab.close();
  await weir.stop();
  rmSync(directory, { recursive: true, force: true });
});

function policyOf(name: string, ingress: readonly object[]): object {
  const egress = [{ action: 'allow', to: [{ group: 'all' }] }];
  return { kind: 'Policy', metadata: { name, tenant: 'acme' }, spec: { tier: 'tenant', order: 10, appliesTo: ['all'], ingress, egress } };
}

const settle = (): Promise<unknown> => Promise.all(['hv1', 'hv2'].map((host) => settled(lab, host)));

/** Rules by direction and place, after the datapaths have handed in what they counted. */
async function counted(query = ''): Promise<ReadonlyMap<string, CountedRule>> {
  await settle();
  const { items } = await weir.must<RulesAnswer>('GET', `/v1/tenants/acme/rules?refresh=true${query}`);
  return new Map(items.map((rule) => [`${rule.direction} ${rule.rule}`, rule]));
}

/** What each rule counts while something happens. */
async function growth(doing: () => Promise<unknown>) {
  const before = await counted();
  await doing();
  const after = await counted();
  const rules = [...after].map(([place, { packets, bytes, connections }]) => {
    const first = before.get(place);
    return [
      place,
      {
        packets: packets - (first?.packets ?? 0),
        bytes: bytes - (first?.bytes ?? 0),
        connections: connections - (first?.connections ?? 0),
      },
    ] as const;
  });
  return new Map(rules);
}

const pings = async (from: string, to: string, count: number): Promise<void> => {
  const { missing } = await ping(lab, guest(from), addressOf(to), { count, intervalMs: 20 });
  expect(missing).toEqual([]);
};

test.each(['b', 'c'])('pings from a to %s: requests and replies on both sides, one connection', async (to) => {
  const grown = await growth(() => pings('a', to, 10));
  const both = { packets: 20, bytes: 20 * 98, connections: 1 };
  expect(grown.get('ingress 0')).toEqual(both);
  expect(grown.get('egress 0')).toEqual(both);
  for (const other of ['ingress 1', 'ingress 2', 'ingress 3']) expect(grown.get(other)).toEqual({ packets: 0, bytes: 0, connections: 0 });
});

test('a transfer counts all its bytes, connections are those that were made, refused ones those of the rule that refuses', async () => {
  const listener = await listenTcp(lab, guest('c'), 80, 'digest');
  const echo = await listenTcp(lab, guest('b'), 90);
  const bytes = 3_000_000;
  const transfer = await growth(() => transferTcp(lab, guest('a'), { address: addressOf('c'), port: 80 }, bytes));
  expect(transfer.get('ingress 1')?.connections).toBe(1);
  expect(transfer.get('ingress 1')?.bytes).toBeGreaterThan(bytes);
  expect(transfer.get('ingress 1')?.bytes).toBeLessThan(bytes * 1.2);
  const made = await growth(async () => {
    for (let n = 0; n < 7; n++) await connectTcp(lab, guest('a'), { address: addressOf('b'), port: 90 });
  });
  expect(made.get('ingress 1')?.connections).toBe(7);
  expect(made.get('egress 0')?.connections).toBe(7);
  const refused = await growth(() => connectTcp(lab, guest('a'), { address: addressOf('b'), port: 23 }, 300));
  expect(refused.get('ingress 2')?.packets).toBeGreaterThan(0);
  expect(refused.get('ingress 2')?.connections).toBe(refused.get('ingress 2')?.packets);
  await listener.stop();
  await echo.stop();
});

test('a policy tells its sums in lists and its rules when it is read; explain has live counters', async () => {
  type Answer = { readonly status: { readonly counters: CountedRule; readonly rules?: { readonly ingress: readonly CountedRule[] } } };
  const { items } = await weir.must<{ items: readonly Answer[] }>('GET', '/v1/tenants/acme/policies');
  const single = await weir.must<Answer>('GET', '/v1/tenants/acme/policies/p');
  expect(items[0]?.status.rules).toBeUndefined();
  expect(single.status.rules?.ingress).toHaveLength(4);
  expect(single.status.counters.packets).toBeGreaterThan(40);
  expect(single.status.counters.flows).toBeGreaterThan(10);
  expect(Date.now() - Date.parse(single.status.counters.lastHit ?? '')).toBeLessThan(60_000);
  const question = { from: 'a', to: 'b', protocol: 'icmp' };
  type Explained = { readonly hosts: readonly { readonly flows: readonly { readonly element: string; readonly packets?: number }[] }[] };
  const { hosts } = await weir.must<Explained>('POST', '/v1/tenants/acme/explain', question);
  const ruleFlows = hosts.flatMap(({ flows }) => flows.filter(({ element, packets }) => element.startsWith('rule/') && (packets ?? 0) > 0));
  expect(ruleFlows.length).toBeGreaterThan(0);
});

test('the controller goes and comes: nothing is counted twice, and what passed meanwhile is counted', async () => {
  const grown = await growth(async () => {
    await weir.pause();
    await pings('a', 'b', 5);
    await weir.resume();
    await until(async () => (await weir.host('hv1'))?.connected && (await weir.host('hv2'))?.connected);
  });
  expect(grown.get('ingress 0')).toEqual({ packets: 10, bytes: 980, connections: 1 });
  expect(grown.get('ingress 1')).toEqual({ packets: 0, bytes: 0, connections: 0 });
  expect(weir.events('counters-lost')).toEqual([]);
});

test.each(['beside the controller', 'while the controller is away'])(
  'vswitchd starts again, %s: sums stay and grow by what passes',
  async (when) => {
    const before = await counted();
    const away = when !== 'beside the controller';
    if (away) await weir.pause();
    await lab.restartVswitchd('hv1', 'kill');
    if (away) await weir.resume();
    // No more than what a new connection takes until the port forwards again.
    await until(async () => (await ping(lab, guest('a'), '10.0.0.1', { count: 1, timeoutMs: 200 })).received === 1);
    await until(async () => (await weir.vm('acme', 'b')).status.phase === 'active');
    await pings('a', 'b', 200);
    const after = await counted();
    const packets = (rules: ReadonlyMap<string, CountedRule>): number => rules.get('ingress 0')?.packets ?? NaN;
    expect(packets(after) - packets(before)).toBe(400);
    expect(after.get('ingress 1')?.bytes).toBe(before.get('ingress 1')?.bytes);
  },
);

test('a VM that moves takes nothing away; a rule that changes begins anew, the others go on', async () => {
  const before = await counted();
  await lab.unplugGuest(guest('b'));
  await weir.must('POST', '/v1/tenants/acme/vms/b/stop?wait=realized');
  await weir.must('POST', '/v1/tenants/acme/vms/b/start?wait=realized', { host: 'hv2' });
  guests.set('b', await weir.plug(lab, 'acme', 'b'));
  await settle();
  await pings('a', 'b', 10);
  const after = await counted();
  expect((after.get('ingress 0')?.packets ?? 0) - (before.get('ingress 0')?.packets ?? 0)).toBe(20);
  const changed = policyOf('p', [
    { action: 'allow', from: [{ group: 'all' }], services: [{ protocol: 'icmp' }] },
    { action: 'allow', from: [{ group: 'all' }], services: [{ protocol: 'tcp', port: 81 }] },
    { action: 'allow', services: [{ protocol: 'sctp' }] },
  ]);
  await weir.must('PUT', '/v1/tenants/acme/policies/p?wait=realized', changed);
  const anew = await counted();
  expect(anew.get('ingress 0')?.packets).toBe(after.get('ingress 0')?.packets);
  expect(anew.get('ingress 1')).toMatchObject({ packets: 0, bytes: 0, connections: 0, lastHit: null });
  const unused = await counted('&unusedDays=1');
  expect([...unused].map(([place, { usage }]) => [place, usage])).toEqual([
    ['ingress 1', 'too-young'],
    ['ingress 2', 'too-young'],
  ]);
  await weir.must('DELETE', '/v1/tenants/acme/policies/p?wait=realized');
  expect((await counted()).size).toBe(0);
});
