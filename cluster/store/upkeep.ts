import { WeirError } from '../../src/base/errors.ts';
import { isFull } from '../storage/files.ts';
import type { DiskReserve } from '../storage/reserve.ts';
import { failed } from './problems.ts';

export interface UpkeepOptions {
  readonly directory: string;
  readonly reserve: DiskReserve;
  /** From the beginning. */
  readonly isFull: boolean;
  /** Why nothing is to be written, again and again while it is so; undefined: what was wrong is put right. */
  readonly onRefusing: (reason: WeirError | undefined) => void;
  /** Puts right what failed. Rejects when it still does. */
  readonly recover: () => Promise<void>;
  readonly onProblem: (error: WeirError) => void;
}

const intervalMs = 1_000;
/** Writes are refused when less is available, before anything fails. */
const availableBytesMin = 4 * 1024 * 1024;

/**
 * Looks after a store's disk. Accepting (space enough, reserve in place) → refusing (`store-full`, or something failed; every second it tries to put
 * that right) → accepting.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #timer: NodeJS.Timeout;
  #refusing: WeirError | undefined;
  #tending: Promise<void> | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    if (options.isFull) this.#refuse(this.#fullError());
    this.#timer = setInterval(() => {
      this.#tending ??= this.#tend().finally(() => {
        this.#tending = undefined;
      });
    }, intervalMs).unref();
  }

  #refuse(reason: WeirError): void {
    if (this.#refusing?.code !== reason.code) this.#options.onProblem(reason);
    this.#refusing = reason;
    this.#options.onRefusing(reason);
  }

  #fullError(cause?: unknown): WeirError {
    return new WeirError('store-full', `no space left for ${this.#options.directory}; reads go on, writes once there is space`, { cause });
  }

  #failed(what: string, error: unknown): void {
    this.#refuse(isFull(error) ? this.#fullError(error) : failed(what, error));
  }

  /** What was being written is another matter than what comes: that is not written for certain. */
  writeFailed(error: WeirError): void {
    this.#refuse(error.code === 'store-full' || error.code === 'store-failed' ? error : failed('writing the log', error.cause ?? error));
  }

  /** Old versions stay; a disk that has no space for that has none for anything. */
  compactionFailed(error: unknown): void {
    if (isFull(error)) this.#refuse(this.#fullError(error));
    else this.#options.onProblem(failed('removing old versions', error));
  }

  /** Has the index opened again; for space the reserve is given up. */
  async indexFailed(error: unknown, reopen: () => Promise<void>): Promise<void> {
    const { reserve } = this.#options;
    this.#failed('writing the index', error);
    if (!isFull(error)) return reopen();
    await reserve.release();
    await reopen();
    // What is left of it is kept for the next opening.
    await reserve.made();
  }

  async #tend(): Promise<void> {
    const { reserve, onRefusing } = this.#options;
    try {
      if (this.#refusing !== undefined) {
        onRefusing(this.#refusing);
        await this.#recover();
      } else if ((await reserve.availableBytes()) < availableBytesMin) this.#refuse(this.#fullError());
    } catch (error) {
      this.#failed('making space', error);
    }
  }

  async #recover(): Promise<void> {
    const { reserve, recover, onRefusing } = this.#options;
    await reserve.make();
    if ((await reserve.availableBytes()) < 2 * availableBytesMin) return;
    await recover();
    this.#refusing = undefined;
    onRefusing(undefined);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tending;
  }
}
