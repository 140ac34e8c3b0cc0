import type { Clock } from '../../base/clock.ts';
import type { PlanTimings } from '../ports.ts';

type Part = Exclude<keyof PlanTimings, 'total'>;

/** What each part of a plan took. */
export class Stopwatch {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #startedMs: number;
  readonly #parts: Record<Part, number> = { validation: 0, connectivity: 0, findings: 0, flows: 0, counters: 0 };
  #lapMs: number;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
    this.#startedMs = this.#lapMs = clock.nowMs();
  }

  /** The part that ends now. */
  lap(part: Part): void {
    const nowMs = this.#clock.nowMs();
    this.#parts[part] += nowMs - this.#lapMs;
    this.#lapMs = nowMs;
  }

  timings(): PlanTimings {
    return { ...this.#parts, total: this.#clock.nowMs() - this.#startedMs };
  }
}
