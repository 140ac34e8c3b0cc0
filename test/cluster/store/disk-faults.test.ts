import { readlinkSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WeirError } from '../../../src/base/errors.ts';
import { EntryLog } from '../../../cluster/storage/log.ts';
import type { Transport, TransportHandlers } from '../../../cluster/transport/port.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { openSmall, withDirectory } from './directory.ts';
import { Members } from './members.ts';
import { fill, free, withSmallDisks } from './small-disk.ts';

type Files = typeof import('../../../cluster/storage/files.ts');

/** What happens to syncs of files below a directory. */
const faults = vi.hoisted(() => new Map<string, 'fails' | 'slow'>());

vi.mock('../../../cluster/storage/files.ts', async (importOriginal) => {
  const original = await importOriginal<Files>();
  return {
    ...original,
    syncData: async (descriptor: number): Promise<void> => {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`);
      for (const [directory, fault] of faults) {
        if (!path.startsWith(`${directory}/`)) continue;
        if (fault === 'fails') throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
        await pause(300);
      }
      return original.syncData(descriptor);
    },
  };
});

afterEach(() => faults.clear());

const mebibyte = 1024 * 1024;
const ids = ['a', 'b', 'c'];

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(10);
}

/** Clients of every member that write all the time, and remember what was acknowledged. */
class Writers {
  readonly acknowledged = new Map<string, string>();
  /** Through each member. */
  readonly counts = new Map<string, number>();
  readonly #members: Members;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(members: Members) {
    this.#members = members;
    this.#running = Promise.all(ids.flatMap((id) => [0, 1].map((name) => this.#run(id, name)))).then(() => undefined);
  }

  async #run(id: string, name: number): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      const key = `${id}/${name}/${number}`;
      try {
        await this.#members.store(id).transact(writing(put(key, `${number}`.padEnd(200, '.'))));
        this.acknowledged.set(key, `${number}`.padEnd(200, '.'));
        this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
      }
      await pause(2);
    }
  }

  /** Until so many more were acknowledged through each of them. */
  async progress(through: readonly string[], more: number): Promise<void> {
    const start = new Map(this.counts);
    await until(() => through.every((id) => (this.counts.get(id) ?? 0) >= (start.get(id) ?? 0) + more));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

async function expectAll(members: Members, acknowledged: ReadonlyMap<string, string>): Promise<void> {
  for (const store of members.stores.values()) {
    const { entries } = await store.range({ start: '', end: '~' });
    const found = new Map(entries.map(({ key, value }) => [key, value]));
    for (const [key, value] of acknowledged) expect(found.get(key)).toBe(value);
  }
}

/** `role` is that of the member that has the fault. */
async function withFault(
  directory: string,
  role: 'leader' | 'follower',
  fault: (victim: string, members: Members, writers: Writers) => Promise<void>,
): Promise<void> {
  const members = await Members.open(directory, ids);
  const writers = new Writers(members);
  try {
    const leader = (await members.leader()).cluster.id;
    await writers.progress(ids, 20);
    await fault(role === 'leader' ? leader : (ids.find((id) => id !== leader) ?? ''), members, writers);
    // It is as good as the others again.
    await writers.progress(ids, 20);
    await writers.stop();
    await expectAll(members, writers.acknowledged);
  } finally {
    faults.clear();
    await writers.stop();
    await members.close();
  }
}

const othersThan = (victim: string): string[] => ids.filter((id) => id !== victim);

describe.skipIf(process.getuid?.() !== 0)('a member whose disk is full', () => {
  it.each(['leader', 'follower'] as const)(
    'lets the others go on, says so, and comes back with space and its reserve: %s',
    async (role) => {
      await withSmallDisks(ids, 24 * mebibyte, async (directory) => {
        await withFault(directory, role, async (victim, members, writers) => {
          const filler = join(directory, victim, 'filler');
          const parts = await fill(filler);
          await until(() => members.problems.some(({ member, code }) => member === victim && code === 'store-full'));
          await until(() => othersThan(victim).some((id) => members.store(id).cluster.leader === id));
          expect(members.problems.filter(({ member }) => member !== victim)).toEqual([]);
          await writers.progress(othersThan(victim), 100);
          await free(filler, parts);
          await writers.progress([victim], 20);
          expect((await stat(join(directory, victim, 'reserve'))).size).toBe(64 * 1024);
        });
      });
    },
  );
});

describe('a member whose syncs fail', () => {
  it.each(['leader', 'follower'] as const)('acknowledges nothing of it, says so, and comes back when they do not: %s', async (role) => {
    await withDirectory(async (directory) => {
      await withFault(directory, role, async (victim, members, writers) => {
        faults.set(join(directory, victim), 'fails');
        await until(() => members.problems.some(({ member, code }) => member === victim && code === 'store-failed'));
        await until(() => othersThan(victim).some((id) => members.store(id).cluster.leader === id));
        const last = members.store(victim).cluster.matchOf(victim);
        await writers.progress(othersThan(victim), 50);
        // It tries to come back meanwhile, and fails at the first entry that it is sent.
        expect(members.store(victim).cluster.appliedIndex).toBeLessThanOrEqual(last ?? 0);
        faults.clear();
        await writers.progress([victim], 20);
      });
    });
  });
});

it.each(['leader', 'follower'] as const)('a member whose syncs are slow loses nothing, and the others go on: %s', async (role) => {
  await withDirectory(async (directory) => {
    await withFault(directory, role, async (victim, _members, writers) => {
      faults.set(join(directory, victim), 'slow');
      await writers.progress(othersThan(victim), 5);
      faults.clear();
    });
  });
});

it('a disk that fails while a snapshot is received refuses the snapshot, and ends nothing else', async () => {
  await withDirectory(async (directory) => {
    const problems: string[] = [];
    const opened = Promise.withResolvers<TransportHandlers>();
    const transport: Transport = {
      send: () => undefined,
      request: () => Promise.reject(new WeirError('unreachable', 'nobody is there')),
      sendSnapshot: () => Promise.reject(new WeirError('unreachable', 'nobody is there')),
      setPeers: () => undefined,
      isReachable: () => false,
      close: () => Promise.resolve(),
    };
    const store = await openSmall(directory, {
      onProblem: ({ code }) => problems.push(code),
      member: {
        id: 'a',
        founders: ['a', 'b'],
        transport: async (handlers) => {
          opened.resolve(handlers);
          return transport;
        },
      },
    });
    try {
      const handlers = await opened.promise;
      const cut = Promise.withResolvers<never>();
      // It may come before anybody asks for the first chunk.
      cut.promise.catch(() => undefined);
      const chunks = { [Symbol.asyncIterator]: () => ({ next: () => cut.promise }) };
      const base = { index: 9, term: 1, revision: 9, wallMs: 0, membership: { voters: ['a', 'b'], learners: [] } };
      const received = handlers.onSnapshot('b', { term: 7, base }, chunks);
      faults.set(directory, 'fails');
      handlers.onMessage({ kind: 'heartbeat', from: 'b', to: 'a', term: 7, commit: 0, round: 1 });
      await until(() => problems.includes('store-failed'));
      cut.reject(new WeirError('closed', 'the sender went'));
      await expect(received).rejects.toMatchObject({ code: 'closed' });
      expect(store.revision).toBe(0);
    } finally {
      faults.clear();
      await store.close();
    }
  });
});

it('does not take for durable what a failed sync left to be read', async () => {
  await withDirectory(async (directory) => {
    const start = { index: 0, term: 0, revision: 0, wallMs: 0, membership: { voters: ['a'], learners: [] } };
    const options = { directory: join(directory, 'log'), segmentBytes: 32 * 1024, verifyBytesMax: mebibyte, start };
    const log = await EntryLog.open(options);
    await log.append([{ kind: 'empty', index: 1, term: 1 }]);
    faults.set(directory, 'fails');
    await expect(log.append([{ kind: 'empty', index: 2, term: 1 }])).rejects.toMatchObject({ code: 'unknown-outcome' });
    await expect(log.append([{ kind: 'empty', index: 2, term: 1 }])).rejects.toMatchObject({ code: 'store-failed' });
    faults.clear();
    await log.reopen();
    expect(log.lastIndex).toBe(1);
    await log.append([{ kind: 'empty', index: 2, term: 2 }]);
    await log.release();
    const again = await EntryLog.open(options);
    expect((await again.entries(1, 2, mebibyte)).map(({ term }) => term)).toEqual([1, 2]);
    await again.close();
  });
});
