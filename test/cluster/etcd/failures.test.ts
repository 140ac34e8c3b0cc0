import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Store } from '../../../cluster/index.ts';
import { all, Collector, put, writing } from '../../conformance/store-subject.ts';
import { unreachableEtcd } from '../../../cluster/etcd/link.ts';
import { RunningEtcd } from '../../support/running-etcd.ts';
import { membersOn } from './stores.ts';

async function started(options: Parameters<typeof RunningEtcd.start>[0] = {}): Promise<RunningEtcd> {
  const etcd = await RunningEtcd.start(options);
  onTestFinished(() => etcd.stop());
  return etcd;
}

/** Writes one key after another until it is told to stop, whatever becomes of it. */
class Load {
  readonly acknowledged = new Map<string, number>();
  readonly refused = new Set<string>();
  readonly unknown = new Set<string>();
  readonly #done: Promise<void>;
  #isStopped = false;

  constructor(store: Store, name: string) {
    this.#done = this.#run(store, name);
  }

  async #run(store: Store, name: string): Promise<void> {
    for (let write = 0; !this.#isStopped; write++) {
      const key = `${name}/${write}`;
      try {
        const { revision } = await store.transact(writing(put(key, String(write))));
        this.acknowledged.set(key, revision);
      } catch (error) {
        ((error as { code?: string }).code === 'unknown-outcome' ? this.unknown : this.refused).add(key);
      }
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }
}

/** Settles when so many more writes are acknowledged. */
async function goesOn(load: Load, more = 20): Promise<void> {
  const enough = load.acknowledged.size + more;
  while (load.acknowledged.size < enough) await pause(5);
}

/** What was acknowledged is there, at the revision that was told; what was refused is not; watches have told each commit once. */
async function check(store: Store, loads: readonly Load[], collectors: readonly Collector[]): Promise<void> {
  const { entries, revision } = await store.range(all);
  const found = new Map(entries.map(({ key, modRevision }) => [key, modRevision]));
  for (const { acknowledged, refused } of loads) {
    for (const [key, at] of acknowledged) expect([key, found.get(key)]).toEqual([key, at]);
    for (const key of refused) expect([key, found.get(key)]).toEqual([key, undefined]);
  }
  // Each write has a key of its own.
  expect(entries).toHaveLength(revision);
  for (const collector of collectors) {
    await collector.reached(revision);
    expect(collector.commits).toHaveLength(revision);
    expect(collector.ends).toEqual([]);
  }
}

function watching(store: Store): Collector {
  const collector = new Collector(0);
  store.watch(0, collector.onCommits, collector.onEnd);
  return collector;
}

test('an etcd that is killed and comes back: nothing acknowledged is lost, and watches go on without gap or repeat', async () => {
  const etcd = await started();
  const member = await membersOn(etcd, '/weir');
  const [one, two] = [await member(), await member()];
  const collectors = [watching(one), watching(two)];
  const loads = [new Load(one, 'one'), new Load(one, 'more'), new Load(two, 'two')];
  for (let round = 0; round < 4; round++) {
    for (const load of loads) await goesOn(load);
    await etcd.kill();
    await pause(round * 100);
    etcd.resume();
  }
  for (const load of loads) await goesOn(load);
  // What etcd itself remembers of the past does not matter.
  await etcd.ctl('compact', await etcd.revision());
  for (const load of loads) await goesOn(load);
  for (const load of loads) await load.stop();
  await check(two, loads, collectors);
});

test('three etcd servers: the leader is killed, or stands still, and it goes on with the others', async () => {
  const etcd = await started({ members: 3 });
  const member = await membersOn(etcd, '/weir');
  const [one, two] = [await member(), await member()];
  const collectors = [watching(one), watching(two)];
  const loads = [new Load(one, 'one'), new Load(two, 'two')];
  for (const load of loads) await goesOn(load);
  const first = await etcd.leader();
  await etcd.kill(first);
  for (const load of loads) await goesOn(load);
  etcd.resume(first);
  await etcd.ready();
  for (const load of loads) await goesOn(load);
  const second = await etcd.leader();
  await etcd.freeze(second);
  for (const load of loads) await goesOn(load);
  etcd.thaw(second);
  for (const load of loads) await goesOn(load);
  for (const load of loads) await load.stop();
  await check(one, loads, collectors);
});

