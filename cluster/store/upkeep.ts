import { reasonOf, WeirError } from '../../src/base/errors.ts';
import { isFull } from '../storage/files.ts';
import type { IndexHost } from '../storage/host.ts';
import type { RaftNode } from '../node/node.ts';
import type { LogIndex, MemberId } from '../raft/types.ts';
import type { EntryLog } from '../storage/log.ts';
import type { DiskReserve } from '../storage/reserve.ts';
import type { StateMachine } from './machine.ts';
import type { Proposer } from './proposer.ts';
import type { Retention } from './retention.ts';
import type { WatchHub } from './watcher.ts';

export interface UpkeepOptions {
  readonly directory: string;
  readonly log: EntryLog;
  readonly host: IndexHost;
  readonly reserve: DiskReserve;
  readonly proposer: Proposer;
  readonly machine: StateMachine;
  readonly node: RaftNode;
  readonly hub: WatchHub;
  readonly retention: Retention;
  readonly compactionIntervalMs: number;
  readonly full: boolean;
  /** Puts a staged snapshot in its place, if there is one. */
  readonly finishSnapshot: () => Promise<boolean>;
  readonly onProblem: (error: WeirError) => void;
}

const spaceIntervalMs = 1_000;
/** Why a snapshot does not get to a member that is not there, or not yet free. */
const passing: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'closed', 'store-closed', 'store-busy']);
/** Writes are refused when less is available, before anything fails. */
const availableBytesMin = 4 * 1024 * 1024;

/**
 * What a store does by itself: compaction, and looking after its space. Accepting (space enough, reserve in place) → refusing
 * (`store-full`, or the index is down; every second it tries to put that right) → accepting.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #timers: NodeJS.Timeout[];
  #refusing: WeirError | undefined;
  #tending: Promise<void> | undefined;
  /** The last that was told. */
  #readFailure: string | undefined;
  #snapshotFailure: string | undefined;
  #stopped = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    if (options.full) this.refuse(this.#fullError());
    this.#timers = [
      setInterval(() => {
        void this.#compact();
      }, options.compactionIntervalMs),
      setInterval(() => {
        this.#tending ??= this.#tend().finally(() => {
          this.#tending = undefined;
        });
      }, spaceIntervalMs),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  refuse(error: WeirError): void {
    if (this.#refusing?.code !== error.code) this.#options.onProblem(error);
    this.#refusing = error;
    this.#options.proposer.refuse(error);
    this.#options.node.handOver();
  }

  /** What was being written is another matter than what comes: that is not written for certain. */
  writeFailed(error: WeirError): void {
    this.refuse(error.code === 'store-full' || error.code === 'store-failed' ? error : failed('writing the log', error.cause ?? error));
  }

  /** Told once for each reason: it is tried again and again. */
  readFailed(error: unknown): void {
    const reason = reasonOf(error);
    if (reason === this.#readFailure) return;
    this.#readFailure = reason;
    this.#options.onProblem(error instanceof WeirError ? error : failed('reading the log', error));
  }

  /** The same; it is tried again when the member is heard. */
  snapshotFailed(to: MemberId, error: unknown): void {
    if (error instanceof WeirError && passing.has(error.code)) return;
    const reason = `the state cannot be sent to ${to}: ${reasonOf(error)}`;
    if (reason === this.#snapshotFailure) return;
    this.#snapshotFailure = reason;
    this.#options.onProblem(new WeirError('snapshot-not-sent', reason, { cause: error }));
  }

  #fullError(cause?: unknown): WeirError {
    return new WeirError('store-full', `no space left for ${this.#options.directory}; reads go on, writes once there is space`, { cause });
  }

  /** Opens the index again and brings it to `upTo`; for space the reserve is given up. */
  async indexFailed(error: unknown, upTo: LogIndex): Promise<void> {
    const { host, reserve } = this.#options;
    this.refuse(isFull(error) ? this.#fullError(error) : failed('writing the index', error));
    if (!isFull(error)) return host.reopen(upTo);
    await reserve.release();
    await host.reopen(upTo);
    // What is left of it is kept for the next opening.
    await this.#keepReserve();
  }

  async #keepReserve(): Promise<void> {
    try {
      await this.#options.reserve.make();
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }

  async #compact(): Promise<void> {
    const { host, retention, onProblem } = this.#options;
    if (host.isDown) return;
    const { index } = host;
    try {
      await retention.run();
    } catch (error) {
      // Opening the index again interrupts a run; the next one goes on where it was.
      if (this.#stopped || host.isDown || host.index !== index) return;
      if (isFull(error)) this.refuse(this.#fullError(error));
      else onProblem(failed('removing old versions', error));
    }
  }

  async #tend(): Promise<void> {
    const { reserve, node } = this.#options;
    try {
      if (this.#refusing !== undefined) node.handOver();
      if (this.#refusing !== undefined) await this.#recover();
      else if ((await reserve.availableBytes()) < availableBytesMin) this.refuse(this.#fullError());
    } catch (error) {
      this.refuse(isFull(error) ? this.#fullError(error) : failed('making space', error));
    }
  }

  async #recover(): Promise<void> {
    const { reserve, machine, log, node, proposer, hub, finishSnapshot } = this.#options;
    await reserve.make();
    if ((await reserve.availableBytes()) < 2 * availableBytesMin) return;
    if (!(await finishSnapshot())) {
      // LevelDB does not write again after a failure, also one in the background that nobody was told of yet.
      await machine.reopen();
      if (log.hasFailed) await log.reopen();
    }
    this.#refusing = undefined;
    proposer.refuse(undefined);
    node.resume();
    hub.resync();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#tending;
    await this.#options.retention.stop().catch(() => undefined);
  }
}

function failed(what: string, cause: unknown): WeirError {
  return new WeirError('store-failed', `${what} failed: ${reasonOf(cause)}`, { cause });
}
