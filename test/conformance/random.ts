/** Numbers from a seed (mulberry32), so that a failure can be run again with `WEIR_SEED`. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed;
  }

  /** A seed of the environment, or of the clock. */
  static fresh(): Random {
    const given = process.env['WEIR_SEED'];
    return new Random(given === undefined ? Date.now() % 2 ** 31 : Number(given));
  }

  /** From 0 to below `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error('nothing to choose from');
    return choice;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}