test('without etcd reads and writes are refused in bounded time, and work again when it is back', async () => {
  const etcd = await started();
  const member = await membersOn(etcd, '/weir');
  const store = await member({ patienceMs: 2_000 });
  await store.transact(writing(put('k', '1')));
  const collector = watching(store);
  await etcd.kill();
  const codes = await Promise.all(
    [store.get('k'), store.range(all), store.transact(writing(put('k', '2'))), member({ patienceMs: 2_000 })].map((under) =>
      under.then(
        () => 'answered',
        (error: { code?: string }) => error.code,
      ),
    ),
  );
  expect(codes).toEqual(['no-leader', 'no-leader', expect.stringMatching(/^(no-leader|unknown-outcome)$/), 'no-leader']);
  // Now it knows that etcd is away before it sends anything.
  await expect(store.transact(writing(put('k', '2')))).rejects.toMatchObject({ code: 'no-leader' });
  // The past that this member has needs nobody.
  expect(await store.get('k', 1)).toMatchObject({ value: '1' });
  etcd.resume();
  await etcd.ready();
  expect(await store.transact(writing(put('k', '3')))).toEqual({ committed: true, revision: 2 });
  await collector.reached(2);
});

test('an etcd that stands still: a write that may have got there has an unknown outcome', async () => {
  const etcd = await started();
  const store = await (await membersOn(etcd, '/weir'))({ patienceMs: 2_000 });
  await store.transact(writing(put('k', '1')));
  await etcd.freeze(0);
  await expect(store.transact(writing(put('k', '2')))).rejects.toMatchObject({ code: 'unknown-outcome' });
  etcd.thaw(0);
  await etcd.ready();
  // Whatever became of it, what follows stands behind it.
  const { revision } = await store.transact(writing(put('k', '3')));
  expect([2, 3]).toContain(revision);
  expect(await store.get('k')).toMatchObject({ value: '3', modRevision: revision });
});

test('an etcd that is full refuses writes, answers reads, and takes writes again when there is space', async () => {
  const etcd = await started({ flags: ['--quota-backend-bytes', String(8 * 1024 * 1024)] });
  const store = await (await membersOn(etcd, '/weir'))();
  await store.transact(writing(put('k', '1')));
  const other = await (await membersOn(etcd, '/other'))();
  const fill = async (): Promise<void> => {
    for (let write = 0; write < 100; write++) await other.transact(writing(put(`k${write}`, 'v'.repeat(200_000))));
  };
  await expect(fill()).rejects.toMatchObject({ code: 'store-full' });
  await expect(store.transact(writing(put('k', '2')))).rejects.toMatchObject({ code: 'store-full' });
  expect(await store.range(all)).toMatchObject({ entries: [{ key: 'k', value: '1' }], revision: 1 });
  await other.close();
  await etcd.ctl('del', '--prefix', '/other/');
  await etcd.ctl('compact', await etcd.revision());
  await etcd.ctl('defrag');
  await etcd.ctl('alarm', 'disarm');
  expect(await store.transact(writing(put('k', '3')))).toEqual({ committed: true, revision: 2 });
});

test('of an etcd that is not there the reason is told, and nothing of how it was asked', () => {
  const library = '14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:2379. Resolution note: ';
  expect(unreachableEtcd(new Error(library))).toMatchObject({
    code: 'no-leader',
    message: 'etcd does not answer: connect ECONNREFUSED 127.0.0.1:2379',
  });
  expect(unreachableEtcd(new Error('4 DEADLINE_EXCEEDED')).message).toBe('etcd does not answer: 4 DEADLINE_EXCEEDED');
});
