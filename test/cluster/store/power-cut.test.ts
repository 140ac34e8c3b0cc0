import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../conformance/random.ts';
import { expectAcknowledged, parseAcknowledged } from './acknowledged.ts';
import { openSmall, withDirectory } from './directory.ts';
import { Recording, tracedCalls } from './recording.ts';

const writer = join(import.meta.dirname, 'writer.ts');
const hasStrace = spawnSync('strace', ['-V']).status === 0;
const cuts = 120;

async function record(directory: string, store: string, retentionMs: number): Promise<Recording> {
  const trace = join(directory, 'trace');
  const strace = ['-f', '-y', '-xx', '-qq', '-s', '2000000', '-e', `trace=${tracedCalls}`, '-o', trace];
  for (const count of ['60', '60']) {
    const child = spawn('strace', ['-A', ...strace, process.execPath, writer, store, count, String(retentionMs)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
  }
  return new Recording(trace, store);
}

describe.skipIf(!hasStrace)('power cuts on recorded writes', () => {
  // Where the log reaches back to the beginning the index can be lost altogether. Where it does not, LevelDB relies on
  // file systems that make a new file's name durable with its content: it writes its manifest before it syncs the directory.
  it.each([
    { retentionMs: 86_400_000, namesSynced: 'with-directory' as const },
    { retentionMs: 50, namesSynced: 'with-file' as const },
  ])('recovers everything acknowledged: versions kept $retentionMs ms, names synced $namesSynced', async ({ retentionMs, namesSynced }) => {
    const random = Random.fresh();
    console.log(`seed ${random.seed}`);
    await withDirectory(async (directory) => {
      const recording = await record(directory, join(directory, 'store'), retentionMs);
      let torn = 0;
      for (let round = 0; round < cuts; round++) {
        const image = join(directory, `image-${round}`);
        const cut = random.below(recording.events.length + 1);
        await mkdir(image);
        await recording.image(cut, random, namesSynced, image);
        const store = await openSmall(image).catch((error: unknown) => {
          throw new Error(`the disk after event ${cut} of seed ${random.seed} cannot be opened`, { cause: error });
        });
        if (store.opened.tornTail !== undefined) torn++;
        await expectAcknowledged(store, parseAcknowledged(recording.outputBefore(cut)));
        await store.transact({ compares: [], operations: [{ kind: 'put', key: '~after', value: '' }] });
        await store.close();
        await rm(image, { recursive: true });
      }
      expect(torn).toBeGreaterThan(0);
    });
  });
});
