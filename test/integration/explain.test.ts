import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ping, startLab } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import type { Explanation } from '../../src/inquiry/ports.ts';
import { RunningWeir } from '../support/running-weir.ts';
import { settled, settleSoon } from '../support/settled.ts';
import { until } from '../support/weir-client.ts';

/** What `explain` says, beside what real packets do. */

const directory = mkdtempSync(join(tmpdir(), 'weir-explain-'));
let lab: Lab;
let weir: RunningWeir;
let web: Guest;
let db: Guest;

const echo = { from: 'web', to: 'db', protocol: 'icmp' } as const;
const ask = (question: object): Promise<Explanation> => weir.must<Explanation>('POST', '/v1/tenants/acme/explain', question);
const codes = async (question: object): Promise<readonly string[]> => (await ask(question)).blockers.map(({ code }) => code);
const addressOf = (guest: Guest): string => guest.interfaces[0]?.addresses[0]?.address ?? '';
const received = async (count: number): Promise<number> =>
  (await ping(lab, web, addressOf(db), { count, intervalMs: 20, timeoutMs: 500 })).received;
const settle = (): Promise<unknown> => Promise.all(['hv1', 'hv2'].map((host) => settled(lab, host)));
const allow = { spec: { ingress: [{ action: 'allow', services: [{ protocol: 'icmp' }] }], egress: [{ action: 'allow' }] } };
const deny = { spec: { ingress: [{ action: 'deny', services: [{ protocol: 'icmp' }] }], egress: [{ action: 'allow' }] } };
const policy = '/v1/tenants/acme/policies/ping?wait=realized';

beforeAll(async () => {
  lab = await startLab({ hosts: 2, directory, managers: [] });
  weir = await RunningWeir.start();
  await settleSoon(lab);
  await Promise.all(['hv1', 'hv2'].map((host) => lab.host(host).join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`])));
  await until(async () => (await weir.host('hv1'))?.connected && (await weir.host('hv2'))?.connected);
  const vm = (name: string, network: string): object => ({
    kind: 'Vm',
    metadata: { name, tenant: 'acme' },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network }] },
  });
  const network = (name: string, cidr: string): object => ({
    kind: 'Network',
    metadata: { name, tenant: 'acme' },
    spec: { subnets: [{ cidr }] },
  });
  await weir.must('POST', '/v1/apply', [
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: {} },
    network('front', '10.0.1.0/24'),
    network('back', '10.0.2.0/24'),
    { kind: 'Router', metadata: { name: 'main', tenant: 'acme' }, spec: { networks: ['front', 'back'] } },
    vm('web', 'front'),
    vm('db', 'back'),
    vm('late', 'back'),
  ]);
  await weir.must('PUT', policy, allow);
  await weir.must('POST', '/v1/tenants/acme/vms/web/start', { host: 'hv1' });
  await weir.must('POST', '/v1/tenants/acme/vms/db/start', { host: 'hv2' });
  web = await weir.plug(lab, 'acme', 'web');
  db = await weir.plug(lab, 'acme', 'db');
});

afterAll(async () => {
  await lab.close();
  await weir.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('what passes is said to pass, over the router and the tunnel, by flows that stand on the switches', async () => {
  expect(await received(3)).toBe(3);
  const answer = await ask(echo);
  const encaps = await Promise.all(['hv1', 'hv2'].map(async (host) => (await weir.host(host))?.encapIp));
  expect(answer).toMatchObject({
    passes: true,
    summary: 'allowed, and it passes',
    blockers: [],
    ingress: { policy: 'ping', rule: 0, words: 'allow icmp from anyone' },
    path: { router: 'acme/main', hosts: ['hv1', 'hv2'], tunnel: { from: encaps[0], to: encaps[1] }, mtu: 1450 },
    hosts: [{ role: 'sender' }, { role: 'receiver', outcome: 'delivered' }],
  });
  for (const { name, flows } of answer.hosts) {
    const dump = await lab.ofctl(name, ['-O', 'OpenFlow15', '--no-names', '--no-stats', 'dump-flows', 'br-int']);
    const installed = dump.split('\n').map((line) => / priority=(\d+)/.exec(line)?.[1] ?? '32768');
    expect(installed).toEqual(expect.arrayContaining(flows.map(({ priority }) => String(priority))));
  }
});

test('counters of the flows rise with the packets', async () => {
  const packets = async (): Promise<readonly number[]> => {
    await settle();
    const { hosts } = await ask(echo);
    return hosts.map(({ flows }) => flows.find(({ element }) => element.startsWith('rule/'))?.packets ?? 0);
  };
  const before = await packets();
  expect(await received(5)).toBe(5);
  const after = await packets();
  expect(after).toHaveLength(2);
  for (const [index, count] of after.entries()) expect(count).toBeGreaterThanOrEqual((before[index] ?? 0) + 5);
});

test('the connection records the rule that explain names', async () => {
  const { records } = await ask(echo);
  expect(records.map(({ host }) => host)).toEqual(['hv1', 'hv2']);
  expect(await received(1)).toBe(1);
  for (const { host, zone, label } of records) {
    const connections = await lab.appctl(host, ['dpctl/dump-conntrack', `zone=${zone}`]);
    expect(connections).toMatch(new RegExp(`^icmp,.*labels=${label}`, 'm'));
  }
});

test('a rule that denies is named, packets stop, and the past is as it was', async () => {
  const { revision } = await ask(echo);
  await weir.must('PUT', policy, deny);
  await settle();
  expect(await received(2)).toBe(0);
  expect(await ask(echo)).toMatchObject({
    passes: false,
    verdict: 'deny',
    summary: 'denied at ingress by policy ping, rule 0',
    blockers: [],
  });
  expect(await ask({ ...echo, at: revision })).toMatchObject({ revision, passes: true, ingress: { words: 'allow icmp from anyone' } });
  await weir.must('PUT', policy, allow);
  await settle();
  expect(await received(2)).toBe(2);
});

test('an address that is not its own is dropped by the guard', async () => {
  const answer = await ask({ ...echo, fromAddress: '10.0.1.200' });
  expect(answer).toMatchObject({ passes: false, blockers: [{ code: 'spoof-guard', side: 'from' }] });
  expect(answer.hosts).toMatchObject([{ name: 'hv1', outcome: expect.stringContaining('dropped in table security') }]);
});

test('a stopped VM, then one whose port is not plugged', async () => {
  expect(await codes({ ...echo, to: 'late' })).toEqual(['vm-stopped']);
  await weir.must('POST', '/v1/tenants/acme/vms/late/start', { host: 'hv2' });
  const answer = await ask({ ...echo, to: 'late' });
  expect(answer).toMatchObject({ verdict: 'allow', passes: false, blockers: [{ code: 'port-not-plugged', side: 'to' }] });
  // The flows are asked as if it were plugged.
  expect(answer.hosts[1]?.outcome).toBe('delivered');
});

test('a switch that is away', async () => {
  await lab.stopVswitchd('hv2', 'kill');
  await until(async () => (await weir.host('hv2'))?.connected === false);
  expect(await codes(echo)).toEqual(['host-down']);
  expect(await received(1)).toBe(0);
  await lab.startVswitchd('hv2');
  await until(async () => (await codes(echo)).length === 0);
  await until(async () => (await received(1)) === 1);
});
