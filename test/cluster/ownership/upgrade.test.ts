import { expect, onTestFinished, test } from 'vitest';
import { type Presence, type Release, releaseNamed, StoredOwnership } from '../../../cluster/index.ts';
import { sharingPipeline } from '../../../cluster/ownership/epoch.ts';
import { clashes } from '../../../flows/pipeline/index.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { until } from '../../support/weir-client.ts';

/** Three members that go to the next release one by one: what becomes active when, and who has the switches meanwhile. */

const here = releaseNamed('1.0.0');
const next: Release = { release: '1.1.0', version: here.version + 1, versionMin: here.version };

/** Who is there, as all of them see it; the first of them decides. */
class Room {
  #present: readonly string[] = [];
  readonly #listeners = new Set<() => void>();

  say(present: readonly string[]): void {
    this.#present = present;
    for (const listener of this.#listeners) listener();
  }

  seenBy(id: string): Presence {
    const isFirst = (): boolean => this.#present[0] === id;
    return {
      present: () => new Set([...this.#present, id]),
      get decides() {
        return isFirst();
      },
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      close: () => undefined,
    };
  }
}

const members = new Set(['a', 'b', 'c']);
const hosts = Array.from({ length: 60 }, (_, index) => `hv${index}`);

class Cluster {
  readonly store = new MemoryStore();
  readonly #room = new Room();
  readonly #running = new Map<string, StoredOwnership>();

  async start(id: string, runs: Release, pipeline: number): Promise<void> {
    const ownership = await StoredOwnership.open({
      id,
      store: this.store,
      runs,
      pipeline,
      clashes,
      clock: { wallMs: () => 1_800_000_000_000, nowMs: () => 0 },
      presence: () => this.#room.seenBy(id),
      members: () => members,
      onProblem: (error) => {
        throw error;
      },
    });
    onTestFinished(() => ownership.close());
    this.#running.set(id, ownership);
    this.#room.say([...this.#running.keys()]);
  }

  stop(id: string): void {
    this.#running.get(id)?.close();
    this.#running.delete(id);
    this.#room.say([...this.#running.keys()]);
  }

  async replace(id: string, runs: Release, pipeline: number): Promise<void> {
    this.stop(id);
    await this.start(id, runs, pipeline);
  }

  /** Who has switches. */
  get owners(): string {
    const owning = [...this.#running].filter(([id, ownership]) =>
      hosts.some((host) => ownership.isMine(host) && ownership.ownerOf(host) === id),
    );
    const all = owning.map(([id]) => id).toSorted();
    const owned = hosts.filter((host) => owning.filter(([, ownership]) => ownership.isMine(host)).length === 1);
    return owned.length === hosts.length ? all.join('') : '';
  }

  async active(): Promise<number> {
    const entry = await this.store.get('sys/version');
    return entry === undefined ? 0 : (JSON.parse(entry.value) as { readonly version: number }).version;
  }
}

test('each switch goes over once, when nobody is left who has the old pipeline; the version rises when all are new', async () => {
  const cluster = new Cluster();
  for (const id of members) await cluster.start(id, here, 1);
  await until(() => cluster.owners === 'abc');
  expect(await cluster.active()).toBe(here.version);
  await cluster.replace('a', next, 2);
  await until(() => cluster.owners === 'bc');
  await cluster.replace('b', next, 2);
  await until(() => cluster.owners === 'c');
  expect(await cluster.active()).toBe(here.version);
  cluster.stop('c');
  await until(() => cluster.owners === 'ab');
  // What it stored last is that it runs the old one.
  expect(await cluster.active()).toBe(here.version);
  await cluster.start('c', next, 2);
  await until(() => cluster.owners === 'abc');
  await until(async () => (await cluster.active()) === next.version);
});

test('before the last one is new each can go back; behind it none', async () => {
  const cluster = new Cluster();
  for (const id of members) await cluster.start(id, here, 1);
  await cluster.replace('a', next, 2);
  await cluster.replace('b', next, 2);
  await cluster.replace('a', here, 1);
  await until(() => cluster.owners === 'ac');
  await cluster.replace('a', next, 2);
  await cluster.replace('c', next, 2);
  await until(async () => (await cluster.active()) === next.version);
  const { revision } = cluster.store;
  cluster.stop('b');
  await expect(cluster.start('b', here, 1)).rejects.toMatchObject({ code: 'release-too-old' });
  await cluster.start('b', next, 2);
  expect(cluster.store.revision).toBeGreaterThan(revision);
});

test('one that comes back with the old pipeline takes no switch back that has gone over', async () => {
  const cluster = new Cluster();
  for (const id of members) await cluster.start(id, here, 1);
  await cluster.replace('a', next, 2);
  await cluster.replace('b', next, 2);
  cluster.stop('c');
  await until(() => cluster.owners === 'ab');
  await cluster.start('c', here, 1);
  await until(() => cluster.owners === 'ab');
});

test('a pipeline whose tables are those of another that is there is refused, and one between is not', async () => {
  const cluster = new Cluster();
  await cluster.start('a', here, 1);
  await cluster.start('b', here, 2);
  await until(() => cluster.owners === 'a');
  const { revision } = cluster.store;
  await expect(cluster.start('c', here, 5)).rejects.toMatchObject({
    code: 'release-too-new',
    message: expect.stringContaining('version 1'),
  });
  await expect(cluster.start('c', here, 6)).rejects.toMatchObject({
    code: 'release-too-new',
    message: expect.stringContaining('version 2'),
  });
  expect(cluster.store.revision).toBe(revision);
  await cluster.replace('a', here, 4);
  await until(() => cluster.owners === 'b');
  await cluster.replace('b', here, 5);
  await until(() => cluster.owners === 'a');
  await expect(cluster.start('c', here, 1)).rejects.toMatchObject({ code: 'release-too-old' });
  await cluster.start('c', here, 4);
  await until(() => cluster.owners === 'ac');
});

test.each([
  { before: 1, there: [2, 1, 1], share: [1, 1] },
  { before: 1, there: [2, 3], share: [2] },
  { before: 3, there: [2, 1], share: [2] },
  { before: 2, there: [2, 3, 1], share: [2] },
  { before: 1, there: [], share: [] },
])('of $there, behind $before, $share have the switches', ({ before, there, share }) => {
  const owners = sharingPipeline(
    before,
    there.map((pipeline) => ({ pipeline })),
  );
  expect(owners.map(({ pipeline }) => pipeline)).toEqual(share);
});
