import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Document } from '../../policies/model/kinds.ts';
import { startLab } from '../../src/lab/index.ts';
import type { Lab } from '../../src/lab/index.ts';
import { freePorts } from '../../test/support/ports.ts';
import { until } from '../../test/support/weir-client.ts';
import { token } from '../../test/support/member-files.ts';
import type { WeirProcess } from '../../test/support/weir-process.ts';
import type { Figure } from '../figure.ts';
import type { Asked, Job, Outcome } from './attach/client.ts';
import { begin, documentsOf, inCluster, load, sent } from './loaded-cluster.ts';

/**
 * From a request to flows committed in a real Open vSwitch: the reference cloud on one member, and a tenth of it on three that share this machine's cores, all of
 * them processes of their own, as is the client. Two of the cloud's hosts are there; the tenants that are on these alone are asked about, so that
 * `?wait=realized` is answered by switches. First one request after the other, then over 64 connections. `attach.ts [SCALE] [--json]`
 */
type AttachFigure = Figure<'attach'>;

const hosts = ['host-0', 'host-1'] as const;
const timed = 300;
const warmUp = 50;
const connections = 64;
const rated = { networks: 3_000, created: 3_000, compiled: 6_000 };

type Of<K extends Document['kind']> = Extract<Document, { readonly kind: K }>;

/** A tenant of which every VM is on a host that is there. */
interface Subject {
  readonly tenant: string;
  readonly policy: Of<'Policy'>;
}

/** What is asked, and who answers. */
interface Scene {
  readonly name: string;
  readonly lab: Lab;
  readonly members: readonly WeirProcess[];
  readonly subjects: readonly Subject[];
  /** All others, each with a host of its own. */
  readonly tenants: readonly (readonly [tenant: string, host: string])[];
  readonly ask: (requests: readonly Asked[], connections: number) => Promise<Outcome>;
}

const scale = Number(process.argv.slice(2).find((each) => !each.startsWith('--')) ?? 1);
/** For one job of the client. */
const outcomeMs = 180_000;

const print = (figure: Omit<AttachFigure, 'bench'>): void => console.log(JSON.stringify({ bench: 'attach', ...figure }));

async function measure(ids: readonly string[], size: number): Promise<void> {
  await inCluster(ids, 'attach', async (cluster, directory) => {
    const lab = await startLab({ hosts: hosts.length, directory: join(directory, 'labs'), managers: [] });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void lab.close().finally(() => process.exit(1)));
    const client = fork(join(import.meta.dirname, 'attach/client.ts'));
    try {
      const ports = await freePorts(2 * ids.length);
      const gateway = lab.plan.gateway.address;
      const ovsdb = (at: number): string => `${gateway}:${ports[2 * at]}`;
      const members = await begin(cluster, (id) => {
        const at = ids.indexOf(id);
        return ['--ovsdb', ovsdb(at), '--openflow', `${gateway}:${ports[2 * at + 1]}`, '--insecure-switches'];
      });
      const documents = documentsOf(size);
      const ca = readFileSync(join(directory, 'pki/ca.crt'), 'utf8');
      const leads = await Promise.all(members.map((member) => member.metric('weir_cluster_leader')));
      const asked = members[leads.indexOf(1)];
      if (!asked) throw new Error('nobody leads');
      await load(asked, documents);
      for (const [at, host] of [...lab.hosts.values()].entries()) {
        await host.vsctl(['set', 'Open_vSwitch', '.', `external_ids:system-id=${hosts[at]}`]);
        await host.join(ids.map((_, member) => `tcp:${ovsdb(member)}`));
      }
      const ask = async (requests: readonly Asked[], over: number): Promise<Outcome> => {
        client.send({ port: Number(new URL(asked.url).port), ca, token, connections: over, requests } satisfies Job);
        const [outcome] = (await once(client, 'message', { signal: AbortSignal.timeout(outcomeMs) })) as [Outcome];
        if (outcome.complaint !== undefined) throw new Error(outcome.complaint);
        return outcome;
      };
      const subjects = subjectsOf(documents);
      const here = new Set(subjects.map(({ tenant }) => tenant));
      const places = documents.flatMap((each) =>
        each.kind === 'Vm' && !hosts.some((host) => host === each.spec.host)
          ? [[each.metadata.tenant ?? '', each.spec.host ?? ''] as const]
          : [],
      );
      const tenants = [...new Map(places)].filter(([tenant]) => !here.has(tenant));
      const name = `${ids.length === 1 ? 'one member' : 'three members'}, ${Math.round(10_000 * size)} VMs`;
      const scene: Scene = { name, lab, members, subjects, tenants, ask };
      await settled(scene);
      await latencies(scene);
      await rates(scene);
    } finally {
      client.disconnect();
      await lab.close();
    }
  });
}

