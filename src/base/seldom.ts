import type { Clock } from './clock.ts';

const topicsMax = 256;

/** Lets the same thing be told once in a while, however often it happens. */
export class Seldom {
  readonly #intervalMs: number;
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** The one that was told the longest ago comes first. */
  readonly #told = new Map<string, { readonly atMs: number; untold: number }>();

  constructor(intervalMs: number, clock: Pick<Clock, 'nowMs'>) {
    this.#intervalMs = intervalMs;
    this.#clock = clock;
  }

  /** How often it has happened since it was told last, this time included; undefined: that was a short while ago. */
  times(topic: string): number | undefined {
    const nowMs = this.#clock.nowMs();
    const last = this.#told.get(topic);
    if (last !== undefined && nowMs - last.atMs < this.#intervalMs) {
      last.untold++;
      return undefined;
    }
    this.#told.delete(topic);
    this.#told.set(topic, { atMs: nowMs, untold: 0 });
    const [oldest] = this.#told.keys();
    if (this.#told.size > topicsMax && oldest !== undefined) this.#told.delete(oldest);
    return (last?.untold ?? 0) + 1;
  }
}
