import { isRemovalKey, type KeptAnswer, type Key } from '../keys.ts';

export const keptMs = 24 * 60 * 60 * 1000;
/** More than a large cloud has VMs: who deletes all of them may repeat each. */
const removalsMax = 16_384;
/** How many answers that are over go with each one that comes. */
const sweptMax = 2;

/**
 * Answers kept for who repeats a request, oldest first, so that those that are over are found without a search. Those of before a start are in the order of their keys: of them what is over may
 * stay until all of them are.
 */
export class KeptAnswers {
  readonly #atMs = new Map<Key, number>();
  readonly #removals = new Set<Key>();

  change(key: Key, after: KeptAnswer | undefined): void {
    this.#atMs.delete(key);
    this.#removals.delete(key);
    if (after === undefined) return;
    this.#atMs.set(key, after.atMs);
    if (isRemovalKey(key)) this.#removals.add(key);
  }

  /** Of the oldest, those that make room for another one: what is over, and a removal where there are too many. */
  surplus(nowMs: number): readonly Key[] {
    const keys: Key[] = [];
    for (const [key, atMs] of this.#atMs) {
      if (keys.length === sweptMax || nowMs - atMs < keptMs) break;
      keys.push(key);
    }
    const [first] = this.#removals;
    return first === undefined || this.#removals.size < removalsMax ? keys : [...keys, first];
  }
}
