import type { KeptAnswer, Key } from '../keys.ts';

export const keptMs = 24 * 60 * 60 * 1000;

/** Answers kept for idempotency keys, oldest first, so that those that are over are found without a search. */
export class KeptAnswers {
  readonly #atMs = new Map<Key, number>();

  change(key: Key, after: KeptAnswer | undefined): void {
    this.#atMs.delete(key);
    if (after !== undefined) this.#atMs.set(key, after.atMs);
  }

  /** At most `limit` of the oldest, if they are over. */
  expired(nowMs: number, limit: number): readonly Key[] {
    const keys: Key[] = [];
    for (const [key, atMs] of this.#atMs) {
      if (keys.length === limit || nowMs - atMs < keptMs) break;
      keys.push(key);
    }
    return keys;
  }
}
