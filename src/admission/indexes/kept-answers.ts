import { isRemovalKey, type KeptAnswer, type Key } from '../keys.ts';

export const keptMs = 24 * 60 * 60 * 1000;
/** More than a large cloud has VMs: who deletes all of them may repeat each. */
const removalsMax = 16_384;
/** How many answers that are over go with each one that comes. */
const sweptMax = 2;

/** Answers kept for who repeats a request, so that those that are over, and the oldest removals, are found without a search. */
export class KeptAnswers {
  readonly #atMs = new Map<Key, number>();
  readonly #all = new ByAge();
  readonly #removals = new ByAge();

  change(key: Key, after: KeptAnswer | undefined): void {
    const lists = isRemovalKey(key) ? [this.#all, this.#removals] : [this.#all];
    const beforeMs = this.#atMs.get(key);
    if (beforeMs !== undefined) for (const list of lists) list.delete(key, beforeMs);
    this.#atMs.delete(key);
    if (after === undefined) return;
    this.#atMs.set(key, after.atMs);
    for (const list of lists) list.add(key, after.atMs);
  }

  /** Of the oldest, those that make room for another one: what is over, and a removal where there are too many. */
  surplus(nowMs: number): readonly Key[] {
    const keys = new Set<Key>();
    for (const key of this.#all) {
      if (keys.size === sweptMax || nowMs - (this.#atMs.get(key) ?? 0) < keptMs) break;
      keys.add(key);
    }
    const [first] = this.#removals.size < removalsMax ? [] : this.#removals;
    return [...(first === undefined ? keys : keys.add(first))];
  }
}

const minuteMs = 60_000;

/** Keys, the oldest first, to the minute: so they are also when they come in another order, as at a start and from members whose clocks differ. */
class ByAge {
  readonly #minutes = new Map<number, Set<Key>>();
  /** Ascending. */
  readonly #order: number[] = [];
  size = 0;

  add(key: Key, atMs: number): void {
    const minute = Math.floor(atMs / minuteMs);
    let keys = this.#minutes.get(minute);
    if (keys === undefined) {
      this.#minutes.set(minute, (keys = new Set()));
      this.#order.splice(this.#order.findLastIndex((other) => other < minute) + 1, 0, minute);
    }
    keys.add(key);
    this.size++;
  }

  delete(key: Key, atMs: number): void {
    const minute = Math.floor(atMs / minuteMs);
    const keys = this.#minutes.get(minute);
    if (keys?.delete(key) !== true) return;
    this.size--;
    if (keys.size > 0) return;
    this.#minutes.delete(minute);
    this.#order.splice(this.#order.indexOf(minute), 1);
  }

  *[Symbol.iterator](): Generator<Key> {
    for (const minute of this.#order) yield* this.#minutes.get(minute) ?? [];
  }
}
