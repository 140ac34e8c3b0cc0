import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { connectTcp } from '../../src/lab/index.ts';
import { allowing, ClusterLab, streamPort, toggledPorts } from '../support/cluster-lab.ts';
import { FlowTap } from '../support/flow-tap.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { settled, settleSoon } from '../support/settled.ts';
import { SteadyTraffic } from '../support/steady-traffic.ts';
import { until } from '../support/weir-client.ts';
import type { WeirProcess } from '../support/weir-process.ts';

/**
 * Three controllers on machines of their own, three hypervisors, and between their guests a ping every 10 ms and open TCP connections, through
 * one fault after the other. `ROUNDS` asks for so many in an order by `SEED` in the place of each one once, `ONLY` for those with that in their name.
 */
let cluster: ClusterLab;
let taps: readonly FlowTap[] = [];
let traffic: SteadyTraffic;
/** Which of the two ports is let in. */
let open = 0;
let joined = 3;
/** Also those who are members no more. */
const everybody = new Set<WeirProcess>();

beforeAll(async () => {
  // Each of them owns one of the switches.
  cluster = await ClusterLab.start(['k1', 'k2', 'k3'], 3);
  await cluster.areOwned();
  await settleSoon(cluster.lab);
  taps = await Promise.all(cluster.hosts.map((host) => FlowTap.at(cluster.lab, host)));
  traffic = await SteadyTraffic.start(cluster.lab, cluster.pairs, streamPort);
});

afterAll(async () => {
  await traffic?.stop();
  await Promise.all(taps.map((tap) => tap.stop()));
  await cluster?.close();
});

/** Changes that were sent to each switch. */
const counts = (): Promise<readonly number[]> => Promise.all(taps.map((tap) => tap.count()));

/** How often a member has compared a switch that it took, and found so much to send. */
const compared = (member: WeirProcess, host: string): readonly unknown[] =>
  member.events('resynced', host).map((line) => line['flowsSent']);

/** These take over what others had, each having compared it and found nothing to send; nothing else changes anywhere either. */
async function takenOver(by: readonly WeirProcess[], during: () => Promise<void>, connected: readonly WeirProcess[] = by): Promise<void> {
  const changes = await counts();
  const before = new Map(by.flatMap((member) => cluster.hosts.map((host) => [`${member.id} ${host}`, compared(member, host).length])));
  const epochs = await Promise.all(cluster.hosts.map((host) => cluster.epoch(host)));
  await during();
  await cluster.areOwned(by, connected);
  for (const member of by) await until(() => cluster.serves(member));
  const found = by.flatMap((member) => cluster.hosts.flatMap((host) => compared(member, host).slice(before.get(`${member.id} ${host}`))));
  expect(found.filter((count) => count !== 0)).toEqual([]);
  expect(await counts()).toEqual(changes);
  for (const [at, host] of cluster.hosts.entries()) expect(await cluster.epoch(host)).toBeGreaterThanOrEqual(epochs[at] ?? 0);
}

/** A change of the policy is accepted by any of these, reaches all switches, and packets meet it. */
async function changed(at: readonly WeirProcess[]): Promise<void> {
  const before = await counts();
  const beganMs = performance.now();
  const [let1, denied] = open === 0 ? [toggledPorts[1], toggledPorts[0]] : toggledPorts;
  open = 1 - open;
  await until(async () => {
    const answers = at.map((member) => member.call('PUT', '/v1/tenants/t/policies/web', allowing(let1)).catch(() => undefined));
    return (await Promise.race(answers))?.status === 200;
  });
  const acceptedMs = performance.now() - beganMs;
  for (const member of at)
    await until(async () => {
      const answer = await member.call('PUT', '/v1/tenants/t/policies/web?wait=realized&timeoutMs=10000', allowing(let1));
      return answer.status === 200;
    });
  console.log(`accepted after ${Math.round(acceptedMs)} ms, realized everywhere after ${Math.round(performance.now() - beganMs)} ms`);
  for (const [host, count] of (await counts()).entries()) expect(count).toBeGreaterThan(before[host] ?? 0);
  await Promise.all(cluster.hosts.map((host) => settled(cluster.lab, host)));
  const probes = cluster.pairs.map(async ([from, to]) => {
    const address = to.interfaces[0]?.addresses[0]?.address ?? '';
    const { outcome } = await connectTcp(cluster.lab, from, { address, port: let1 }, 5_000);
    return [outcome, (await connectTcp(cluster.lab, from, { address, port: denied }, 300)).outcome];
  });
  expect(await Promise.all(probes)).toEqual(cluster.pairs.map(() => ['connected', 'timeout']));
}

