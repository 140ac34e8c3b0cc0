import { cp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ClassicLevel } from 'classic-level';
import { expect, it } from 'vitest';
import type { MemberStore } from '../../../cluster/index.ts';
import { Random } from '../../conformance/random.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { openSmall, withDirectory } from './directory.ts';

/** Sequential commits of about 300 bytes each, over several segments; returns a copy made before the close, as after a crash. */
async function written(directory: string, count: number, retentionMs = 86_400_000): Promise<{ crashed: string; closed: string }> {
  const closed = join(directory, 'closed');
  const crashed = join(directory, 'crashed');
  const store = await openSmall(closed, { retentionMs, compactionIntervalMs: 5 });
  for (let index = 1; index <= count; index++) {
    await store.transact(writing(put(`k${index % 10}`, `${index}`.padEnd(250, '.'))));
  }
  const compacted = retentionMs < 1_000 ? count : 0;
  while (store.compactedRevision < compacted) await pause(5);
  // The log gives up its segments last.
  if (compacted > 0) while ((await segments(closed))[0]?.endsWith('0001.log') === true) await pause(5);
  await cp(closed, crashed, { recursive: true });
  await store.close();
  return { crashed, closed };
}

async function segments(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, 'log'));
  return names.toSorted().map((name) => join(directory, 'log', name));
}

/** Where the last record of a segment begins and ends. */
async function lastRecord(file: string): Promise<{ start: number; end: number }> {
  const bytes = await readFile(file);
  const start = bytes.lastIndexOf('WEIR');
  return { start, end: Math.ceil((start + 32 + bytes.readUInt32LE(start + 8)) / 8) * 8 };
}

/** The newest segment that has records. */
async function newestWritten(directory: string): Promise<string> {
  for (const file of (await segments(directory)).toReversed()) {
    if ((await readFile(file)).indexOf('WEIR', 16) !== -1) return file;
  }
  throw new Error('no segment has records');
}

async function overwrite(file: string, offset: number, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, offset);
  await handle.close();
}

async function flip(file: string, offset: number): Promise<void> {
  const bytes = await readFile(file);
  await overwrite(file, offset, Buffer.from([(bytes[offset] ?? 0) ^ 0x40]));
}

async function expectWhole(store: MemberStore, revision: number): Promise<void> {
  expect(store.revision).toBe(revision);
  const { entries } = await store.range({ start: '', end: '~' });
  expect(Math.max(...entries.map(({ value }) => Number.parseInt(value, 10)))).toBe(revision);
  expect(await store.transact(writing(put('next', '1')))).toEqual({ committed: true, revision: revision + 1 });
  await store.close();
}

it('drops a torn tail, however it is torn, and says so', async () => {
  const random = Random.fresh();
  console.log(`seed ${random.seed}`);
  await withDirectory(async (directory) => {
    const { crashed } = await written(directory, 150);
    const name = (await newestWritten(crashed)).slice(crashed.length);
    const { start, end } = await lastRecord(crashed + name);
    const tears: ((file: string, at: number) => Promise<void>)[] = [
      (file, at) => truncate(file, at),
      (file, at) => overwrite(file, at, Buffer.alloc(end - at)),
      (file, at) => overwrite(file, at, Buffer.from(Array.from({ length: end - at }, () => random.below(256)))),
      // A page that came out of order: the beginning is missing.
      (file, at) => overwrite(file, start, Buffer.alloc(at - start)),
    ];
    for (const [kind, tear] of tears.entries()) {
      for (let round = 0; round < 6; round++) {
        const copy = join(directory, `torn-${kind}-${round}`);
        await cp(crashed, copy, { recursive: true });
        const at = start + 1 + random.below(end - start - 8);
        await tear(copy + name, at);
        const store = await openSmall(copy);
        expect(store.opened.tornTail).toMatchObject({ file: copy + name, offset: start });
        await expectWhole(store, 149);
        const again = await openSmall(copy);
        expect(again.opened.tornTail).toBeUndefined();
        expect(again.revision).toBe(150);
        await again.close();
      }
    }
  });
});

it('refuses damage that has commits behind it, with the place', async () => {
  const random = Random.fresh();
  console.log(`seed ${random.seed}`);
  await withDirectory(async (directory) => {
    const { crashed, closed } = await written(directory, 300);
    for (let round = 0; round < 12; round++) {
      const copy = join(directory, `damaged-${round}`);
      await cp(random.chance(50) ? crashed : closed, copy, { recursive: true });
      const [file = ''] = await segments(copy);
      const bytes = await readFile(file);
      const offset = random.below(bytes.lastIndexOf('WEIR'));
      await flip(file, offset);
      const before = await readFile(file);
      const refused = openSmall(copy);
      await expect(refused).rejects.toMatchObject({ code: 'store-corrupt', file });
      await expect(refused).rejects.toThrow(/at byte \d+.*restore the directory from a backup/);
      expect(await readFile(file)).toEqual(before);
    }
  });
});

