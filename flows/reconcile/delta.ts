import { assert } from '../../src/base/errors.ts';
import type { Mark, Revisions } from './revisions.ts';

/**
 * One key with its desired and its installed value. It is settled while both are equal; otherwise it is pending, refused, or sent.
 * Life of a difference: pending, sent, then acknowledged (settled, or pending again when the desire changed meanwhile), failed
 * (pending again) or refused (set aside). An entry without either value is gone unless it is sent.
 */
export interface Entry<K, V> {
  readonly key: K;
  readonly desired: V | undefined;
  readonly installed: V | undefined;
  readonly state: 'settled' | 'pending' | 'refused' | 'sent';
}

interface Cell<K, V> extends Entry<K, V> {
  desired: V | undefined;
  installed: V | undefined;
  state: 'settled' | 'pending' | 'refused' | 'sent';
  /** While sent: what the batch leaves on the switch, undefined for a deletion. */
  sent: V | undefined;
  sentMark: Mark | undefined;
  /** The oldest revision that waits for this key beyond what is sent; none for drift. */
  mark: Mark | undefined;
  /** While sent: the desire has changed since. */
  isStale: boolean;
  /** It is in the list of pending cells, which may hold it after it has settled. */
  isListed: boolean;
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

/** One side of a delta, to be read. */
export interface Side<K, V> {
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  keys(): Iterable<K>;
}

const retryMinMs = 1_000;
const retryMaxMs = 300_000;

/**
 * Desired against installed, for one kind of thing on one switch; the changes fall out of the difference. Before the first comparison
 * nothing is installed and nothing pending.
 */
export class Delta<K, V> {
  readonly desired: Side<K, V>;
  readonly installed: Side<K, V>;
  readonly refused = new Map<K, Refusal<V>>();
  readonly #cells = new Map<K, Cell<K, V>>();
  /** How often the present desire was refused; outlives the refusal while a retry is under way. */
  readonly #attempts = new Map<K, number>();
  readonly #same: (a: V, b: V) => boolean;
  readonly #revisions: Revisions;
  readonly #installedChanged: ((before: V | undefined, after: V | undefined) => void) | undefined;
  #pendingList: Cell<K, V>[] = [];
  #known = false;
  #seen: Set<Cell<K, V>> | undefined;
  #desiredCount = 0;
  #installedCount = 0;
  #pendingCount = 0;
  #sentCount = 0;
  #staleCount = 0;

  /** @param installedChanged is told of every change to what is installed but for `forget` */
  constructor(
    same: (a: V, b: V) => boolean,
    revisions: Revisions,
    installedChanged?: (before: V | undefined, after: V | undefined) => void,
  ) {
    this.#same = same;
    this.#revisions = revisions;
    this.#installedChanged = installedChanged;
    this.desired = this.#side('desired', () => this.#desiredCount);
    this.installed = this.#side('installed', () => this.#installedCount);
  }

  /** Keys that wait or are under way. */
  get changing(): number {
    return this.#pendingCount + this.#sentCount;
  }

  /** Keys that wait and are not under way. */
  get pending(): number {
    return this.#pendingCount;
  }

  /** Keys under way whose desire has changed since. */
  get stale(): number {
    return this.#staleCount;
  }

