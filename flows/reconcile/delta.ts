import { assert } from '../../src/base/errors.ts';
import type { Mark, Revisions } from './revisions.ts';

/**
 * A key whose desired value is not installed, or for which a batch is under way. Life: pending (in `Delta.changes`), sent, then
 * acknowledged (gone, or pending again when the desire changed meanwhile), failed (pending again) or refused (set aside).
 */
export interface Change<K, V> {
  readonly key: K;
  /** The oldest revision that waits for this key beyond what is sent; none for drift. */
  mark: Mark | undefined;
  /** Present while a batch is under way: what it leaves on the switch, undefined for a deletion. */
  sent: { readonly value: V | undefined; readonly mark: Mark | undefined } | undefined;
}

/** A value that the switch did not take. It is tried again when its time has come or when another value is desired. */
export interface Refusal<V> {
  /** The desired value that was refused; undefined when a deletion was. */
  readonly value: V | undefined;
  readonly error: string;
  readonly attempts: number;
  readonly retryAtMs: number;
}

/** How an observation differs from what was held to be installed. */
export type Drift = 'added' | 'removed' | 'changed';

const retryMinMs = 1_000;
const retryMaxMs = 300_000;

/**
 * Desired against installed, for one kind of thing on one switch. Both are plain maps; the changes fall out of them. Invariant
 * while `known`: a key is in `changes` or in `refused` exactly when its desired and installed values differ or a batch for it is
 * under way. Before the first comparison nothing is installed and there are no changes.
 */
export class Delta<K, V> {
  readonly desired = new Map<K, V>();
  readonly installed = new Map<K, V>();
  readonly changes = new Map<K, Change<K, V>>();
  readonly refused = new Map<K, Refusal<V>>();
  /** How often the present desire was refused; outlives the refusal while a retry is under way. */
  readonly #attempts = new Map<K, number>();
  #known = false;
  #seen: Set<K> | undefined;
  readonly #same: (a: V, b: V) => boolean;
  readonly #revisions: Revisions;

  constructor(same: (a: V, b: V) => boolean, revisions: Revisions) {
    this.#same = same;
    this.#revisions = revisions;
  }

