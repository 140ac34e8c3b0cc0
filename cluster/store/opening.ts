import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CorruptionError } from '../storage/corruption.ts';
import { openDerived } from '../storage/derivation.ts';
import { syncDirectory } from '../storage/files.ts';
import { HardStateFile } from '../storage/hard-state.ts';
import { DirectoryLock } from '../storage/lock.ts';
import { EntryLog } from '../storage/log.ts';
import type { SegmentBase } from '../storage/segment.ts';
import { DiskReserve } from '../storage/reserve.ts';
import { SnapshotDirectory } from '../storage/snapshot.ts';
import { ClusterStore, type Parts } from './cluster-store.ts';
import { aloneId, type MemberStore, type StoreOptions } from './member-store.ts';

const mebibyte = 1024 * 1024;

/**
 * The store of one member, kept in a directory. Rejects with `store-locked` while another process has it, with
 * `store-corrupt` when what was acknowledged is damaged or missing, and with `store-full`.
 */
export async function openStore(options: StoreOptions): Promise<MemberStore> {
  const store = new ClusterStore(options, await openParts(options));
  try {
    await store.start();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openParts(options: StoreOptions): Promise<Parts> {
  const { directory, indexMemoryBytes = 32 * mebibyte } = options;
  await mkdir(directory, { recursive: true });
  await syncDirectory(dirname(directory));
  const reserve = new DiskReserve(directory, options.reserveBytes ?? 24 * mebibyte);
  const lock = await reserve.lendTo(() => DirectoryLock.take(directory));
  let log: EntryLog | undefined;
  let hardState: HardStateFile | undefined;
  try {
    const snapshots = new SnapshotDirectory(directory);
    // One that was received whole, and not yet put in its place when the member stopped.
    const staged = await snapshots.staged();
    const opened = await reserve.lendTo(() => openLog(options, staged));
    log = opened;
    hardState = await openHardState(join(directory, 'vote'), log, reserve);
    if (staged !== undefined) await snapshots.install(staged, log);
    const derived = await reserve.lendTo(() => openDerived(opened, join(directory, 'index'), indexMemoryBytes));
    return { lock, log, hardState, derived, indexMemoryBytes, snapshots, reserve, isFull: !(await reserve.made()) };
  } catch (error) {
    await log?.release();
    await hardState?.close();
    await lock.release();
    throw error;
  }
}

async function openLog(options: StoreOptions, staged: SegmentBase | undefined): Promise<EntryLog> {
  const log = await EntryLog.open({
    directory: join(options.directory, 'log'),
    segmentBytes: options.segmentBytes ?? 8 * mebibyte,
    verifyBytesMax: options.verifyBytesMax ?? 256 * mebibyte,
    staged,
    start: { index: 0, term: 0, revision: 0, wallMs: 0, membership: { voters: options.member?.founders ?? [aloneId], learners: [] } },
  });
  await syncDirectory(options.directory);
  return log;
}

/** It is written before the entries of its term are: one that is behind them is missing, or another's, and this member could vote twice. */
async function openHardState(file: string, log: EntryLog, reserve: DiskReserve): Promise<HardStateFile> {
  const hardState = await reserve.lendTo(() => HardStateFile.open(file));
  const { term } = hardState.hardState;
  const lastTerm = log.stored().terms.at(-1)?.term ?? 0;
  if (term >= lastTerm) return hardState;
  await hardState.close();
  throw new CorruptionError(file, `it is of term ${term}, and the log has entries of term ${lastTerm}`);
}
