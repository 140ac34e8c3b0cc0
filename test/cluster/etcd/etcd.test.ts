import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openEtcdStore } from '../../../cluster/etcd/opening.ts';
import type { Store } from '../../../cluster/index.ts';
import { describeStore } from '../../conformance/store.ts';
import { RunningEtcd } from '../../support/running-etcd.ts';

const retentionMs = 10_000;
let etcd: RunningEtcd;
let stores = 0;

beforeAll(async () => {
  etcd = await RunningEtcd.start();
});
afterAll(() => etcd.stop());

async function subject({ isForgetful }: { readonly isForgetful: boolean }) {
  const root = await mkdtemp(join(tmpdir(), 'weir-store-'));
  const prefix = `/store-${stores++}`;
  let wallMs = 1_750_000_000_000;
  const clock = { wallMs: () => wallMs, nowMs: () => performance.now() };
  const open = (directory: string, compactionIntervalMs = 10) =>
    openEtcdStore({
      etcd: { hosts: etcd.hosts, prefix },
      directory: join(root, directory),
      clock,
      retentionMs,
      compactionIntervalMs,
      indexMemoryBytes: 1024 * 1024,
    });
  let openings = 0;
  const openNext = () => open(isForgetful ? `copy-${openings++}` : 'copy');
  const other = isForgetful ? await open('other', 3_600_000) : undefined;
  let store: Store = await openNext();
  return {
    get store() {
      return store;
    },
    retentionMs,
    advance: (ms: number) => {
      wallMs += ms;
    },
    wallMs: () => wallMs,
    reopen: async () => {
      await store.close();
      store = await openNext();
      return store;
    },
    dispose: async () => {
      await store.close();
      await other?.close();
      await rm(root, { recursive: true });
    },
  };
}

describeStore('etcd', () => subject({ isForgetful: false }));
describeStore('etcd, each time with a new copy, beside another member', () => subject({ isForgetful: true }));