it('refuses damage to what a record is padded with, too', async () => {
  await withDirectory(async (directory) => {
    const { crashed } = await written(directory, 40);
    const [file = ''] = await segments(crashed);
    const bytes = await readFile(file);
    let padded: number | undefined;
    for (let at = bytes.indexOf('WEIR', 8); at !== -1 && padded === undefined; at = bytes.indexOf('WEIR', at + 4)) {
      const payloadBytes = bytes.readUInt32LE(at + 8);
      if (payloadBytes % 8 !== 0) padded = at + 40 + payloadBytes;
    }
    await flip(file, padded ?? -1);
    await expect(openSmall(crashed)).rejects.toMatchObject({ code: 'store-corrupt', file });
  });
});

it('tells damage to the last commits from a torn tail when it was closed', async () => {
  await withDirectory(async (directory) => {
    const { closed } = await written(directory, 20);
    const file = await newestWritten(closed);
    const { start } = await lastRecord(file);
    await flip(file, start - 40);
    await expect(openSmall(closed)).rejects.toMatchObject({ code: 'store-corrupt', file });
  });
});

it('refuses a log with a segment missing, and a log that is behind the index', async () => {
  await withDirectory(async (directory) => {
    const { crashed, closed } = await written(directory, 500);
    const [, second = ''] = await segments(crashed);
    await rm(second);
    await expect(openSmall(crashed)).rejects.toMatchObject({ code: 'store-corrupt', file: second });
    await rm(join(closed, 'log'), { recursive: true });
    await expect(openSmall(closed)).rejects.toMatchObject({ code: 'store-corrupt', file: join(closed, 'log') });
  });
});

it('makes the index again from a log that reaches back to the beginning', async () => {
  await withDirectory(async (directory) => {
    const { closed } = await written(directory, 100);
    const current = join(closed, 'index', 'CURRENT');
    await writeFile(current, 'MANIFEST-999999\n');
    const store = await openSmall(closed);
    expect(store.opened.indexRebuilt).toBe(true);
    await expectWhole(store, 100);
  });
});

it('makes the index again when one of its tables is damaged', async () => {
  await withDirectory(async (directory) => {
    const { closed } = await written(directory, 200);
    const index = join(closed, 'index');
    const table = join(index, (await readdir(index)).find((name) => name.endsWith('.ldb')) ?? '');
    const { size } = await stat(table);
    const damages: ((file: string) => Promise<void>)[] = [
      (file) => truncate(file, 0),
      (file) => truncate(file, size - 5),
      (file) => truncate(file, Math.floor(size / 2)),
      (file) => rm(file),
    ];
    for (const [kind, damage] of damages.entries()) {
      const copy = join(directory, `table-${kind}`);
      await cp(closed, copy, { recursive: true });
      await damage(table.replace(closed, copy));
      const store = await openSmall(copy);
      expect(store.opened.indexRebuilt).toBe(true);
      await expectWhole(store, 200);
    }
  });
});

it('refuses an entry whose checksum does not hold when only the index had it', async () => {
  await withDirectory(async (directory) => {
    const { closed } = await written(directory, 400, 50);
    const first = (await segments(closed))[0];
    expect(first).not.toMatch(/0001\.log$/);
    const level = new ClassicLevel(join(closed, 'index'));
    const row = await level.get('ck3');
    await level.put('ck3', row?.replace('....', '..,.') ?? '');
    // Into a table: the write log of the index is not read.
    await level.compactRange('a', 'z');
    await level.close();
    await expect(openSmall(closed)).rejects.toMatchObject({ code: 'store-corrupt', message: expect.stringContaining('"k3"') as string });
    await rm(join(closed, 'index'), { recursive: true });
    await expect(openSmall(closed)).rejects.toMatchObject({
      code: 'store-corrupt',
      message: expect.stringMatching(/begins at revision/) as string,
    });
  });
});

it('verifies what it did not read on opening when it is read', async () => {
  await withDirectory(async (directory) => {
    const { closed } = await written(directory, 500);
    const [file = ''] = await segments(closed);
    const second = (await readFile(file)).indexOf('WEIR', 32);
    await flip(file, second + 100);
    const store = await openSmall(closed, { verifyBytesMax: 0 });
    const ended = new Promise((resolve) => {
      store.watch(0, () => undefined, resolve);
    });
    expect(await ended).toMatchObject({ code: 'store-corrupt', file });
    await expectWhole(store, 500);
  });
});

it('refuses data whose term and vote are missing: they may have been given', async () => {
  await withDirectory(async (directory) => {
    const { crashed, closed } = await written(directory, 10);
    for (const copy of [crashed, closed]) {
      await rm(join(copy, 'vote'));
      for (let start = 0; start < 2; start++)
        await expect(openSmall(copy)).rejects.toMatchObject({ code: 'store-corrupt', file: join(copy, 'vote') });
    }
  });
});
