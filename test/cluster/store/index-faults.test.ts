import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import type { MemberStore } from '../../../cluster/index.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { openSmall, withDirectory } from './directory.ts';

type Classic = typeof import('classic-level');

type What = 'open' | 'write' | 'compact';

/** How often LevelDB does not do what it is asked for, and how often it was asked. */
const faults = vi.hoisted(() => ({ left: new Map<What, number>(), tried: { open: 0, write: 0, compact: 0 } }));

vi.mock('classic-level', async (importOriginal) => {
  const original = await importOriginal<Classic>();
  const attempt = (what: What): void => {
    faults.tried[what]++;
    const left = faults.left.get(what) ?? 0;
    faults.left.set(what, left - 1);
    if (left > 0) throw Object.assign(new Error(`IO error: ${what}: Input/output error`), { code: 'LEVEL_IO_ERROR' });
  };
  class FaultyLevel extends original.ClassicLevel {
    override async open(): Promise<void> {
      attempt('open');
      await super.open();
    }

    override batch(): never {
      const batch = super.batch();
      const write = batch.write.bind(batch);
      batch.write = async () => {
        attempt('write');
        await write();
      };
      return batch as never;
    }

    override async compactRange(start: unknown, end: unknown): Promise<void> {
      attempt('compact');
      await super.compactRange(start as string, end as string);
    }
  }
  return { ...original, ClassicLevel: FaultyLevel };
});

afterEach(() => faults.left.clear());

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(10);
}

async function withStore(use: (store: MemberStore, problems: readonly string[], directory: string) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const problems: string[] = [];
    const path = join(directory, 'store');
    const store = await openSmall(path, { onProblem: ({ code }) => problems.push(code) });
    try {
      await use(store, problems, path);
    } finally {
      faults.left.clear();
      await store.close();
    }
    // What was acknowledged is there, nobody holds the directory, and no index stands open.
    const again = await openSmall(path);
    try {
      expect((await again.get('first'))?.value).toBe('1');
      expect((await again.get('second'))?.value).toBe('2');
    } finally {
      await again.close();
    }
  });
}

/** The second write is in the log, and LevelDB does not take it. */
async function failedBehind(store: MemberStore, failing: Partial<Record<What, number>>): Promise<void> {
  await store.transact(writing(put('first', '1')));
  await store.range({ start: '', end: '~' });
  for (const what of ['open', 'write', 'compact'] as const) faults.left.set(what, failing[what] ?? 0);
  await store.transact(writing(put('second', '2')));
}

async function writesAgain(store: MemberStore): Promise<void> {
  await vi.waitFor(() => store.transact(writing(put('third', '3'))), { timeout: 20_000 });
}

it('an index that takes a write no more is opened again, and nobody reads less than before', () =>
  withStore(async (store, problems) => {
    await failedBehind(store, { write: 1 });
    const { entries } = await store.range({ start: '', end: '~' });
    expect(entries.map(({ value }) => value)).toEqual(['1', '2']);
    expect(problems).toEqual(['store-failed']);
    await writesAgain(store);
  }));

it('an index that fails again while it is opened is down, says so once, and comes back', () =>
  withStore(async (store, problems) => {
    await failedBehind(store, { write: Infinity });
    const seen: number[] = [];
    const watch = store.watch(1, (commits) => seen.push(...commits.map(({ revision }) => revision)));
    const opened = faults.tried.open;
    // By itself, and by those who look after it; each finds that LevelDB does not take what the log has.
    await until(() => faults.tried.open > opened + 2);
    await expect(store.range({ start: '', end: '~' })).rejects.toMatchObject({ code: 'store-failed' });
    await expect(store.transact(writing(put('third', '3')))).rejects.toMatchObject({ code: 'store-failed' });
    expect(problems).toEqual(['store-failed']);
    faults.left.clear();
    await writesAgain(store);
    await until(() => seen.length === 2);
    expect(seen).toEqual([2, 3]);
    watch.close();
  }));

it('a store whose index is down closes', () =>
  withStore(async (store) => {
    await failedBehind(store, { write: 1, open: Infinity });
    const opened = faults.tried.open;
    await until(() => faults.tried.open > opened + 1);
    await store.close();
  }));

it.each([{ open: Infinity }, {}])('a store that closes while its index fails leaves nothing open: %j', (more) =>
  withStore(async (store) => {
    await failedBehind(store, { write: 1, ...more });
    await store.close();
  }),
);

it('an index that cannot be written out at the end is behind its log, and nothing else', () =>
  withStore(async (store) => {
    await failedBehind(store, { compact: 1 });
    await store.close();
  }));
