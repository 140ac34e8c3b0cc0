import { join } from 'node:path';
import { expect, it } from 'vitest';
import { IndexHost } from '../../../cluster/storage/host.ts';
import { EntryLog } from '../../../cluster/storage/log.ts';
import { VersionIndex } from '../../../cluster/storage/versions.ts';
import { withDirectory } from '../store/directory.ts';

const mebibyte = 1024 * 1024;
const entries = [{ kind: 'empty', index: 1, term: 1 }] as const;

/** An index that what is applied fails on, and that is down then. */
async function withDown(use: (host: IndexHost, applying: Promise<unknown>) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const start = { index: 0, term: 0, revision: 0, wallMs: 0, membership: { voters: ['a'], learners: [] } };
    const log = await EntryLog.open({ directory: join(directory, 'log'), segmentBytes: 32 * 1024, verifyBytesMax: mebibyte, start });
    const down = Promise.withResolvers<void>();
    const host = new IndexHost(await VersionIndex.open(join(directory, 'index'), mebibyte), {
      log,
      memoryBytes: mebibyte,
      onFailed: () => Promise.reject(new Error('no room for it')),
      onDown: () => down.resolve(),
    });
    let isFirst = true;
    const applying = host.apply(entries, () => {
      if (!isFirst) return [];
      isFirst = false;
      throw new Error('it does not fit');
    });
    await down.promise;
    try {
      await use(host, applying);
    } finally {
      await host.close();
      await log.close();
    }
  });
}

it('another state takes the place of one that is down, and what was to be applied goes on', () =>
  withDown(async (host, applying) => {
    await expect(host.read((index) => index.range({ start: '', end: '~' }))).rejects.toMatchObject({ code: 'store-failed' });
    const replaced = host.replace(() => Promise.resolve());
    const reading = host.read((index) => index.range({ start: '', end: '~' }));
    await replaced;
    expect(await reading).toMatchObject({ entries: [] });
    expect(await applying).toEqual([]);
    expect(host.appliedIndex).toBe(1);
  }));

it('who reads waits for a change as long as it says, and who says nothing until it is over', () =>
  withDown(async (host, applying) => {
    const installed = Promise.withResolvers<void>();
    const replaced = host.replace(() => installed.promise);
    const reading = host.read((index) => index.range({ start: '', end: '~' }));
    const asked = await Promise.allSettled([host.read((index) => index.range({ start: '', end: '~' }), 1), host.opened(1)]);
    const busy = { status: 'rejected', reason: { code: 'store-busy', message: expect.stringContaining('replaced by a snapshot') } };
    expect(asked).toMatchObject([busy, busy]);
    const patient = host.read((index) => index.range({ start: '', end: '~' }), 600_000);
    installed.resolve();
    await replaced;
    expect(await Promise.all([reading, patient])).toMatchObject([{ entries: [] }, { entries: [] }]);
    await applying;
  }));

it('there is one change at a time, and closing comes behind it', () =>
  withDown(async (host, applying) => {
    const order: string[] = [];
    const replaced = host.replace(async () => void order.push('replaced')).then(() => order.push('open'));
    const again = host.replace(async () => void order.push('replaced again')).then(() => order.push('open again'));
    const closed = host.close().then(() => order.push('closed'));
    await Promise.all([replaced, again, closed]);
    expect(order).toEqual(['replaced', 'open', 'replaced again', 'open again', 'closed']);
    await applying;
    await expect(host.reopen()).rejects.toMatchObject({ code: 'store-closed' });
  }));

it('who is to be applied to an index that is down is let go when it closes', () =>
  withDown(async (host, applying) => {
    await host.close();
    expect(await applying).toBeUndefined();
    expect(() => host.index).toThrow('the index is closed');
  }));
