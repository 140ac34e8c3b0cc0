import { WeirError } from './errors.ts';

interface Waiting {
  readonly value: number;
  readonly resolve: () => void;
  readonly reject: (error: WeirError) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

const waitingMax = 16_384;

/** How far something is that only goes forward, such as the revision of a state, and who waits until it is further. */
export class Watermark {
  readonly #what: string;
  readonly #waiting = new Set<Waiting>();
  #value: number;
  #ended: WeirError | undefined;

  /** `what` it counts, for people. */
  constructor(what: string, value = 0) {
    this.#what = what;
    this.#value = value;
  }

  get value(): number {
    return this.#value;
  }

  raise(value: number): void {
    if (value <= this.#value) return;
    this.#value = value;
    for (const waiting of this.#waiting) {
      if (waiting.value > value) continue;
      this.#forget(waiting);
      waiting.resolve();
    }
  }

  /**
   * Settles when it is at `value` or further. Rejects with `no-leader` when that is not so in time, which whoever gives none sees to, with `store-busy`
   * when too many wait, and with what `fail` and `end` are given.
   */
  reached(value: number, timeoutMs?: number): Promise<void> {
    if (value <= this.#value) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw this.#ended;
      if (this.#waiting.size >= waitingMax) throw new WeirError('store-busy', `${waitingMax} wait for ${this.#what} already; try again`);
      const late = (): void => {
        this.#waiting.delete(waiting);
        reject(new WeirError('no-leader', `${this.#what} ${value} did not come here in time; try again`));
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
      const waiting = { value, resolve, reject, timer };
      this.#waiting.add(waiting);
    });
  }

  /** Who waits now is told that it is in vain. */
  fail(error: WeirError): void {
    for (const waiting of this.#waiting) {
      this.#forget(waiting);
      waiting.reject(error);
    }
  }

  /** It goes no further. */
  end(error: WeirError): void {
    this.#ended = error;
    this.fail(error);
  }

  #forget(waiting: Waiting): void {
    clearTimeout(waiting.timer);
    this.#waiting.delete(waiting);
  }
}
