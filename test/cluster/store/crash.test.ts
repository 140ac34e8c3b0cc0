import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Random } from '../../conformance/random.ts';
import { type Acknowledged, expectAcknowledged, parseAcknowledged } from './acknowledged.ts';
import { openSmall, withDirectory } from './directory.ts';

const writer = join(import.meta.dirname, 'writer.ts');

function startWriter(directory: string, retentionMs = 86_400_000): { child: ChildProcess; opened: Promise<void>; output: () => string } {
  const child = spawn(process.execPath, [writer, directory, '1000000', String(retentionMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const opened = new Promise<void>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('open\n')) resolve();
    });
  });
  return { child, opened, output: () => text };
}

it.each([86_400_000, 100])('loses nothing acknowledged when it is killed at any moment, versions kept %i ms', async (retentionMs) => {
  const random = Random.fresh();
  console.log(`seed ${random.seed}`);
  await withDirectory(async (directory) => {
    const acknowledged: Acknowledged[] = [];
    for (let round = 0; round < 12 || acknowledged.length <= 100; round++) {
      const { child, opened, output } = startWriter(directory, retentionMs);
      // Now and then in the middle of opening.
      if (random.chance(75)) await opened;
      await pause(random.below(150));
      child.kill('SIGKILL');
      await once(child, 'close');
      acknowledged.push(...parseAcknowledged(output()));
      const store = await openSmall(directory);
      await expectAcknowledged(store, acknowledged);
      await store.close();
    }
  });
});

it('is one process at a time', async () => {
  await withDirectory(async (directory) => {
    const { child, opened } = startWriter(directory);
    await opened;
    await expect(openSmall(directory)).rejects.toMatchObject({
      code: 'store-locked',
      message: expect.stringContaining(`pid ${child.pid}`) as string,
    });
    child.kill('SIGKILL');
    await once(child, 'close');
    const store = await openSmall(directory);
    await expect(openSmall(directory)).rejects.toMatchObject({ code: 'store-locked' });
    await store.close();
  });
});