  put(key: K, value: V): void {
    const cell = this.#cells.get(key) ?? this.#create(key);
    if (cell.desired === undefined) this.#desiredCount++;
    cell.desired = value;
    if (this.#known) this.#announced(cell);
  }

  remove(key: K): void {
    const cell = this.#cells.get(key);
    if (cell?.desired === undefined) return;
    this.#desiredCount--;
    cell.desired = undefined;
    if (this.#known) this.#announced(cell);
    else this.#dropIfEmpty(cell);
  }

  /** Everything known about the switch is void; desire stays. */
  forget(): void {
    for (const cell of this.#cells.values()) {
      cell.installed = undefined;
      cell.state = 'settled';
      cell.sent = undefined;
      cell.sentMark = undefined;
      cell.mark = undefined;
      cell.isStale = false;
      cell.isListed = false;
      this.#dropIfEmpty(cell);
    }
    this.refused.clear();
    this.#attempts.clear();
    this.#pendingList = [];
    this.#installedCount = 0;
    this.#pendingCount = 0;
    this.#sentCount = 0;
    this.#staleCount = 0;
    this.#seen = undefined;
    this.#known = false;
  }

  /**
   * What the switch reports about one key: its value, or undefined for none. Reports and acknowledgements come in the order in
   * which the switch acted.
   * @returns the drift, if the report is not what was held to be installed and no batch of ours is under way for that key
   */
  observe(key: K, value: V | undefined): Drift | undefined {
    const cell = this.#cells.get(key) ?? (value === undefined ? undefined : this.#create(key));
    return cell && this.#observe(cell, value);
  }

  #observe(cell: Cell<K, V>, value: V | undefined): Drift | undefined {
    const before = cell.installed;
    this.#setInstalled(cell, value !== undefined && cell.desired !== undefined && this.#same(cell.desired, value) ? cell.desired : value);
    this.#seen?.add(cell);
    if (!this.#known || cell.state === 'sent') return undefined;
    const drift = this.#driftOf(before, value);
    if (drift && this.refused.delete(cell.key)) cell.state = 'settled';
    this.#reconsider(cell);
    return drift;
  }

  /** A full listing of the switch's content begins; `observe` what it lists, then `endListing`. */
  beginListing(): void {
    this.#seen = new Set();
  }

  /** @returns how many installed keys the listing did not name; keys under way do not count */
  endListing(): number {
    const seen = this.#seen;
    assert(seen, 'a listing ends once');
    this.#seen = undefined;
    let missing = 0;
    for (const cell of this.#cells.values()) {
      if (cell.installed !== undefined && !seen.has(cell) && cell.state !== 'sent' && this.#observe(cell, undefined)) missing++;
    }
    return missing;
  }

  /** The first listing is complete: compares everything. Each difference holds `mark`. */
  compare(mark: Mark): void {
    this.#known = true;
    for (const cell of this.#cells.values()) {
      this.#reconsider(cell);
      if (cell.state !== 'pending') continue;
      mark.outstanding++;
      cell.mark = mark;
    }
  }

  /** All that waits, at this moment. Who takes it hands every entry out or gives it back. */
  takePending(): Entry<K, V>[] {
    const taken = this.#pendingList.filter((cell) => cell.state === 'pending');
    for (const cell of this.#pendingList) cell.isListed = false;
    this.#pendingList = [];
    return taken;
  }

  /** Entries that were taken and not sent wait again. */
  giveBack(entries: Iterable<Entry<K, V>>): void {
    for (const entry of entries) if (entry.state === 'pending') this.#list(entry as Cell<K, V>);
  }

  /** A batch takes the key along, with its present desire. */
  send(entry: Entry<K, V>): void {
    const cell = entry as Cell<K, V>;
    assert(cell.state === 'pending', 'only what waits is sent');
    this.#pendingCount--;
    this.#sentCount++;
    cell.state = 'sent';
    cell.sent = cell.desired;
    cell.sentMark = cell.mark;
    cell.mark = undefined;
  }

  /** The switch has committed what was sent. */
  acknowledge(entry: Entry<K, V>): void {
    const cell = entry as Cell<K, V>;
    const mark = cell.sentMark;
    this.#setInstalled(cell, cell.sent);
    this.#seen?.add(cell);
    if (this.#attempts.size > 0) this.#attempts.delete(cell.key);
    this.#unsend(cell);
    if (mark) this.#revisions.release(mark);
    this.#reconsider(cell);
  }

  /** Nothing of what was sent is on the switch; it is pending as before. */
  fail(entry: Entry<K, V>): void {
    const cell = entry as Cell<K, V>;
    const mark = cell.sentMark;
    this.#unsend(cell);
    if (mark) {
      if (cell.mark) this.#revisions.release(cell.mark);
      cell.mark = mark;
    }
    this.#reconsider(cell);
  }

  /** Like `fail`, but the switch does not want this value: it is set aside and holds no revision back. @returns whether it still is desired */
  refuse(entry: Entry<K, V>, error: string, nowMs: number): boolean {
    const cell = entry as Cell<K, V>;
    const value = cell.sent;
    this.fail(cell);
    if (cell.state !== 'pending' || cell.desired !== value) return false;
    this.#settle(cell, 'refused');
    const attempts = (this.#attempts.get(cell.key) ?? 0) + 1;
    this.#attempts.set(cell.key, attempts);
    const retryAtMs = nowMs + Math.min(retryMaxMs, retryMinMs * 2 ** (attempts - 1));
    this.refused.set(cell.key, { value, error, attempts, retryAtMs });
    return true;
  }

  /** Makes refused values pending again whose time has come; all of them with `nowMs` Infinity. */
  retry(nowMs: number): void {
    for (const [key, refusal] of this.refused) {
      const cell = this.#cells.get(key);
      if (!cell || refusal.retryAtMs > nowMs) continue;
      this.refused.delete(key);
      cell.state = 'settled';
      this.#reconsider(cell);
    }
  }

  #side(side: 'desired' | 'installed', size: () => number): Side<K, V> {
    const cells = this.#cells;
    return {
      get size() {
        return size();
      },
      get: (key) => cells.get(key)?.[side],
      has: (key) => cells.get(key)?.[side] !== undefined,
      *keys() {
        for (const cell of cells.values()) if (cell[side] !== undefined) yield cell.key;
      },
    };
  }

  #create(key: K): Cell<K, V> {
    const cell: Cell<K, V> = {
      key,
      desired: undefined,
      installed: undefined,
      state: 'settled',
      sent: undefined,
      sentMark: undefined,
      mark: undefined,
      isStale: false,
      isListed: false,
    };
    this.#cells.set(key, cell);
    return cell;
  }

  #setInstalled(cell: Cell<K, V>, value: V | undefined): void {
    if (value !== undefined && cell.installed === undefined) this.#installedCount++;
    else if (value === undefined && cell.installed !== undefined) this.#installedCount--;
    if (cell.installed !== value) this.#installedChanged?.(cell.installed, value);
    cell.installed = value;
  }

  #driftOf(before: V | undefined, now: V | undefined): Drift | undefined {
    if (before === undefined) return now === undefined ? undefined : 'added';
    if (now === undefined) return 'removed';
    return this.#same(before, now) ? undefined : 'changed';
  }

  #differs({ desired, installed }: Entry<K, V>): boolean {
    if (desired === installed) return false;
    return desired === undefined || installed === undefined || !this.#same(desired, installed);
  }

  /** The desire changed with the latest revision. */
  #announced(cell: Cell<K, V>): void {
    if (cell.state === 'sent') {
      if (!cell.isStale) this.#staleCount++;
      cell.isStale = true;
    } else {
      const refusal = this.refused.get(cell.key);
      if (refusal && this.#isSameDesire(cell.desired, refusal.value)) return;
      if (refusal) {
        this.refused.delete(cell.key);
        cell.state = 'settled';
      }
      if (this.#attempts.size > 0) this.#attempts.delete(cell.key);
      this.#reconsider(cell);
      if (cell.state !== 'pending') return;
    }
    cell.mark ??= this.#revisions.hold();
  }

  #isSameDesire(a: V | undefined, b: V | undefined): boolean {
    return a === b || (a !== undefined && b !== undefined && this.#same(a, b));
  }

  /** Pending when the values differ, settled when not. Sent cells are left alone, and refused ones while they differ. */
  #reconsider(cell: Cell<K, V>): void {
    if (cell.state === 'sent') return;
    if (!this.#differs(cell)) {
      this.refused.delete(cell.key);
      this.#settle(cell, 'settled');
      this.#dropIfEmpty(cell);
    } else if (cell.state === 'settled') {
      cell.state = 'pending';
      this.#pendingCount++;
      this.#list(cell);
    }
  }

  #settle(cell: Cell<K, V>, state: 'settled' | 'refused'): void {
    if (cell.state === 'pending') this.#pendingCount--;
    if (cell.mark) this.#revisions.release(cell.mark);
    cell.mark = undefined;
    cell.state = state;
  }

  #unsend(cell: Cell<K, V>): void {
    assert(cell.state === 'sent', 'only what was sent is answered');
    if (cell.isStale) this.#staleCount--;
    this.#sentCount--;
    cell.isStale = false;
    cell.sent = undefined;
    cell.sentMark = undefined;
    cell.state = 'settled';
  }

  #list(cell: Cell<K, V>): void {
    if (cell.isListed) return;
    cell.isListed = true;
    this.#pendingList.push(cell);
  }

  #dropIfEmpty(cell: Cell<K, V>): void {
    if (cell.desired === undefined && cell.installed === undefined && cell.state !== 'sent') this.#cells.delete(cell.key);
  }
}
