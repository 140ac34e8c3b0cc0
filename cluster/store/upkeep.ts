import { reasonOf, WeirError } from '../../src/base/errors.ts';
import { isFull } from '../storage/files.ts';
import type { IndexHost } from '../storage/host.ts';
import type { CommitLog } from '../storage/log.ts';
import type { DiskReserve } from '../storage/reserve.ts';
import type { CommitPipeline } from './pipeline.ts';
import type { Revision } from './port.ts';
import type { Retention } from './retention.ts';
import type { WatchHub } from './watcher.ts';

export interface UpkeepOptions {
  readonly directory: string;
  readonly log: CommitLog;
  readonly host: IndexHost;
  readonly reserve: DiskReserve;
  readonly pipeline: CommitPipeline;
  readonly hub: WatchHub;
  readonly retention: Retention;
  readonly compactionIntervalMs: number;
  readonly full: boolean;
  readonly onProblem: (error: WeirError) => void;
}

const spaceIntervalMs = 1_000;
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
    this.#options.pipeline.refuse(error);
  }

  #fullError(cause?: unknown): WeirError {
    return new WeirError('store-full', `no space left for ${this.#options.directory}; reads go on, writes once there is space`, { cause });
  }

  /** Opens the index again and brings it to `upTo`; for space the reserve is given up. */
  async indexFailed(error: unknown, upTo: Revision): Promise<void> {
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
    const { reserve } = this.#options;
    try {
      if (this.#refusing !== undefined) await this.#recover();
      else if ((await reserve.availableBytes()) < availableBytesMin) this.refuse(this.#fullError());
    } catch (error) {
      this.refuse(isFull(error) ? this.#fullError(error) : failed('making space', error));
    }
  }

  async #recover(): Promise<void> {
    const { reserve, host, log, pipeline, hub } = this.#options;
    await reserve.make();
    if ((await reserve.availableBytes()) < 2 * availableBytesMin) return;
    await pipeline.idle();
    // LevelDB does not write again after a failure, also one in the background that nobody was told of yet.
    await host.reopen(log.lastRevision);
    this.#refusing = undefined;
    pipeline.resume();
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
