import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isOfPipeline, pipelineVersion } from '../../flows/pipeline/index.ts';
import type { ClusterAnswer } from '../../src/api/schema/cluster.ts';
import { listenTcp, openTcp, startPing } from '../../src/lab/index.ts';
import type { Guest, Lab, TcpConnection } from '../../src/lab/index.ts';
import { makeNextRelease, nextRelease } from '../support/next-release.ts';
import { ProxiedCluster } from '../support/proxied-cluster.ts';
import { until } from '../support/weir-client.ts';
import type { WeirProcess } from '../support/weir-process.ts';

/**
 * `docs/operations.md`, "Upgrade" and "Go back", as they stand there: three members, one after the other, to a release with other tables, while guests of two hypervisors ping each other every
 * 10 ms, talk over one TCP connection, and documents are written.
 */
const directory = mkdtempSync(join(tmpdir(), 'weir-upgrade-'));
const next = join(directory, 'next');
const ids = ['a', 'b', 'c'];
const hosts = ['hv1', 'hv2'];
let cluster: ProxiedCluster;
let lab: Lab;
let guests: readonly Guest[];
let here: string;

beforeAll(async () => {
  makeNextRelease(next);
  cluster = await ProxiedCluster.start(ids, hosts.length);
  lab = cluster.lab;
  here = member('a').source;
  await member('a').must('POST', '/v1/apply', documents());
  for (const [index, host] of hosts.entries())
    await member('a').must('POST', `/v1/tenants/t/vms/vm${index}/start?timeoutMs=60000`, { host });
  guests = [await member('a').plug(lab, 't', 'vm0'), await member('a').plug(lab, 't', 'vm1')];
});

afterAll(async () => {
  await cluster?.close();
  rmSync(directory, { recursive: true, force: true });
});

const documents = (): object[] => [
  { kind: 'Tenant', metadata: { name: 't' }, spec: {} },
  { kind: 'Network', metadata: { name: 'net', tenant: 't' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
  { kind: 'Group', metadata: { name: 'all', tenant: 't' }, spec: { selector: {} } },
  ...hosts.map((_, index) => ({
    kind: 'Vm',
    metadata: { name: `vm${index}`, tenant: 't' },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] },
  })),
  // More than a bundle of flows, in the tables that judge.
  ...Array.from({ length: 12 }, (_, index) => ({
    kind: 'Policy',
    metadata: { name: `many${index}`, tenant: 't' },
    spec: {
      tier: 'tenant',
      order: 5 + index,
      appliesTo: ['all'],
      ingress: Array.from({ length: 100 }, (__, rule) => ({
        action: 'deny',
        services: [{ protocol: 'udp', port: 20_000 + index * 100 + rule }],
      })),
    },
  })),
  {
    kind: 'Policy',
    metadata: { name: 'web', tenant: 't' },
    spec: {
      tier: 'tenant',
      appliesTo: ['all'],
      ingress: [{ action: 'allow', services: [{ protocol: 'tcp', port: 8_000 }, { protocol: 'icmp' }] }],
      egress: [{ action: 'allow' }],
    },
  },
];

const member = (id: string): WeirProcess => cluster.get(id);
const clusterAt = (id: string): Promise<ClusterAnswer> => member(id).must<ClusterAnswer>('GET', '/v1/cluster');

/** Step 3 of the procedure: it is there, has everything, and its switches are connected. */
async function isBack(id: string): Promise<boolean> {
  const { members: shown, commit } = await clusterAt(id);
  return shown.every(({ reachable, match }) => reachable && match !== null && match + 100 >= commit) && (await member(id).serves(hosts));
}

async function replace(id: string, source: string): Promise<void> {
  await member(id).end('SIGTERM');
  member(id).source = source;
  await member(id).start();
  await until(() => isBack(id));
}

/** Of each switch: how many flows, and how many of them stand in tables of the release's pipeline. */
async function flows(host: string, version: number): Promise<{ readonly all: number; readonly ours: number }> {
  const text = await lab.ofctl(host, ['-O', 'OpenFlow15', '--no-stats', 'dump-flows', 'br-int']);
  const lines = text.split('\n').filter((line) => line.includes('actions=') || line.includes('cookie='));
  const tables = lines.map((line) => Number(/table=(\d+)/.exec(line)?.[1] ?? 0));
  return { all: tables.length, ours: tables.filter((tableId) => isOfPipeline(tableId, version)).length };
}

async function runs(version: number): Promise<boolean> {
  const counts = await Promise.all(hosts.map((host) => flows(host, version)));
  return counts.every(({ all, ours }) => all === ours);
}

/** Writes documents one after the other, each at some member, until it is stopped; what was acknowledged is kept in mind. */
class Writing {
  readonly acknowledged: string[] = [];
  #isStopped = false;
  readonly #ended = this.#write();

