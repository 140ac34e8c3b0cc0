import type { Clock } from '../../src/base/clock.ts';

const [lost, stoppedAt, ahead] = [0, 1, 2];
const machineMs = (): number => performance.timeOrigin + performance.now();

/**
 * The machine's clock for all threads that share it, which a test can stop and set. While it stands, what comes comes at once, however slow
 * the machine; time that it stood is lost, so no wait ends early when it goes on.
 */
export class SharedClock implements Clock {
  /** Milliseconds lost, when it was stopped (else NaN), and how far the wall clock is ahead. */
  readonly shared: SharedArrayBuffer;
  readonly #times: Float64Array;

  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(24);
    this.#times = new Float64Array(this.shared);
    if (!shared) this.#times[stoppedAt] = Number.NaN;
  }

  #at(index: number): number {
    return this.#times[index] ?? 0;
  }

  wallMs(): number {
    return this.nowMs() + this.#at(ahead);
  }

  nowMs(): number {
    const stoppedAtMs = this.#at(stoppedAt);
    return (Number.isNaN(stoppedAtMs) ? machineMs() : stoppedAtMs) - this.#at(lost);
  }

  /** From now on the wall clock goes on from there. */
  setWall(text: string): void {
    this.#times[ahead] = Date.parse(text) - this.nowMs();
  }

  async whileStopped<T>(work: () => Promise<T>): Promise<T> {
    const stoppedAtMs = machineMs();
    this.#times[stoppedAt] = stoppedAtMs;
    try {
      return await work();
    } finally {
      this.#times[lost] = this.#at(lost) + machineMs() - stoppedAtMs;
      this.#times[stoppedAt] = Number.NaN;
    }
  }
}
