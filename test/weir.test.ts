import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunningWeir } from './support/running-weir.ts';

/** A data directory as a crash leaves it, and one that was closed. */
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weir-data-'));
  const weir = await RunningWeir.start({ data: join(directory, 'closed') });
  for (const name of ['acme', 'globex']) await weir.call('PUT', `/v1/tenants/${name}`, {});
  await cp(join(directory, 'closed'), join(directory, 'crashed'), { recursive: true });
  await weir.stop();
});
afterEach(() => rm(directory, { recursive: true }));

async function warnings(data: string): Promise<readonly string[]> {
  const weir = await RunningWeir.start({ data });
  await weir.stop();
  return weir.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
}

test('a torn last record is told of, once', async () => {
  const data = join(directory, 'crashed');
  const [segment = ''] = await readdir(join(data, 'store/log'));
  const file = join(data, 'store/log', segment);
  const bytes = await readFile(file);
  bytes.fill(0, bytes.lastIndexOf('WEIR') + 40);
  await writeFile(file, bytes);
  expect(await warnings(data)).toEqual([expect.stringContaining('a torn last record was dropped')]);
  expect(await warnings(data)).toEqual([]);
});

test('an index that was made again is told of, once', async () => {
  const data = join(directory, 'closed');
  await truncate(join(data, 'store/index/CURRENT'));
  expect(await warnings(data)).toEqual([expect.stringContaining('the index was damaged')]);
  expect(await warnings(data)).toEqual([]);
});
