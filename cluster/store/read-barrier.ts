import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import { WeirError } from '../../src/base/errors.ts';

export interface ReadBarrierOptions {
  readonly clock: Clock;
  /** Settles once this member has everything that was committed before the call; rejects when nobody can tell, or it does not have it in time. */
  readonly barrier: (timeoutMs: number) => Promise<void>;
}

interface Waiting {
  readonly endMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** An election takes less than a second. */
const patienceMs = 5_000;
/** Of one question: what it waits for may not come to this member any more. */
const answerMsMax = 2_000;
const retryMs = 20;
const waitingMax = 16_384;

/**
 * Reads that must not be older than their call. One question is out at a time; those who come meanwhile share the next one, because the
 * answer to the first may be from before they came.
 */
export class ReadBarrier {
  readonly #options: ReadBarrierOptions;
  #waiting: Waiting[] = [];
  #asking: Promise<void> | undefined;
  #closed: WeirError | undefined;

  constructor(options: ReadBarrierOptions) {
    this.#options = options;
  }

  pass(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) throw this.#closed;
      if (this.#waiting.length >= waitingMax) throw new WeirError('store-busy', `${waitingMax} reads wait already; try again`);
      this.#waiting.push({ endMs: this.#options.clock.nowMs() + patienceMs, resolve, reject });
      this.#asking ??= this.#ask();
    });
  }

  /** When nobody waits. */
  async idle(): Promise<void> {
    await this.#asking;
  }

  async #ask(): Promise<void> {
    while (this.#waiting.length > 0) {
      const asking = this.#waiting.splice(0);
      try {
        await this.#options.barrier(answerMsMax);
        for (const { resolve } of asking) resolve();
      } catch (error) {
        this.#putBack(asking, error);
        await pause(retryMs);
      }
    }
    this.#asking = undefined;
  }

  #putBack(asked: readonly Waiting[], error: unknown): void {
    const nowMs = this.#options.clock.nowMs();
    const again: Waiting[] = [];
    for (const each of asked) {
      if (this.#closed === undefined && nowMs <= each.endMs) again.push(each);
      else each.reject(this.#closed ?? error);
    }
    this.#waiting = [...again, ...this.#waiting];
  }

  close(error: WeirError): void {
    this.#closed = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
