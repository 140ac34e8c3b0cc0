import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import { WeirError } from '../../src/base/errors.ts';
import { isFull, syncDirectory } from '../storage/files.ts';
import { IndexHost } from '../storage/host.ts';
import { DirectoryLock } from '../storage/lock.ts';
import { CommitLog, type LoggedCommit } from '../storage/log.ts';
import { DiskReserve } from '../storage/reserve.ts';
import type { TornTail } from '../storage/verification.ts';
import type { VersionIndex } from '../storage/versions.ts';
import { CompactedError } from './errors.ts';
import { CommitPipeline } from './pipeline.ts';
import type { Commit, Entry, Outcome, RangeRequest, RangeResult, Revision, Store, Transaction, Watch } from './port.ts';
import { Retention } from './retention.ts';
import { Upkeep } from './upkeep.ts';
import { type OnCommits, type OnEnd, WatchHub } from './watcher.ts';

export interface EmbeddedStoreOptions {
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
  /** Told once when the store begins to refuse transactions, and of compaction that fails. For the log. */
  readonly onProblem?: (error: WeirError) => void;
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

export interface EmbeddedStore extends Store {
  readonly opened: OpenReport;
}

const dayMs = 24 * 60 * 60 * 1_000;
const mebibyte = 1024 * 1024;
const watchPageBytes = 64 * 1024;

/**
 * The store of one node, kept in a directory. Rejects with `store-locked` while another process has it, with
 * `store-corrupt` when what was acknowledged is damaged or missing, and with `store-full`.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  const { directory } = options;
  await mkdir(directory, { recursive: true });
  await syncDirectory(dirname(directory));
  const reserve = new DiskReserve(directory, options.reserveBytes ?? 24 * mebibyte);
  const lock = await withReserve(reserve, () => DirectoryLock.take(directory));
  let log: CommitLog | undefined;
  try {
    log = await withReserve(reserve, () => openLog(options));
    const host = await openIndex(options, log, reserve);
    return new LevelStore(options, { lock, log, host, full: !(await madeReserve(reserve)), reserve });
  } catch (error) {
    await log?.release();
    await lock.release();
    throw error;
  }
}

async function openLog(options: EmbeddedStoreOptions): Promise<CommitLog> {
  const log = await CommitLog.open({
    directory: join(options.directory, 'log'),
    segmentBytes: options.segmentBytes ?? 8 * mebibyte,
    verifyBytesMax: options.verifyBytesMax ?? 256 * mebibyte,
  });
  await syncDirectory(options.directory);
  return log;
}

function openIndex(options: EmbeddedStoreOptions, log: CommitLog, reserve: DiskReserve): Promise<IndexHost> {
  const memoryBytes = options.indexMemoryBytes ?? 32 * mebibyte;
  return withReserve(reserve, () => IndexHost.open(log, join(options.directory, 'index'), memoryBytes));
}

/** On a full disk once more with the reserve given back. */
async function withReserve<T>(reserve: DiskReserve, opening: () => Promise<T>): Promise<T> {
  try {
    return await opening();
  } catch (error) {
    if (!isFull(error)) throw error;
    await reserve.release();
    return opening();
  }
}

async function madeReserve(reserve: DiskReserve): Promise<boolean> {
  try {
    await reserve.make();
    return true;
  } catch (error) {
    if (isFull(error)) return false;
    throw error;
  }
}

interface Parts {
  readonly lock: DirectoryLock;
  readonly log: CommitLog;
  readonly host: IndexHost;
  readonly reserve: DiskReserve;
  readonly full: boolean;
}

class LevelStore implements EmbeddedStore {
  readonly opened: OpenReport;
  readonly #lock: DirectoryLock;
  readonly #log: CommitLog;
  readonly #host: IndexHost;
  readonly #pipeline: CommitPipeline;
  readonly #hub: WatchHub;
  readonly #retention: Retention;
  readonly #upkeep: Upkeep;
  #closing: Promise<void> | undefined;

