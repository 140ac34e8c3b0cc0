import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { MemberStore, Outcome } from '../../../cluster/index.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { openSmall, withDirectory } from './directory.ts';
import { fill, withSmallDisk } from './small-disk.ts';

const mebibyte = 1024 * 1024;

it('refuses more than may wait, and takes it later', async () => {
  await withDirectory(async (directory) => {
    const store = await openSmall(directory, { waitingMax: 10 });
    const settled = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => store.transact(writing(put(`k${index}`, '')))));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(settled.at(-1)).toMatchObject({ reason: { code: 'store-busy' } });
    expect(await store.transact(writing(put('k', '')))).toEqual({ committed: true, revision: 11 });
    await store.close();
  });
});

/** Writes until it is refused; resolves with the reason and the number that was acknowledged. */
async function writeUntilRefused(store: MemberStore, acknowledged: Map<string, string>): Promise<string> {
  const value = 'v'.repeat(2_000);
  let refusal: string | undefined;
  const client = async (name: number): Promise<void> => {
    for (let index = 0; refusal === undefined; index++) {
      const key = `k${name}/${index}`;
      const outcome = await store.transact(writing(put(key, `${value}${index}`))).catch((error: { code: string }) => error.code);
      if (typeof outcome === 'string') refusal = outcome;
      else acknowledged.set(key, `${value}${index}`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, (_, name) => client(name)));
  return refusal ?? '';
}

async function expectAll(store: MemberStore, acknowledged: ReadonlyMap<string, string>): Promise<void> {
  const { entries } = await store.range({ start: '', end: '~' });
  const found = new Map(entries.map(({ key, value }) => [key, value]));
  for (const [key, value] of acknowledged) expect(found.get(key)).toBe(value);
}

async function untilAccepted(store: MemberStore): Promise<Outcome> {
  for (;;) {
    const outcome = await store.transact(writing(put('z', ''))).catch(() => undefined);
    if (outcome !== undefined) return outcome;
    await pause(50);
  }
}

describe.skipIf(process.getuid?.() !== 0)('on a full disk', () => {
  it('refuses writes, reads on, opens again, and goes on when there is space', async () => {
    await withSmallDisk(40 * mebibyte, async (disk) => {
      const directory = join(disk, 'store');
      const options = { segmentBytes: mebibyte, reserveBytes: 4 * mebibyte };
      const store = await openSmall(directory, options);
      const acknowledged = new Map<string, string>();
      await store.transact(writing(put('first', '1')));
      await fill(join(disk, 'filler'));
      expect(await writeUntilRefused(store, acknowledged)).toBe('store-full');
      expect(acknowledged.size).toBeGreaterThan(0);
      await expectAll(store, acknowledged);
      expect((await store.get('first'))?.value).toBe('1');
      await store.close();
      await fill(join(disk, 'more'));

      const again = await openSmall(directory, options);
      await expectAll(again, acknowledged);
      while ((await writeUntilRefused(again, acknowledged)) !== 'store-full') await pause(10);
      await expectAll(again, acknowledged);
      for (let part = 0; part < 60; part++) await rm(join(disk, `filler-${part}`), { force: true });
      expect((await untilAccepted(again)).committed).toBe(true);
      await expectAll(again, acknowledged);
      await again.close();
    });
  });

  it('survives LevelDB running out of space, whatever it was doing', async () => {
    for (let leftKib = 64; leftKib <= 2_048; leftKib *= 2) {
      await withSmallDisk(24 * mebibyte, async (disk) => {
        const directory = join(disk, 'store');
        const store = await openSmall(directory, { segmentBytes: 8 * mebibyte, reserveBytes: 4 * mebibyte });
        await fill(join(disk, 'filler'));
        await rm(join(disk, 'filler-0'));
        await writeFile(join(disk, 'rest'), Buffer.alloc(Math.max(0, 256 - leftKib) * 1024));
        const acknowledged = new Map<string, string>();
        const reason = await writeUntilRefused(store, acknowledged);
        expect(['store-full', 'unknown-outcome']).toContain(reason);
        await expectAll(store, acknowledged);
        await store.close();
      });
    }
  });
});