function subjectsOf(documents: readonly Document[]): readonly Subject[] {
  const away = new Set(
    documents.flatMap((each) => (each.kind === 'Vm' && !hosts.some((host) => host === each.spec.host) ? [each.metadata.tenant] : [])),
  );
  return documents.flatMap((policy) => {
    if (policy.kind !== 'Policy' || policy.metadata.name !== 'allow-0' || away.has(policy.metadata.tenant)) return [];
    return [{ tenant: policy.metadata.tenant ?? '', policy }];
  });
}

/** Each switch has what every member wants there. @returns how many flows that is */
async function settled({ lab, members }: Pick<Scene, 'lab' | 'members'>): Promise<number> {
  return until(async () => {
    const counts = await Promise.all(
      [...lab.hosts.values()].map(async (host, at) => {
        const [, count] = /flow_count=(\d+)/.exec(await host.ofctl(['-O', 'OpenFlow15', 'dump-aggregate', 'br-int']).catch(() => '')) ?? [];
        const wanted = await Promise.all(members.map(async (member) => (await member.host(hosts[at] ?? ''))?.flows));
        return wanted.every((each) => each === Number(count)) ? Number(count) : Number.NaN;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }, 60_000);
}

function vm(tenant: string, name: string): string {
  return `/v1/tenants/${tenant}/vms/${name}`;
}

function vmSpec(interfaces: number, tier: string, placed: object = {}): object {
  const list = Array.from({ length: interfaces }, (_, at) => ({ name: `eth${at}`, network: 'net-0' }));
  return { metadata: { labels: { tier, env: 'production' } }, spec: { hypervisor: 'kvm', interfaces: list, ...placed } };
}

/** One request after the other, of each kind on VMs of their own that come and go. */
async function latencies(scene: Scene): Promise<void> {
  const { name, subjects, ask } = scene;
  const before = await settled(scene);
  const each = (request: (subject: Subject, vm: string, at: number) => Asked): readonly Asked[] =>
    Array.from({ length: warmUp + timed }, (_, at) => {
      const subject = subjects[at % subjects.length];
      if (!subject) throw new Error('no tenant is on these hosts alone');
      return request(subject, vm(subject.tenant, `bench-${at}`), at);
    });
  const run = async (metric: string, requests: readonly Asked[], goal?: readonly [p50: number, p99: number]): Promise<void> => {
    const spentMs = cpuMs(scene.members);
    const { times } = await ask(requests, 1);
    print({ case: name, metric, unit: 'ms', ...quantiles(times.slice(warmUp), goal?.[0]) });
    printCpu(scene, metric, times.length, spentMs);
  };
  const ofOne = scene.members.length === 1;
  await run(
    'VM created',
    each((_, path) => ({ method: 'PUT', path, body: vmSpec(1, 'web') })),
  );
  await run(
    'VM started',
    each((_, path, at) => ({ method: 'POST', path: `${path}/start`, body: { host: hosts[at % 2] } })),
    ofOne ? [3, 10] : [8, 30],
  );
  if ((await settled(scene)) <= before) throw new Error('VMs were started, and there are no more flows');
  await run(
    'interface added',
    each((_, path) => ({ method: 'PUT', path: `${path}?wait=realized`, body: vmSpec(2, 'web') })),
    ofOne ? [3, 10] : [8, 30],
  );
  await run(
    'member of another group',
    each((_, path) => ({ method: 'PUT', path: `${path}?wait=realized`, body: vmSpec(2, 'db') })),
    [3, 15],
  );
  await run(
    'rule changed',
    each(({ tenant, policy }, _, at) => ({
      method: 'PUT',
      path: `/v1/tenants/${tenant}/policies/${policy.metadata.name}?wait=realized`,
      body: ruleChanged(policy, at),
    })),
    [3, 15],
  );
  await run(
    'VM stopped',
    each((_, path) => ({ method: 'POST', path: `${path}/stop` })),
    [5, 15],
  );
  await run(
    'VM deleted, stopped',
    each((_, path) => ({ method: 'DELETE', path })),
  );
  await run(
    'VM put where it runs',
    each((_, path, at) => ({
      method: 'PUT',
      path: `${path}?wait=realized`,
      body: vmSpec(1, 'web', { power: 'running', host: hosts[at % 2] }),
    })),
    ofOne ? [3, 10] : [8, 30],
  );
  await run(
    'VM deleted, running',
    each((_, path) => ({ method: 'DELETE', path })),
    [5, 15],
  );
}

/** Another port in its first rule, each time. */
function ruleChanged(policy: Of<'Policy'>, at: number): object {
  const document = sent(policy) as { readonly metadata: object; readonly spec: { readonly ingress: readonly object[] } };
  const [first, ...rest] = document.spec.ingress;
  return {
    metadata: document.metadata,
    spec: { ...document.spec, ingress: [{ ...first, services: [{ protocol: 'tcp', port: 1_000 + at }] }, ...rest] },
  };
}

/** Many requests at a time. What is asked of switches that are not there is stored and compiled when it is answered. */
async function rates(scene: Scene): Promise<void> {
  const { name, subjects, tenants, ask } = scene;
  const run = async (metric: string, requests: readonly Asked[], goal?: number): Promise<void> => {
    const spentMs = cpuMs(scene.members);
    const { times, totalMs } = await ask(requests, connections);
    const rate = (1_000 * times.length) / totalMs;
    const { value, p99 } = quantiles(times);
    print({ case: name, metric, unit: '/s', value: Math.round(rate), n: times.length, ...(goal && { ratio: rounded(rate / goal) }) });
    print({ case: name, metric: `${metric}, each`, unit: 'ms', value, p99, n: times.length });
    printCpu(scene, metric, times.length, spentMs);
  };
  const goal = scene.members.length === 1 ? 3_000 : 1_500;
  const count = (asked: number): number => (scene.members.length === 1 ? asked : asked / 2);
  const many = (total: number, request: (at: number) => Asked): readonly Asked[] =>
    Array.from({ length: count(total) }, (_, at) => request(at));
  const tenantAt = (at: number): readonly [tenant: string, host: string] => tenants[at % tenants.length] ?? ['', ''];
  const subjectAt = (at: number): string => subjects[at % subjects.length]?.tenant ?? '';
  await run(
    'networks created',
    many(rated.networks, (at) => ({
      method: 'PUT',
      path: `/v1/tenants/${tenantAt(at)[0]}/networks/bench-${at}`,
      body: { spec: { subnets: [{ cidr: `172.${16 + ((at >> 8) & 15)}.${at & 255}.0/24` }] } },
    })),
  );
  await run(
    'VMs created',
    many(rated.created, (at) => ({ method: 'PUT', path: vm(subjectAt(at), `rate-${at}`), body: vmSpec(1, 'web') })),
  );
  const before = await settled(scene);
  await run(
    'VMs started, on two switches',
    many(rated.created, (at) => ({ method: 'POST', path: `${vm(subjectAt(at), `rate-${at}`)}/start`, body: { host: hosts[at % 2] } })),
    goal,
  );
  const after = await settled(scene);
  if (after <= before) throw new Error('VMs were started, and there are no more flows');
  print({ case: name, metric: 'flows of these on the switches', unit: '', value: after - before, n: count(rated.created) });
  await run(
    'VMs put where they run, no switch there',
    many(rated.compiled, (at) => ({
      method: 'PUT',
      path: vm(tenantAt(at)[0], `put-${at}`),
      body: vmSpec(1, 'web', { power: 'running', host: tenantAt(at)[1] }),
    })),
    goal,
  );
}

/** What the members have used of the cores: their first threads, and all that they have. */
interface Cpu {
  readonly first: number;
  readonly all: number;
}

const tickMs = 10;

function cpuMs(members: readonly WeirProcess[]): Cpu {
  const read = (path: string): number => {
    const fields = readFileSync(path, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return tickMs * (Number(fields[11]) + Number(fields[12]));
  };
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    first: sum(members.map(({ pid }) => read(`/proc/${pid}/task/${pid}/stat`))),
    all: sum(members.map(({ pid }) => read(`/proc/${pid}/stat`))),
  };
}

function printCpu({ name, members }: Scene, metric: string, count: number, before: Cpu): void {
  const now = cpuMs(members);
  const each = (spentMs: number): number => rounded(spentMs / count);
  print({ case: name, metric: `${metric}, CPU of the first threads`, unit: 'ms', value: each(now.first - before.first), n: count });
  print({ case: name, metric: `${metric}, CPU of all threads`, unit: 'ms', value: each(now.all - before.all), n: count });
}

function quantiles(times: readonly number[], goal?: number): Pick<AttachFigure, 'value' | 'n' | 'ratio'> & { readonly p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { value: rounded(at(0.5)), p99: rounded(at(0.99)), n: sorted.length, ...(goal && { ratio: rounded(goal / at(0.5)) }) };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

await measure(['a'], scale);
await measure(['a', 'b', 'c'], scale / 10);