  constructor(options: EmbeddedStoreOptions, { lock, log, host, reserve, full }: Parts) {
    const { clock } = options;
    this.#lock = lock;
    this.#log = log;
    this.#host = host;
    this.opened = {
      tornTail: log.tornTail,
      replayedCommits: host.replayedCommits,
      verifiedBytes: log.verifiedBytes,
      entryCount: host.entryCount,
      indexRebuilt: host.rebuilt,
      full,
    };
    this.#hub = new WatchHub({ revision: () => this.revision, after: (position) => this.#commitsAfter(position) });
    this.#pipeline = new CommitPipeline({
      log,
      host,
      clock,
      waitingMax: options.waitingMax ?? 16_384,
      waitingBytesMax: options.waitingBytesMax ?? 64 * mebibyte,
      onApplied: (commits) => this.#hub.deliver(commits),
      onIndexFailed: (error, upTo) => this.#upkeep.indexFailed(error, upTo),
      onFull: (error) => this.#upkeep.refuse(error),
    });
    this.#retention = new Retention({
      log,
      host,
      clock,
      retentionMs: options.retentionMs ?? dayMs,
      neededFrom: () => this.#hub.oldestPosition,
    });
    this.#upkeep = new Upkeep({
      directory: options.directory,
      log,
      host,
      reserve,
      pipeline: this.#pipeline,
      hub: this.#hub,
      retention: this.#retention,
      compactionIntervalMs: options.compactionIntervalMs ?? 60_000,
      full,
      onProblem: options.onProblem ?? (() => undefined),
    });
  }

  get revision(): Revision {
    return this.#pipeline.revision;
  }

  get compactedRevision(): Revision {
    return this.#host.compacted;
  }

  async get(key: string, at?: Revision): Promise<Entry | undefined> {
    this.#assertOpen();
    if (at === undefined && !this.#host.isDown) return this.#host.index.current(key);
    return this.#host.read(async (index) => (at === undefined ? index.current(key) : index.past(key, at)));
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.#assertOpen();
    return this.#host.read((index) => index.range(request));
  }

  transact(transaction: Transaction): Promise<Outcome> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    return this.#pipeline.submit(transaction);
  }

  watch(since: Revision, onCommits: OnCommits, onEnd?: OnEnd): Watch {
    this.#assertOpen();
    if (since < this.compactedRevision) throw new CompactedError(since, this.compactedRevision);
    return this.#hub.watch(since, onCommits, onEnd);
  }

  async #commitsAfter(position: Revision): Promise<Commit[]> {
    const logged = await this.#log.read(position + 1, this.revision, watchPageBytes);
    return this.#host.read(async (index) => logged.map((commit) => commitFrom(commit, index)));
  }

  async revisionAt(wallMs: number): Promise<Revision> {
    this.#assertOpen();
    const found = (await this.#log.revisionAt(wallMs)) ?? 0;
    const compacted = this.compactedRevision;
    if (found < compacted) throw new CompactedError(found, compacted);
    return Math.min(found, this.revision);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#pipeline.idle();
    this.#hub.end(closedError());
    await this.#upkeep.stop();
    if (!this.#host.isDown) await this.#flush();
    await this.#log.close();
    await this.#host.close();
    await this.#lock.release();
  }

  /** Spares the next opening the replay. Not needed for it, so a full disk may prevent it. */
  async #flush(): Promise<void> {
    try {
      await this.#host.index.flush();
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }
}

function commitFrom({ revision, wallMs, changes }: LoggedCommit, index: VersionIndex): Commit {
  return {
    revision,
    wallMs,
    changes: changes.map(({ key, value, createRevision, beforeRevision }) => ({
      key,
      ...(value === undefined ? {} : { after: { key, value, createRevision, modRevision: revision } }),
      ...(beforeRevision === 0 ? {} : { before: index.replaced(key, revision) }),
    })),
  };
}

function closedError(): WeirError {
  return new WeirError('store-closed', 'the store is closed');
}
