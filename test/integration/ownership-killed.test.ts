import { afterAll, beforeAll, expect, test } from 'vitest';
import { highestWeight } from '../../cluster/ownership/rendezvous.ts';
import { startPing } from '../../src/lab/index.ts';
import type { Guest, Lab, RunningPing } from '../../src/lab/index.ts';
import { ProxiedCluster } from '../support/proxied-cluster.ts';
import { until } from '../support/weir-client.ts';
import type { WeirProcess } from '../support/weir-process.ts';

/** Three members as processes of their own, killed and frozen by their ids, while guests of two hypervisors ping each other every 10 ms. */
const ids = ['a', 'b', 'c'];
const hosts = ['hv1', 'hv2'];
let port = 8_000;
let cluster: ProxiedCluster;
let lab: Lab;
let guests: readonly Guest[];

beforeAll(async () => {
  cluster = await ProxiedCluster.start(ids, hosts.length);
  lab = cluster.lab;
  await member('a').must('POST', '/v1/apply', [...documents(), allowing(port)]);
  for (const [index, host] of hosts.entries())
    await member('a').must('POST', `/v1/tenants/t/vms/vm${index}/start?timeoutMs=60000`, { host });
  guests = [await member('a').plug(lab, 't', 'vm0'), await member('a').plug(lab, 't', 'vm1')];
  await until(async () => (await Promise.all(ids.map((id) => isBalanced(id, ids)))).every(Boolean));
});

afterAll(() => cluster?.close());

const member = (id: string): WeirProcess => cluster.get(id);
const sentTo = (host: string): number => cluster.sentTo(host);
const ownerOf = (host: string, present: readonly string[]): string => highestWeight(host, present) ?? '';

/** Whether a member has taken what is its own among these, as the switches say. */
async function isBalanced(id: string, present: readonly string[]): Promise<boolean> {
  for (const host of hosts) {
    const text = await lab.vsctl(host, ['-f', 'csv', '--no-headings', '--columns=target,role', 'list', 'Controller']);
    const role = text.split('\n').find((line) => line.includes(`:${cluster.openflowPort(id)}`));
    if (role?.endsWith(ownerOf(host, present) === id ? 'master' : 'slave') !== true) return false;
  }
  return true;
}

const documents = (): object[] => [
  { kind: 'Tenant', metadata: { name: 't' }, spec: {} },
  { kind: 'Network', metadata: { name: 'net', tenant: 't' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
  { kind: 'Group', metadata: { name: 'all', tenant: 't' }, spec: { selector: {} } },
  ...hosts.map((_, index) => ({
    kind: 'Vm',
    metadata: { name: `vm${index}`, tenant: 't' },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] },
  })),
];

const allowing = (port: number): object => ({
  kind: 'Policy',
  metadata: { name: 'web', tenant: 't' },
  spec: {
    tier: 'tenant',
    appliesTo: ['all'],
    ingress: [{ action: 'allow', services: [{ protocol: 'tcp', port }, { protocol: 'icmp' }] }],
    egress: [{ action: 'allow' }],
  },
});

async function pinging(): Promise<RunningPing> {
  const [from, to] = guests;
  if (!from || !to) throw new Error('two guests are plugged');
  const running = startPing(lab, from, to.interfaces[0]?.addresses[0]?.address ?? '', { intervalMs: 10 });
  await until(() => running.answered > 20);
  return running;
}

/** A change is accepted by the members that are left, and reaches the switches. */
async function change(at: readonly string[], what: string): Promise<void> {
  const startedMs = performance.now();
  const accepted = await until(async () => {
    const answers = at.map((id) =>
      member(id).call<{ metadata?: { revision: number } }>('PUT', '/v1/tenants/t/policies/web', allowing(++port)),
    );
    return (await Promise.all(answers.map((answer) => answer.catch(() => undefined)))).some((answer) => (answer?.status ?? 500) < 300);
  });
  const acceptedMs = performance.now() - startedMs;
  for (const id of at) {
    const answer = await until(async () => {
      const { status } = await member(id).call('PUT', '/v1/tenants/t/policies/web?wait=realized&timeoutMs=5000', allowing(++port));
      return status < 300;
    });
    expect([accepted, answer]).toEqual([true, true]);
  }
  console.log(
    `${what}: a change is accepted after ${Math.round(acceptedMs)} ms, and realized on all switches after ${Math.round(performance.now() - startedMs)} ms`,
  );
}

test('an owner is killed: others take its switches over, nothing is sent, no packet is lost, and it has them again when it is back', async () => {
  const killed = ownerOf('hv1', ids);
  const left = ids.filter((id) => id !== killed);
  const running = await pinging();
  const sent = hosts.map(sentTo);
  await member(killed).end('SIGKILL');
  await until(async () => (await Promise.all(left.map((id) => isBalanced(id, left)))).every(Boolean));
  expect(hosts.map(sentTo)).toEqual(sent);
  await change(left, `${killed} killed`);
  const changed = hosts.map(sentTo);

  await member(killed).start();
  await until(async () => (await Promise.all(ids.map((id) => isBalanced(id, ids)))).every(Boolean));
  await until(() => member(killed).serves(hosts));
  expect(hosts.map(sentTo)).toEqual(changed);
  expect((await running.stop()).missing).toEqual([]);
});

test('an owner is frozen and goes on: what it still believes of itself is of no effect', async () => {
  const frozen = ownerOf('hv1', ids);
  const left = ids.filter((id) => id !== frozen);
  const running = await pinging();
  const sent = hosts.map(sentTo);
  member(frozen).freeze();
  await until(async () => (await Promise.all(left.map((id) => isBalanced(id, left)))).every(Boolean));
  expect(hosts.map(sentTo)).toEqual(sent);
  await change(left, `${frozen} frozen`);
  const changed = hosts.map(sentTo);
  const flows = await Promise.all(hosts.map((host) => cluster.flowCount(host)));

  member(frozen).thaw();
  await until(async () => (await Promise.all(ids.map((id) => isBalanced(id, ids)))).every(Boolean));
  await until(() => member(frozen).serves(hosts));
  expect(hosts.map(sentTo)).toEqual(changed);
  expect(await Promise.all(hosts.map((host) => cluster.flowCount(host)))).toEqual(flows);
  expect((await running.stop()).missing).toEqual([]);
});
