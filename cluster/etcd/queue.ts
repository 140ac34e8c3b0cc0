import { WeirError } from '../../src/base/errors.ts';
import type { Outcome, Transaction } from '../store/port.ts';

/** A transaction that has yet to be judged. */
export interface Waiting {
  readonly transaction: Transaction;
  readonly bytes: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface QueueOptions {
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
  /** Settles all of them, and never rejects. */
  readonly commit: (group: readonly Waiting[]) => Promise<void>;
}

/** Of one group, unless a single transaction has more: within one record that needs no parts. */
const groupBytesMax = 48 * 1024;
const groupMax = 512;

/** Transactions in the order of their calls. While one group is being committed the next one gathers. */
export class TransactionQueue {
  readonly #options: QueueOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  submit(transaction: Transaction, bytes: number): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const { waitingMax, waitingBytesMax } = this.#options;
      if (this.#waiting.length >= waitingMax || (this.#waitingBytes + bytes > waitingBytesMax && this.#waiting.length > 0)) {
        throw new WeirError('store-busy', `${this.#waiting.length} transactions wait already; try again`);
      }
      this.#waiting.push({ transaction, bytes, resolve, reject });
      this.#waitingBytes += bytes;
      this.#running ??= this.#run();
    });
  }

  /** When nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // Behind everything that this turn of the loop submits.
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    while (this.#waiting.length > 0) await this.#options.commit(this.#next());
    this.#running = undefined;
  }

  #next(): readonly Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const { bytes: more } of this.#waiting) {
      if (count === groupMax || (count > 0 && bytes + more > groupBytesMax)) break;
      bytes += more;
      count++;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingBytes -= bytes;
    return group;
  }
}
