import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openEtcdStore } from '../../../cluster/etcd/opening.ts';
import type { Store } from '../../../cluster/index.ts';
import type { Clock } from '../../../src/base/clock.ts';
import { describeStore } from '../../conformance/store.ts';
import { storeUnderTest } from '../../conformance/store-subject.ts';
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
  const open = (clock: Clock, directory: string, compactionIntervalMs = 10) =>
    openEtcdStore({
      etcd: { hosts: etcd.hosts, prefix },
      directory: join(root, directory),
      clock,
      retentionMs,
      compactionIntervalMs,
      indexMemoryBytes: 1024 * 1024,
    });
  let openings = 0;
  let other: Store | undefined;
  return storeUnderTest({
    retentionMs,
    open: async (clock) => {
      if (isForgetful) other ??= await open(clock, 'other', 3_600_000);
      return open(clock, isForgetful ? `copy-${openings++}` : 'copy');
    },
    dispose: async () => {
      await other?.close();
      await rm(root, { recursive: true });
    },
  });
}

describeStore('etcd', () => subject({ isForgetful: false }));
describeStore('etcd, each time with a new copy, beside another member', () => subject({ isForgetful: true }));
