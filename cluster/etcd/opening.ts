import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import type { WeirError } from '../../src/base/errors.ts';
import { syncDirectory } from '../storage/files.ts';
import { DirectoryLock } from '../storage/lock.ts';
import type { Store } from '../store/port.ts';
import { EtcdStore } from './etcd-store.ts';
import { EtcdLayout } from './layout.ts';
import { type EtcdAccess, EtcdLink } from './link.ts';
import { Replica } from './replica.ts';

export interface EtcdStoreOptions {
  readonly etcd: EtcdAccess;
  /** Of this member's copy, made when it is missing; one process at a time. It can be removed while the store is closed. */
  readonly directory: string;
  readonly clock: Clock;
  /** How long versions are kept, 24 h. The same at all members. */
  readonly retentionMs?: number;
  /** How often versions that are too old are looked for, 60 s. */
  readonly compactionIntervalMs?: number;
  /** Buffers and cache of the copy, 32 MiB. */
  readonly indexMemoryBytes?: number;
  /** For how long an etcd that does not answer is tried, 6 s. */
  readonly patienceMs?: number;
  /** Transactions that may wait before `store-busy`, 16,384, and their bytes, 64 MiB. */
  readonly waitingMax?: number;
  readonly waitingBytesMax?: number;
  /** Told of what goes on wrong in the background. For the log. */
  readonly onProblem?: (error: WeirError) => void;
}

/** The store that members share in an etcd. Rejects with `no-leader` when that cannot be reached, with `store-failed` when it refuses, and with `store-locked`. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const { etcd, directory, clock } = options;
  await mkdir(directory, { recursive: true });
  await syncDirectory(dirname(directory));
  const lock = await DirectoryLock.take(directory);
  const link = new EtcdLink(etcd, clock, options.patienceMs);
  let replica: Replica | undefined;
  try {
    replica = await Replica.open(directory, options.indexMemoryBytes ?? 32 * 1024 * 1024);
    const store = new EtcdStore(options, { link, layout: new EtcdLayout(etcd.prefix), replica, lock });
    await store.start();
    return store;
  } catch (error) {
    link.close();
    await replica?.close();
    await lock.release();
    throw error;
  }
}
