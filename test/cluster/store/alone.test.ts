import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeStore } from '../../conformance/store.ts';
import { openSmall } from './directory.ts';

const retentionMs = 10_000;

describeStore('a cluster of one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'weir-store-'));
  let wallMs = 1_750_000_000_000;
  const clock = { wallMs: () => wallMs, nowMs: () => performance.now() };
  const open = () => openSmall(directory, { clock, retentionMs, compactionIntervalMs: 10 });
  let store = await open();
  return {
    get store() {
      return store;
    },
    retentionMs,
    advance: (ms) => {
      wallMs += ms;
    },
    wallMs: () => wallMs,
    reopen: async () => {
      await store.close();
      store = await open();
      return store;
    },
    dispose: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