  async #write(): Promise<void> {
    for (let number = 0; !this.#isStopped; number++) {
      const name = `w${number}`;
      const body = { kind: 'Group', metadata: { name, tenant: 't' }, spec: { selector: { matchLabels: { name } } } };
      const id = ids[number % ids.length] ?? '';
      const answer = await member(id)
        .call('PUT', `/v1/tenants/t/groups/${name}`, body)
        .catch(() => undefined);
      if (answer !== undefined && answer.status < 300) this.acknowledged.push(name);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<readonly string[]> {
    this.#isStopped = true;
    await this.#ended;
    return this.acknowledged;
  }
}

/** Says something over one connection again and again, and hears it. */
class Talking {
  readonly #connection: TcpConnection;
  readonly outcomes = new Map<string, number>();
  #isStopped = false;
  readonly #ended: Promise<void>;

  constructor(connection: TcpConnection) {
    this.#connection = connection;
    this.#ended = this.#talk();
  }

  async #talk(): Promise<void> {
    while (!this.#isStopped) {
      const { outcome } = await this.#connection.exchange(30_000);
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<ReadonlyMap<string, number>> {
    this.#isStopped = true;
    await this.#ended;
    await this.#connection.close();
    return this.outcomes;
  }
}

test('three members go over one by one: no packet is lost, no write, and the way back is open until the last, then refused', async () => {
  const [from, to] = guests;
  if (!from || !to) throw new Error('two guests are plugged');
  const address = to.interfaces[0]?.addresses[0]?.address ?? '';
  const { version, leader } = await until(async () => {
    const answer = await clusterAt('a');
    return answer.version > 1 && answer.leader !== null ? answer : undefined;
  });
  const listener = await listenTcp(lab, to, 8_000);
  const talking = new Talking(await openTcp(lab, from, { address, port: 8_000 }));
  const running = startPing(lab, from, address, { intervalMs: 10 });
  await until(() => running.answered > 20);
  const writing = new Writing();
  const startedMs = performance.now();

  // One that does not lead, the leader, and the other: the leader is of either release.
  const [first = '', last = ''] = ids.filter((id) => id !== leader);
  await replace(first, next);
  await until(async () => (await clusterAt(last)).members.find(({ id }) => id === first)?.runs?.release === nextRelease.release);
  // And back, and again.
  await replace(first, here);
  await replace(first, next);
  await replace(leader ?? '', next);
  expect((await clusterAt(last)).version).toBe(version);
  expect(await runs(pipelineVersion)).toBe(true);
  await replace(last, next);
  await until(async () => (await clusterAt(last)).version === version + 1);
  await until(() => runs(pipelineVersion + 1));
  for (const host of hosts) expect((await flows(host, pipelineVersion + 1)).all).toBeGreaterThan(1_000);
  console.log(`three members upgraded, one of them twice, in ${Math.round(performance.now() - startedMs)} ms`);

  await member(last).end('SIGTERM');
  member(last).source = here;
  const refusal = await member(last).refusal();
  expect(refusal.exitCode).toBe(1);
  expect(refusal.message).toMatch(
    /is at version \d+, and this release knows none above \d+\. It was left as it is: .* \(release-too-old\)/,
  );
  member(last).source = next;
  await member(last).start();
  await until(() => isBack(last));

  const answer = await member(last).call('PUT', '/v1/tenants/t/groups/end?wait=realized&timeoutMs=60000', {
    spec: { selector: { matchLabels: { name: 'end' } } },
  });
  expect(answer.status).toBe(201);
  const acknowledged = await writing.stop();
  const report = await running.stop();
  const outcomes = await talking.stop();
  await listener.stop();
  console.log(
    `${report.sent} pings, ${report.missing.length} lost, ${report.gapMsMax} ms between two replies at most; ${[...outcomes].join(' ')} exchanges over one connection; ` +
      `${acknowledged.length} writes`,
  );
  expect(report.missing).toEqual([]);
  expect([...outcomes.keys()]).toEqual(['echoed']);
  expect(acknowledged.length).toBeGreaterThan(50);
  for (const id of ids) {
    const there = new Set<string>();
    for (let path = '/v1/tenants/t/groups?limit=1000'; path !== '';) {
      const page = await member(id).must<{ items: readonly { metadata: { name: string } }[]; continue?: string }>('GET', path);
      for (const { metadata } of page.items) there.add(metadata.name);
      path = page.continue === undefined ? '' : `/v1/tenants/t/groups?limit=1000&continue=${encodeURIComponent(page.continue)}`;
    }
    expect(acknowledged.filter((name) => !there.has(name))).toEqual([]);
  }
});
