import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { allowing, ClusterLab, streamPort, toggledPorts } from '../../test/support/cluster-lab.ts';
import { SteadyTraffic } from '../../test/support/steady-traffic.ts';
import type { WeirProcess } from '../../test/support/weir-process.ts';
import type { Figure } from '../figure.ts';

/**
 * Three controllers on machines of their own, over TLS, and three hypervisors: the leader is killed with signal 9 again and again, while guests ping each other
 * every 10 ms and use open TCP connections. Each time the same client asks for a change of the policy at once, at the others in turn, until one has accepted it, and
 * then until every switch carries it out. `node bench/system/failover.ts [--kills 50]` prints one object a line.
 */
const { values } = parseArgs({ options: { kills: { type: 'string', default: '50' }, json: { type: 'boolean' } } });
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1) throw new Error(`--kills is a number from 1, not ${values.kills}`);

const goalMs = 1_000;
const retryMs = 10;
const patienceMs = 30_000;
const policy = '/v1/tenants/t/policies/web';

interface Death {
  /** From the signal on. */
  readonly acceptedMs: number;
  readonly realizedMs: number;
  /** Each of its switches by another member. */
  readonly comparedMs: readonly number[];
}

/** One request after the other, to one member after the other, until one has done it. */
async function untilDone(members: readonly WeirProcess[], query: string, document: object): Promise<void> {
  const endMs = performance.now() + patienceMs;
  for (let at = 0; performance.now() < endMs; at++) {
    const answer = await members[at % members.length]?.call('PUT', `${policy}${query}`, document).catch(() => undefined);
    if (answer?.status === 200) return;
    await pause(retryMs);
  }
  throw new Error(`no change was accepted within ${patienceMs} ms`);
}

/** How long until one of these says that it has compared the switch, by what it says behind the first `seen`. */
async function compared(by: readonly WeirProcess[], host: string, seen: ReadonlyMap<WeirProcess, number>, fromMs: number): Promise<number> {
  const endMs = performance.now() + patienceMs;
  while (performance.now() < endMs) {
    const isCompared = by.some((member) => member.events('resynced', host).length > (seen.get(member) ?? 0));
    if (isCompared) return performance.now() - fromMs;
    await pause(1);
  }
  throw new Error(`${host} was compared by nobody within ${patienceMs} ms`);
}

async function kill(cluster: ClusterLab, leader: WeirProcess, at: number): Promise<Death> {
  const left = cluster.others(leader);
  const orphans = cluster
    .hostsOf(leader)
    .map((host) => [host, new Map(left.map((each) => [each, each.events('resynced', host).length]))] as const);
  const document = allowing(toggledPorts[(at + 1) % 2] ?? 0);
  const asked = at % 2 === 0 ? left : left.toReversed();
  const killedMs = performance.now();
  const gone = leader.end('SIGKILL');
  const comparing = Promise.all(orphans.map(([host, seen]) => compared(left, host, seen, killedMs)));
  await untilDone(asked, '', document);
  const acceptedMs = performance.now() - killedMs;
  await untilDone(asked, '?wait=realized&timeoutMs=10000', document);
  const realizedMs = performance.now() - killedMs;
  await gone;
  return { acceptedMs, realizedMs, comparedMs: await comparing };
}

function* figuresOf(deaths: readonly Death[], lost: number, pings: number, broken: number, streams: number): Generator<Figure<'failover'>> {
  const name = 'kill -9 of the leader of three';
  const times = {
    'a change accepted': deaths.map(({ acceptedMs }) => acceptedMs),
    'it reached all switches': deaths.map(({ realizedMs }) => realizedMs),
    'its switches compared by another': deaths.flatMap(({ comparedMs }) => comparedMs),
  };
  for (const [metric, list] of Object.entries(times)) {
    if (list.length === 0) continue;
    const sorted = list.toSorted((a, b) => a - b).map((each) => Math.round(each));
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
    const ratio = metric === 'a change accepted' ? { ratio: Number((goalMs / at(0.99)).toFixed(2)) } : {};
    yield { bench: 'failover', case: name, metric, unit: 'ms', value: at(0.5), p99: at(0.99), n: sorted.length, ...ratio };
    yield { bench: 'failover', case: name, metric: `${metric}, longest`, unit: 'ms', value: at(1), n: sorted.length };
  }
  yield { bench: 'failover', case: name, metric: 'pings lost', unit: 'packets', value: lost, n: pings };
  yield { bench: 'failover', case: name, metric: 'TCP connections lost', unit: '', value: broken, n: streams };
}

const cluster = await ClusterLab.start(['k1', 'k2', 'k3'], 3);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void cluster.close().finally(() => process.exit(1)));
try {
  await cluster.areOwned();
  const traffic = await SteadyTraffic.start(cluster.lab, cluster.pairs, streamPort);
  const deaths: Death[] = [];
  for (let at = 0; at < kills; at++) {
    const leader = await cluster.leader();
    deaths.push(await kill(cluster, leader, at));
    await leader.start();
    await cluster.areOwned();
  }
  const { lost, answered, streams } = await traffic.look();
  await traffic.stop();
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  const broken = streams.filter((each) => typeof each === 'string').length;
  for (const figure of figuresOf(deaths, sum(lost), sum(lost) + sum(answered), broken, streams.length))
    process.stdout.write(`${JSON.stringify(figure)}\n`);
} finally {
  await cluster.close();
}
