import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import type { WeirError } from '../../src/base/errors.ts';
import type { Exchange } from '../ownership/exchange.ts';
import type { MembershipChange } from '../raft/memberships.ts';
import type { MemberId, Membership } from '../raft/types.ts';
import { CorruptionError } from '../storage/corruption.ts';
import { openDerived } from '../storage/derivation.ts';
import { syncDirectory } from '../storage/files.ts';
import { HardStateFile } from '../storage/hard-state.ts';
import { DirectoryLock } from '../storage/lock.ts';
import { EntryLog } from '../storage/log.ts';
import type { SegmentBase } from '../storage/segment.ts';
import { DiskReserve } from '../storage/reserve.ts';
import { SnapshotDirectory } from '../storage/snapshot.ts';
import type { TornTail } from '../storage/verification.ts';
import type { Transport, TransportHandlers } from '../transport/port.ts';
import { ClusterStore, type Parts } from './cluster-store.ts';
import type { Store } from './port.ts';

export interface StoreOptions {
  /** Made when it is missing. One process at a time. */
  readonly directory: string;
  readonly clock: Clock;
  /** How long versions are kept, 24 h. */
  readonly retentionMs?: number;
  /** How often versions that are too old are looked for, 60 s. */
  readonly compactionIntervalMs?: number;
  /** Of the commit log, preallocated, 8 MiB each. */
  readonly segmentBytes?: number;
  /** Kept back on the disk, 24 MiB: enough to open and to write out the index's memory on a full disk. */
  readonly reserveBytes?: number;
  /** Buffers and cache of the index, 32 MiB. */
  readonly indexMemoryBytes?: number;
  /** How much of the newest part of the log is verified on opening, 256 MiB. The rest is verified as it is read. */
  readonly verifyBytesMax?: number;
  /** Transactions that may wait before `store-busy`, 16,384, and their bytes, 64 MiB. */
  readonly waitingMax?: number;
  readonly waitingBytesMax?: number;
  /** Who this is, and how it speaks with the others; without it, a cluster of one. */
  readonly member?: MemberOptions;
  /** Told once when the store begins to refuse transactions, and of compaction that fails. For the log. */
  readonly onProblem?: (error: WeirError) => void;
}

export interface MemberOptions {
  readonly id: MemberId;
  /** Who counts at the very beginning: the same at each founder; nobody at a member that is added later. */
  readonly founders: readonly MemberId[];
  /** Undefined: nobody reaches this member, which is alone. */
  readonly transport: ((handlers: TransportHandlers) => Promise<Transport>) | undefined;
  /** Of other members, beside transactions. */
  readonly onRequest?: (from: MemberId, request: unknown) => Promise<unknown>;
  /** Who counts has changed. */
  readonly onMembership?: () => void;
  /** Another leads, or nobody that this member knows of. */
  readonly onLeader?: (leader: MemberId | undefined, term: number) => void;
}

/** What opening found and did. */
export interface OpenReport {
  /** A write was under way at a crash; what it left was dropped. Nothing of it had been acknowledged. */
  readonly tornTail: TornTail | undefined;
  readonly replayedCommits: number;
  readonly verifiedBytes: number;
  readonly entryCount: number;
  /** The index was damaged and was made again from the log. */
  readonly indexRebuilt: boolean;
  /** The disk is full: reads work, transactions fail with `store-full` until there is space. */
  readonly full: boolean;
}

export interface MemberStore extends Store {
  readonly opened: OpenReport;
  readonly cluster: Cluster;
  /** What is there now, without what it replaced; whatever is written meanwhile. It can be read until `use` settles. */
  snapshot<T>(use: (snapshot: StoreSnapshot) => Promise<T>): Promise<T>;
}

export interface StoreSnapshot {
  /** What it stands for. */
  readonly base: SegmentBase;
  /** As `SnapshotDirectory` takes them. */
  readonly chunks: AsyncIterable<Buffer>;
}

/** The cluster as this member sees it. */
export interface Cluster {
  readonly id: MemberId;
  readonly leader: MemberId | undefined;
  readonly term: number;
  readonly membership: Membership;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** At the leader: up to where the member's log is known to agree. */
  matchOf(member: MemberId): number | undefined;
  /** At the leader; where the change will stand in the log. Throws a WeirError that says why not. */
  change(change: MembershipChange): number;
  /** At the leader. Throws a WeirError that says why not. */
  transfer(to: MemberId): void;
  /** What members say to each other beside the log. */
  readonly exchange: Exchange;
}

const mebibyte = 1024 * 1024;
/** The name of the member of a cluster of one. */
export const aloneId = 'alone';

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
