import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, startPing } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { epochOf, masterOf } from '../support/roles.ts';
import { RunningEtcd } from '../support/running-etcd.ts';
import { RunningWeir } from '../support/running-weir.ts';
import { until } from '../support/weir-client.ts';

/** Two members that share an etcd and nothing else, two hypervisors that are told of the first, and a ping from one to the other. */
const directory = mkdtempSync(join(tmpdir(), 'weir-ownership-etcd-'));
const hosts = ['hv1', 'hv2'];
const running = new Map<string, RunningWeir>();
let etcd: RunningEtcd;
let lab: Lab;
let guests: readonly Guest[];

const members = { ids: ['one', 'two'], member };

function member(id: string): RunningWeir {
  const weir = running.get(id);
  if (!weir) throw new Error(`there is no member ${id}`);
  return weir;
}

beforeAll(async () => {
  [lab, etcd] = await Promise.all([startLab({ hosts: hosts.length, directory, managers: [] }), RunningEtcd.start()]);
  const overrides = { store: `etcd://${etcd.hosts.join()}`, advertise: lab.gatewayAddress };
  for (const id of members.ids) running.set(id, await RunningWeir.start(overrides));
  await Promise.all(hosts.map((host) => lab.host(host).join([`tcp:${lab.gatewayAddress}:${member('one').ovsdbPort}`])));
  await until(() => member('two').serves(hosts));
  await member('one').must('POST', '/v1/apply', documents);
  guests = [await plugged('left', 'hv1'), await plugged('right', 'hv2')];
});

afterAll(async () => {
  await lab.close();
  for (const weir of running.values()) await weir.stop();
  await etcd.stop();
  rmSync(directory, { recursive: true, force: true });
});

const documents: readonly object[] = [
  { kind: 'Tenant', metadata: { name: 't' }, spec: { posture: 'open' } },
  { kind: 'Network', metadata: { name: 'net', tenant: 't' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
  { kind: 'Group', metadata: { name: 'all', tenant: 't' }, spec: { selector: {} } },
  ...['left', 'right'].map((name) => ({
    kind: 'Vm',
    metadata: { name, tenant: 't' },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] },
  })),
];

const allowing = (port: number) => ({
  spec: { tier: 'tenant', order: 5, appliesTo: ['all'], ingress: [{ action: 'allow', services: [{ protocol: 'tcp', port }] }] },
});

async function plugged(vm: string, host: string): Promise<Guest> {
  await member('two').must('POST', `/v1/tenants/t/vms/${vm}/start?timeoutMs=60000`, { host });
  return member('two').plug(lab, 't', vm);
}

/** The one master of each switch, as the switches say. */
async function masters(present: number): Promise<readonly string[]> {
  return Promise.all(hosts.map((host) => until(() => masterOf(lab, host, members, present))));
}

const resyncs = (id: string, host: string) => member(id).events('resynced', host);

test('each switch has one master, whichever member writes, and the epoch is in its own database', async () => {
  await masters(2);
  for (const host of hosts) expect(await epochOf(lab, host)).toBeGreaterThan(0);
  for (const id of members.ids)
    await member(id).must('PUT', '/v1/tenants/t/policies/web?wait=realized&timeoutMs=60000', allowing(id === 'one' ? 8_001 : 8_002));
});

test('the owner ends: the other takes its switches, sends nothing, and no packet is lost; it comes back', async () => {
  const [from, to] = guests;
  if (!from || !to) throw new Error('two guests are plugged');
  const ended = (await masters(2))[0] ?? '';
  const other = ended === 'one' ? 'two' : 'one';
  const epoch = await epochOf(lab, 'hv1');
  const resynced = resyncs(other, 'hv1').length;
  const ping = startPing(lab, from, to.interfaces[0]?.addresses[0]?.address ?? '', { intervalMs: 10 });
  await until(() => ping.answered > 20);

  await member(ended).pause();
  expect(await masters(1)).toEqual([other, other]);
  await until(() => resyncs(other, 'hv1').length > resynced);
  expect(resyncs(other, 'hv1').slice(resynced)).toMatchObject([{ flowsSent: 0 }]);
  expect(await epochOf(lab, 'hv1')).toBeGreaterThan(epoch);
  await member(other).must('PUT', '/v1/tenants/t/policies/web?wait=realized&timeoutMs=60000', allowing(9_000));

  await member(ended).resume();
  await masters(2);
  await member(ended).must('PUT', '/v1/tenants/t/policies/web?wait=realized&timeoutMs=60000', allowing(9_001));
  expect((await ping.stop()).missing).toEqual([]);
});
