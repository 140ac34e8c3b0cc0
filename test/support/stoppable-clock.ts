import type { Clock } from '../../src/base/clock.ts';

/**
 * The machine's clock, which a test can stop: what comes while it stands comes at once, however slow the machine. Time that it stood is
 * lost, so no wait ends early when it goes on.
 */
export class StoppableClock implements Clock {
  #lostMs = 0;
  #stoppedAtMs: number | undefined;

  wallMs(): number {
    return performance.timeOrigin + this.nowMs();
  }

  nowMs(): number {
    return (this.#stoppedAtMs ?? performance.now()) - this.#lostMs;
  }

  async whileStopped<T>(work: () => Promise<T>): Promise<T> {
    const stoppedAtMs = performance.now();
    this.#stoppedAtMs = stoppedAtMs;
    try {
      return await work();
    } finally {
      this.#lostMs += performance.now() - stoppedAtMs;
      this.#stoppedAtMs = undefined;
    }
  }
}
