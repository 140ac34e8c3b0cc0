import type { Clock } from '../base/clock.ts';
import type { Schedule } from '../base/schedule.ts';

/** A clock that is set meanwhile is noticed within this time. */
const sleepMsMax = 60_000;

/** Rings when the wall clock comes to the next minute that matters, again and again. Life: armed, rung, armed by whoever was rung for. */
export class Alarm {
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #ring: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, schedule: Schedule, ring: () => void) {
    this.#clock = clock;
    this.#schedule = schedule;
    this.#ring = ring;
  }

  /** @param minute since the Unix epoch; undefined: none matters */
  set(minute: number | undefined): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (minute === undefined) return;
    const delayMs = Math.max(1, minute * 60_000 - this.#clock.wallMs());
    this.#cancel = this.#schedule(Math.min(delayMs, sleepMsMax), this.#ring);
  }
}