  put(key: K, value: V): void {
    this.desired.set(key, value);
    this.#attempts.delete(key);
    if (this.#known) this.#reconsider(key, true);
  }

  remove(key: K): void {
    if (!this.desired.delete(key)) return;
    this.#attempts.delete(key);
    if (this.#known) this.#reconsider(key, true);
  }

  /** Everything known about the switch is void; desire stays. */
  forget(): void {
    this.installed.clear();
    this.changes.clear();
    this.refused.clear();
    this.#attempts.clear();
    this.#seen = undefined;
    this.#known = false;
  }

  /**
   * What the switch reports about one key: its value, or undefined for none. Reports and acknowledgements come in the order in
   * which the switch acted.
   * @returns the drift, if the report is not what was held to be installed and no batch of ours is under way for that key
   */
  observe(key: K, value: V | undefined): Drift | undefined {
    const before = this.installed.get(key);
    const wanted = this.desired.get(key);
    if (value === undefined) this.installed.delete(key);
    else this.installed.set(key, wanted !== undefined && this.#same(wanted, value) ? wanted : value);
    this.#seen?.add(key);
    if (!this.#known) return undefined;
    const drift = this.#driftOf(before, value);
    if (this.changes.get(key)?.sent) return undefined;
    if (drift) this.refused.delete(key);
    this.#reconsider(key, false);
    return drift;
  }

  /** A full listing of the switch's content begins; `observe` what it lists, then `endListing`. */
  beginListing(): void {
    this.#seen = new Set();
  }

  /** @returns how many installed keys the listing did not name; keys of batches under way do not count */
  endListing(): number {
    const seen = this.#seen;
    assert(seen, 'a listing ends once');
    this.#seen = undefined;
    let missing = 0;
    for (const key of this.installed.keys()) {
      if (!seen.has(key) && !this.changes.get(key)?.sent && this.observe(key, undefined)) missing++;
    }
    return missing;
  }

  /** The first listing is complete: compares everything. Each difference holds `mark`. */
  compare(mark: Mark): void {
    this.#known = true;
    const pend = (key: K): void => {
      mark.outstanding++;
      this.changes.set(key, { key, mark, sent: undefined });
    };
    for (const [key, value] of this.desired) {
      const there = this.installed.get(key);
      if (there === undefined || !this.#same(there, value)) pend(key);
    }
    for (const key of this.installed.keys()) if (!this.desired.has(key)) pend(key);
  }

  /** Whether the key still differs, so that sending it makes sense. */
  differs(key: K): boolean {
    const wanted = this.desired.get(key);
    const there = this.installed.get(key);
    return wanted === undefined || there === undefined ? wanted !== there : !this.#same(wanted, there);
  }

  /** A batch takes the key along, with its present desire. */
  send(change: Change<K, V>): void {
    assert(!change.sent, 'a key is in one batch at a time');
    change.sent = { value: this.desired.get(change.key), mark: change.mark };
    change.mark = undefined;
  }

  /** The switch has committed what was sent. */
  acknowledge(change: Change<K, V>): void {
    const sent = change.sent;
    assert(sent, 'only what was sent is acknowledged');
    change.sent = undefined;
    if (sent.value === undefined) this.installed.delete(change.key);
    else this.installed.set(change.key, sent.value);
    this.#seen?.add(change.key);
    this.#attempts.delete(change.key);
    if (sent.mark) this.#revisions.release(sent.mark);
    this.#reconsider(change.key, false);
  }

  /** Nothing of what was sent is on the switch; it is pending as before. */
  fail(change: Change<K, V>): void {
    const sent = change.sent;
    assert(sent, 'only what was sent fails');
    change.sent = undefined;
    if (sent.mark) {
      if (change.mark) this.#revisions.release(change.mark);
      change.mark = sent.mark;
    }
    this.#reconsider(change.key, false);
  }

  /** Like `fail`, but the switch does not want this value: it is set aside and holds no revision back. */
  refuse(change: Change<K, V>, error: string, nowMs: number): void {
    const value = change.sent?.value;
    this.fail(change);
    if (!this.changes.has(change.key) || this.desired.get(change.key) !== value) return;
    this.#drop(change);
    const attempts = (this.#attempts.get(change.key) ?? 0) + 1;
    this.#attempts.set(change.key, attempts);
    const retryAtMs = nowMs + Math.min(retryMaxMs, retryMinMs * 2 ** (attempts - 1));
    this.refused.set(change.key, { value, error, attempts, retryAtMs });
  }

  /** Makes refused values pending again whose time has come; all of them with `nowMs` Infinity. */
  retry(nowMs: number): void {
    for (const [key, refusal] of this.refused) {
      if (refusal.retryAtMs > nowMs) continue;
      this.refused.delete(key);
      this.#reconsider(key, false);
    }
  }

  #driftOf(before: V | undefined, now: V | undefined): Drift | undefined {
    if (before === undefined) return now === undefined ? undefined : 'added';
    if (now === undefined) return 'removed';
    return this.#same(before, now) ? undefined : 'changed';
  }

  /** Restores the invariant for one key. `announced`: the desire changed with the latest revision. */
  #reconsider(key: K, announced: boolean): void {
    let change = this.changes.get(key);
    if (change?.sent) {
      if (announced && !change.mark) change.mark = this.#revisions.hold();
      return;
    }
    if (!this.differs(key)) {
      if (change) this.#drop(change);
      this.refused.delete(key);
      return;
    }
    const refusal = this.refused.get(key);
    if (refusal) {
      const wanted = this.desired.get(key);
      if (wanted === refusal.value || (wanted !== undefined && refusal.value !== undefined && this.#same(wanted, refusal.value))) return;
      this.refused.delete(key);
    }
    if (!change) {
      change = { key, mark: undefined, sent: undefined };
      this.changes.set(key, change);
    }
    if (announced && !change.mark) change.mark = this.#revisions.hold();
  }

  #drop(change: Change<K, V>): void {
    if (change.mark) this.#revisions.release(change.mark);
    change.mark = undefined;
    this.changes.delete(change.key);
  }
}
