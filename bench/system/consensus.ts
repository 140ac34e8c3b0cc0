import { readFileSync } from 'node:fs';
import type { WeirProcess } from '../../test/support/weir-process.ts';
import type { Figure } from '../figure.ts';
import { begin, documentsOf, inCluster, load } from './loaded-cluster.ts';

/**
 * How late the thread of the consensus and the API is while everything is loaded and compiled: the reference cloud on one member, and a tenth of
 * it on three that share this machine's cores, all of them processes of their own. `loop`: of the event loop of that thread in a phase, since its
 * start or the last look; `elections`: by how much the term went up. No switch is connected: what hosts should have is compiled all the same.
 * `consensus.ts [SCALE] [--json]`
 */
type Print = (figure: Omit<Figure<'consensus'>, 'bench'>) => void;

const asJson = process.argv.includes('--json');
const print: Print = (figure) => console.log(JSON.stringify({ bench: 'consensus', ...figure }));
const scale = Number(process.argv.slice(2).find((each) => !each.startsWith('--')) ?? 1);
if (!asJson) console.error(`the reference cloud at ${scale} on one member, at ${scale / 10} on three`);
await alone(scale, print);
await three(scale / 10, print);

async function alone(size: number, report: Print): Promise<void> {
  await inCluster(['a'], 'consensus', async (cluster) => {
    const [a] = await begin(cluster);
    if (!a) throw new Error('there is no member');
    const name = `one member, ${10_000 * size} VMs`;
    await phase(`${name}: stored by requests`, [a], () => load(a, documentsOf(size)), report);
    await phase(`${name}: started cold`, [a], () => again([a]), report);
    memory(name, a, report);
    await phase(`${name}: a platform policy for all`, [a], () => bulk(a), report);
  });
}

async function three(size: number, report: Print): Promise<void> {
  const ids = ['a', 'b', 'c'];
  await inCluster(ids, 'consensus', async (cluster) => {
    const members = await begin(cluster);
    const name = `three members, ${10_000 * size} VMs`;
    const [first] = members;
    if (!first) throw new Error('there is no member');
    await phase(`${name}: stored by requests`, members, () => load(first, documentsOf(size)), report);
    const follower = members[(await leaderAmong(members)) === 0 ? 1 : 0];
    if (!follower) throw new Error('there is no follower');
    await phase(`${name}: a follower started cold`, members, () => again([follower]), report);
    await phase(`${name}: a platform policy for all`, members, () => bulk(first), report);
    // Members that come find each other by an election: the term counts from when all are there.
    await phase(`${name}: all started cold`, members, () => again(members), report, true);
  });
}

async function again(members: readonly WeirProcess[]): Promise<void> {
  for (const member of members) await member.end('SIGTERM');
  await Promise.all(members.map((member) => member.start(['--log-level', 'warn'])));
}

/** Binds every tenant, on every host. */
async function bulk(member: WeirProcess): Promise<void> {
  const ingress = [{ action: 'deny', services: [{ protocol: 'tcp', port: 23 }] }];
  await member.must('PUT', '/v1/policies/no-telnet', { spec: { tier: 'platform', order: 10, ingress } });
}

async function leaderAmong(members: readonly WeirProcess[]): Promise<number> {
  const leads = await Promise.all(members.map((member) => member.metric('weir_cluster_leader')));
  return leads.indexOf(1);
}

interface Look {
  readonly term: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly southbound: number;
}

/** Settles once what is stored is compiled: a question about it is answered then. */
async function look(member: WeirProcess): Promise<Look> {
  await member.must('GET', '/v1/status');
  const text = await member.metrics();
  const read = (start: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(start))
        ?.split(' ')
        .at(-1) ?? Number.NaN,
    );
  const loop = (thread: string, quantile: string): number =>
    1_000 * read(`weir_event_loop_delay_seconds{thread="${thread}",quantile="${quantile}"}`);
  return {
    term: read('weir_cluster_term '),
    p50: loop('main', '0.5'),
    p99: loop('main', '0.99'),
    max: loop('main', '1'),
    southbound: loop('southbound', '1'),
  };
}

/** What the members did in a phase. `isNew`: they were all started in it. */
async function phase(
  name: string,
  members: readonly WeirProcess[],
  work: () => Promise<void>,
  report: Print,
  isNew = false,
): Promise<void> {
  const before = await Promise.all(members.map(look));
  const startedMs = performance.now();
  await work();
  const doneMs = performance.now() - startedMs;
  const first = await Promise.all(members.map(look));
  const after = isNew ? await Promise.all(members.map(look)) : first;
  const start = isNew ? first : before;
  const worst = (read: (each: Look) => number): number => rounded(Math.max(...first.map(read)));
  const elections = Math.max(...after.map(({ term }) => term)) - Math.max(...start.map(({ term }) => term));
  report({ case: name, metric: 'done after', unit: 'ms', value: rounded(doneMs), n: 1 });
  report({
    case: name,
    metric: 'loop, median',
    unit: 'ms',
    value: worst(({ p50 }) => p50),
    p99: worst(({ p99 }) => p99),
    n: members.length,
  });
  report({ case: name, metric: 'loop, longest', unit: 'ms', value: worst(({ max }) => max), n: members.length });
  report({ case: name, metric: 'southbound, longest', unit: 'ms', value: worst(({ southbound }) => southbound), n: members.length });
  report({ case: name, metric: 'elections', unit: 'terms', value: elections, n: members.length });
}

function memory(name: string, { pid }: WeirProcess, report: Print): void {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (field: string): number => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
  report({ case: name, metric: 'memory (RSS)', unit: 'MiB', value: read('VmRSS'), n: 1 });
  report({ case: name, metric: 'most memory', unit: 'MiB', value: read('VmHWM'), n: 1 });
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
