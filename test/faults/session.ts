import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Dice } from './dice.ts';
import { FaultyCluster } from './cluster.ts';
import { type FaultKind, faults, takeWrites } from './faults.ts';
import { judge, type Judgement, judgeWatcher } from './judgement.ts';
import { Load } from './load.ts';
import { foundIn, tenant } from './record.ts';
import { Watcher } from './watcher.ts';

export interface SessionOptions {
  readonly directory: string;
  readonly members: number;
  readonly seed: number;
  readonly schedule: readonly FaultKind[];
  readonly holdMs: number;
  readonly onTold: (line: string) => void;
}

const clients = 8;
const calmMs = 300;
const recoveryMsMax = 60_000;

/** One cluster, loaded all the time, and one fault after the other; then everything is judged. */
export async function runSession(options: SessionOptions): Promise<Judgement> {
  const ids = Array.from({ length: options.members }, (_, at) => `m${at + 1}`);
  const cluster = await FaultyCluster.start(options.directory, ids);
  const [first = ''] = ids;
  await cluster.process(first).must('PUT', `/v1/tenants/${tenant}`, { spec: {} });
  const { revision: start } = await cluster.status(first);
  const watchers = ids.map((id) => ({ id, watcher: new Watcher(cluster, id, start) }));
  const load = new Load(cluster, clients, options.seed);
  const found: string[] = [];
  try {
    await everybodyHas(cluster, start);
    const dice = new Dice(options.seed);
    for (const [turn, kind] of options.schedule.entries()) {
      load.phase = `p${turn}`;
      found.push(...(await carryOut(cluster, kind, dice, load, options)));
      if (found.length > 0) break;
    }
  } finally {
    await load.stop();
  }
  await agreed(cluster, found);
  const end = await lastWrite(cluster);
  // What a member tells of the past, and what it told while it happened.
  for (const id of cluster.ids) watchers.push({ id, watcher: new Watcher(cluster, id, start) });
  const present = watchers.filter(({ id }) => cluster.ids.includes(id));
  for (const { watcher } of present) await reached(watcher, end);
  await Promise.all(watchers.map(({ watcher }) => watcher.stop()));
  const committed = present.at(-1)?.watcher.events ?? [];
  for (const { id, watcher } of present) found.push(...judgeWatcher(id, watcher.events, committed));
  const { faults: wrong, figures } = judge(load.records, committed);
  return { faults: [...found, ...wrong], figures };
}

async function everybodyHas(cluster: FaultyCluster, revision: number): Promise<void> {
  for (const id of cluster.ids)
    while ((await cluster.process(id).must<{ revision: number }>('GET', '/v1/tenants')).revision < revision) await pause(20);
}

async function carryOut(
  cluster: FaultyCluster,
  kind: FaultKind,
  dice: Dice,
  load: Load,
  { holdMs, onTold }: SessionOptions,
): Promise<readonly string[]> {
  await pause(calmMs);
  const [before, began] = [load.records.length, performance.now()];
  const meanwhile = await faults[kind](cluster, dice, holdMs);
  const over = performance.now();
  const complaint = await takeWrites(cluster, cluster.ids, recoveryMsMax);
  const took = `${(over - began).toFixed(0)} ms, all there again ${(performance.now() - over).toFixed(0)} ms later`;
  onTold(`${kind}: ${took}, ${load.records.length - before} operations`);
  return [meanwhile, complaint].filter((each) => each !== undefined).map((each) => `${kind}: ${each}`);
}

/** All members show the same documents at the same revisions. */
async function agreed(cluster: FaultyCluster, found: string[]): Promise<void> {
  for (const endsAt = performance.now() + recoveryMsMax; ; await pause(50)) {
    const states = await Promise.all(cluster.ids.map((id) => stateAt(cluster, id)));
    if (new Set(states).size === 1) return;
    if (performance.now() < endsAt) continue;
    const shown = states.map((state, at) => `${cluster.ids[at]}: ${createHash('sha256').update(state).digest('hex').slice(0, 12)}`);
    found.push(`members show different documents, by their digests ${shown.join(', ')}`);
    return;
  }
}

async function stateAt(cluster: FaultyCluster, id: string): Promise<string> {
  const all: string[] = [];
  for (const kind of ['groups', 'vms']) {
    for (let token: string | undefined = ''; token !== undefined;) {
      const path = `/v1/tenants/${tenant}/${kind}?limit=1000${token === '' ? '' : `&continue=${token}`}`;
      const page: { readonly items: readonly unknown[]; readonly continue?: string } = await cluster.process(id).must('GET', path);
      all.push(...page.items.map((item) => `${kind} ${JSON.stringify(foundIn(item))}`));
      token = page.continue;
    }
  }
  return all.join('\n');
}

/** Asks again where it cannot be told whether it was written: then it is found, and as it was. */
async function lastWrite(cluster: FaultyCluster): Promise<number> {
  const [at = ''] = cluster.ids;
  for (const endsAt = performance.now() + recoveryMsMax; ; await pause(50)) {
    const written = cluster.process(at).must<{ metadata: { revision: number } }>('PUT', '/v1/tenants/the-end', { spec: {} });
    const answer = await written.catch((error: unknown) => {
      if (performance.now() > endsAt) throw error;
    });
    if (answer !== undefined) return answer.metadata.revision;
  }
}

/** The last document that is written is the end. */
async function reached(watcher: Watcher, end: number): Promise<void> {
  for (const endsAt = performance.now() + recoveryMsMax; watcher.behind < end && performance.now() < endsAt;) await pause(20);
}
