import { seededRandom } from '../support/seeded-random.ts';

/** Choices that a seed decides. */
export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.#next = () => new DataView(random.randomize(new Uint8Array(4)).buffer).getUint32(0);
  }

  below(count: number): number {
    return this.#next() % count;
  }

  of<T>(all: readonly T[]): T {
    const chosen = all[this.below(all.length)];
    if (chosen === undefined) throw new Error('there is nothing to choose from');
    return chosen;
  }
}
