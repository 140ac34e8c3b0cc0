import { setTimeout as pause } from 'node:timers/promises';
import type { Dice } from './dice.ts';
import type { FaultyCluster } from './cluster.ts';

/** What goes wrong, to whom. */
export const faultKinds = [
  'kill-leader',
  'kill-follower',
  'freeze-leader',
  'freeze-follower',
  'part-leader',
  'part-follower',
  'deafen-leader',
  'deafen-follower',
  'flap-leader',
  'flap-follower',
  'lose-packets',
  'fill-leader',
  'fill-follower',
  'slow-leader',
  'slow-follower',
  'fail-leader',
  'fail-follower',
  'transfer',
  'change-members',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Whose logs say something of it. */
interface Told {
  readonly by: (cluster: FaultyCluster, id: string) => readonly string[];
  readonly says: RegExp;
}

/** What was wrong while it lasted; undefined: nothing. */
type Fault = (cluster: FaultyCluster, dice: Dice, holdMs: number) => Promise<string | undefined>;
type Chosen = (cluster: FaultyCluster, dice: Dice) => Promise<string>;

const leader: Chosen = (cluster) => cluster.leader();
const follower: Chosen = async (cluster, dice) => dice.of(cluster.others(await cluster.leader()));

/** One member is struck. The others go on without it, or with it: they take writes, and logs say what they should, before it is over. */
function strike(
  choose: Chosen,
  begin: (cluster: FaultyCluster, id: string, dice: Dice) => Promise<void>,
  end: (cluster: FaultyCluster, id: string) => Promise<void>,
  { by, says }: Told = { by: () => [], says: /^/ },
): Fault {
  return async (cluster, dice, holdMs) => {
    const id = await choose(cluster, dice);
    const logs = by(cluster, id).map((each) => ({ each, before: cluster.process(each).log.length }));
    await begin(cluster, id, dice);
    const complaints = await Promise.all([
      takeWrites(cluster, cluster.others(id), patienceMs),
      ...logs.map(({ each, before }) => silence(cluster, each, before, says)),
      pause(holdMs, undefined),
    ]);
    await end(cluster, id);
    const complaint = complaints.find((each) => each !== undefined);
    return complaint && `with ${id} struck, ${complaint}`;
  };
}

const patienceMs = 60_000;

/** Settles when the log of a member says it behind its first lines; with a complaint when that takes too long. */
async function silence(cluster: FaultyCluster, by: string, before: number, says: RegExp): Promise<string | undefined> {
  const isSaid = (): boolean =>
    cluster
      .process(by)
      .log.slice(before)
      .some((line) => says.test(JSON.stringify(line)));
  for (const endsAt = performance.now() + patienceMs; !isSaid(); await pause(20))
    if (performance.now() > endsAt) return `the log of ${by} says nothing of ${says.source}`;
  return undefined;
}

const kill = (choose: Chosen): Fault =>
  strike(
    choose,
    (cluster, id) => cluster.process(id).end('SIGKILL'),
    (cluster, id) => cluster.process(id).start(),
    { by: (cluster, id) => cluster.others(id), says: /peer-down/ },
  );

const freeze = (choose: Chosen): Fault =>
  strike(
    choose,
    async (cluster, id) => cluster.process(id).freeze(),
    async (cluster, id) => cluster.process(id).thaw(),
  );

const part = (choose: Chosen, both: boolean): Fault =>
  strike(
    choose,
    (cluster, id) => cluster.cabling.cut(id, cluster.others(id), both),
    (cluster, id) => cluster.cabling.clear(id),
  );

const fill = (choose: Chosen): Fault =>
  strike(
    choose,
    (cluster, id) => cluster.disk(id).fill(),
    async (cluster, id) => cluster.disk(id).empty(),
    { by: (_cluster, id) => [id], says: /store-full/ },
  );

const slow = (choose: Chosen): Fault =>
  strike(
    choose,
    (cluster, id, dice) => cluster.tamper(id, `delay_enter=${100 + dice.below(300)}ms`),
    (cluster, id) => cluster.leaveAlone(id),
  );

const fail = (choose: Chosen): Fault =>
  strike(
    choose,
    (cluster, id) => cluster.tamper(id, 'error=EIO'),
    (cluster, id) => cluster.leaveAlone(id),
    { by: (_cluster, id) => [id], says: /store-failed/ },
  );

const flap =
  (choose: Chosen): Fault =>
  async (cluster, dice, holdMs) => {
    const id = await choose(cluster, dice);
    for (const endsAt = performance.now() + holdMs; performance.now() < endsAt;) {
      await cluster.cabling.cut(id, cluster.others(id), dice.below(2) === 0);
      await pause(100 + dice.below(500));
      await cluster.cabling.clear(id);
      await pause(100 + dice.below(500));
    }
    return undefined;
  };

const lossPercent = 50;

const losePackets: Fault = async (cluster, _dice, holdMs) => {
  for (const id of cluster.ids) await cluster.cabling.lose(id, cluster.others(id), lossPercent);
  await pause(holdMs);
  for (const id of cluster.ids) await cluster.cabling.clear(id);
  return undefined;
};

const transfer: Fault = async (cluster, dice, holdMs) => {
  const before = await cluster.leader();
  await cluster.process(before).call('POST', '/v1/cluster/transfer', { to: dice.of(cluster.others(before)) });
  await pause(holdMs);
  return undefined;
};

/** One comes, and another one goes. */
const changeMembers: Fault = async (cluster, dice, holdMs) => {
  const gone = dice.of(cluster.ids);
  await cluster.add();
  await cluster.remove(gone);
  await pause(holdMs);
  return undefined;
};

export const faults: Readonly<Record<FaultKind, Fault>> = {
  'kill-leader': kill(leader),
  'kill-follower': kill(follower),
  'freeze-leader': freeze(leader),
  'freeze-follower': freeze(follower),
  'part-leader': part(leader, true),
  'part-follower': part(follower, true),
  'deafen-leader': part(leader, false),
  'deafen-follower': part(follower, false),
  'flap-leader': flap(leader),
  'flap-follower': flap(follower),
  'lose-packets': losePackets,
  'fill-leader': fill(leader),
  'fill-follower': fill(follower),
  'slow-leader': slow(leader),
  'slow-follower': slow(follower),
  'fail-leader': fail(leader),
  'fail-follower': fail(follower),
  transfer,
  'change-members': changeMembers,
};

/** Settles when each of them says that it is ready, and takes a write; with a complaint when that takes too long. */
export async function takeWrites(cluster: FaultyCluster, ids: readonly string[], timeoutMs: number): Promise<string | undefined> {
  const endsAt = performance.now() + timeoutMs;
  for (const id of ids) {
    const member = cluster.process(id);
    const answers = (method: string, path: string, body?: unknown): Promise<number> =>
      member.call(method, path, body).then(
        ({ status }) => status,
        () => 0,
      );
    for (;;) {
      const ready = await answers('GET', '/readyz');
      const written = await answers('PUT', `/v1/tenants/at-${id}`, { spec: {} });
      if (ready === 200 && (written === 200 || written === 201)) break;
      if (performance.now() > endsAt)
        return `${id} answers ${ready} to whether it is ready, and ${written} to a write, after ${timeoutMs} ms`;
      await pause(50);
    }
  }
  return undefined;
}
