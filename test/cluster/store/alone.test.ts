import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeStore } from '../../conformance/store.ts';
import { storeUnderTest } from '../../conformance/store-subject.ts';
import { openSmall } from './directory.ts';

const retentionMs = 10_000;

describeStore('a cluster of one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'weir-store-'));
  return storeUnderTest({
    retentionMs,
    open: (clock) => openSmall(directory, { clock, retentionMs, compactionIntervalMs: 10 }),
    dispose: () => rm(directory, { recursive: true }),
  });
});