/** An owner that does not lead. */
async function followingOwner(): Promise<WeirProcess> {
  const leader = await cluster.leader();
  const owners = new Set(cluster.hosts.map((host) => cluster.ownerOf(host)));
  const [owner] = [...owners].filter((member) => member !== leader);
  if (owner) return owner;
  await transfer(cluster.others(leader)[0] ?? leader);
  return leader;
}

/** Where another was elected instead, it is asked for again. */
async function transfer(to: WeirProcess): Promise<void> {
  await until(async () => {
    await to.call('POST', '/v1/cluster/transfer', { to: to.id });
    return (await cluster.leader()) === to;
  });
}

async function killed(member: WeirProcess): Promise<void> {
  const left = cluster.others(member);
  await takenOver(left, () => member.end('SIGKILL'));
  await changed(left);
  await takenOver(cluster.present, () => member.start());
}

async function frozen(member: WeirProcess): Promise<void> {
  const left = cluster.others(member);
  await takenOver(left, async () => member.freeze(), cluster.present);
  await changed(left);
  // It still believes that it owns what it did: whatever it does about it before it learns is of no effect.
  await takenOver(cluster.present, async () => member.thaw());
}

const lossyMs = 3_000;
const addressesOf = (members: readonly WeirProcess[]): string[] => members.map((member) => cluster.station(member).address);

/** Its switches see it, but none of the others do. */
async function cutOff(member: WeirProcess): Promise<void> {
  const left = cluster.others(member);
  await takenOver(left, () => cluster.station(member).lose(addressesOf(left)), cluster.present);
  await changed(left);
  await takenOver(cluster.present, () => cluster.station(member).loseNothing());
}

/** What comes through may be too little to decide anything; what was asked for meanwhile is carried out once all comes through again. */
async function lossy(): Promise<void> {
  for (const [at, member] of cluster.present.entries()) {
    const behind = cluster.present.slice(at + 1);
    if (behind.length > 0) await cluster.station(member).lose(addressesOf(behind), 50);
  }
  const asked = changed(cluster.present);
  await Promise.race([asked, pause(lossyMs)]);
  for (const member of cluster.present) await cluster.station(member).loseNothing();
  await asked;
  await takenOver(cluster.present, () => Promise.resolve());
}

const faults: Readonly<Record<string, () => Promise<void>>> = {
  'the leader is killed': async () => killed(await cluster.leader()),
  'an owner that does not lead is killed': async () => killed(await followingOwner()),
  'the leader stands still, and goes on': async () => frozen(await cluster.leader()),
  'an owner that does not lead stands still, and goes on': async () => frozen(await followingOwner()),
  'the leader is cut off from the others, not from its switches': async () => cutOff(await cluster.leader()),
  'half of what members say to each other is lost': lossy,
  'leadership is handed over': async () => {
    const leader = await cluster.leader();
    await takenOver(cluster.present, () => transfer(cluster.others(leader)[0] ?? leader));
  },
  'one is added, and the one that leads is removed': async () => {
    const leader = await cluster.leader();
    const added = await cluster.place(`k${++joined}`);
    await takenOver(cluster.present, () => cluster.join(added));
    await takenOver(cluster.others(leader), () => cluster.remove(leader));
  },
  'all die, and come back': async () => {
    await Promise.all(cluster.present.map((member) => member.end('SIGKILL')));
    await pause(1_000);
    await takenOver(cluster.present, async () => void (await Promise.all(cluster.present.map((member) => member.start()))));
  },
};

const seed = Number(process.env['SEED'] || Buffer.from(systemRandom.randomize(new Uint8Array(4))).readUInt32LE());
const wanted = Number(process.env['ROUNDS'] || 0);

function* drawn(): Generator<string> {
  const random = seededRandom(seed);
  const names = Object.keys(faults).filter((name) => name.includes(process.env['ONLY'] ?? ''));
  for (let count = 0; count < wanted; count++) yield names[(random.randomize(new Uint8Array(1))[0] ?? 0) % names.length] ?? '';
}

const order = wanted > 0 ? [...drawn()] : Object.keys(faults);
if (wanted > 0) console.log(`SEED=${seed} ROUNDS=${wanted}`);

test.each(order.map((name, at) => [at + 1, name] as const))('%i: %s', async (_, name) => {
  for (const member of cluster.present) everybody.add(member);
  await faults[name]?.();
  await changed(cluster.present);
  // Also when all that was over in a moment.
  await traffic.hasFlowed(50);
  const { lost, answered, streams } = await traffic.look();
  console.log(`${name}: ${answered.join(', ')} pings answered, ${lost.join(', ')} lost, ${streams.join(', ')} exchanges`);
  expect(lost).toEqual(cluster.pairs.map(() => 0));
  for (const stream of streams) expect(stream).toBeTypeOf('number');
  // No switch has refused anything, nor complained of what nobody asked for.
  expect([...everybody].flatMap((member) => member.events('openflow-error'))).toEqual([]);
});
