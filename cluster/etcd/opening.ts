import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from '../storage/files.ts';
import { DirectoryLock } from '../storage/lock.ts';
import type { Store } from '../store/port.ts';
import { EtcdStore, type EtcdStoreOptions } from './etcd-store.ts';
import { EtcdLayout } from './layout.ts';
import { EtcdLink } from './link.ts';
import { Replica } from './replica.ts';

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
