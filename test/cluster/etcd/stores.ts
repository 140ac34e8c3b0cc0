import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { EtcdAccess } from '../../../cluster/etcd/link.ts';
import { openEtcdStore } from '../../../cluster/etcd/opening.ts';
import type { Store } from '../../../cluster/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import type { RunningEtcd } from '../../support/running-etcd.ts';

export interface Opening {
  readonly etcd?: Partial<EtcdAccess>;
  readonly directory?: string;
  readonly retentionMs?: number;
  readonly compactionIntervalMs?: number;
  readonly patienceMs?: number;
}

let directories = 0;

/** Members of one store on an etcd, each with a copy of its own. They are closed, and their copies removed, when the test ends. */
export async function membersOn(etcd: RunningEtcd, prefix: string): Promise<(opening?: Opening) => Promise<Store>> {
  const root = await mkdtemp(join(tmpdir(), 'weir-members-'));
  const open: Store[] = [];
  onTestFinished(async () => {
    for (const store of open) await store.close();
    await rm(root, { recursive: true });
  });
  return async ({ etcd: access = {}, directory = `copy-${directories++}`, ...options } = {}) => {
    const store = await openEtcdStore({
      etcd: { hosts: etcd.hosts, prefix, ...access },
      directory: join(root, directory),
      clock: systemClock,
      ...options,
    });
    open.push(store);
    return store;
  };
}
