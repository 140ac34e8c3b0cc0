import { assert } from '../../src/base/errors.ts';
import { type MembershipMark, Memberships } from './memberships.ts';
import { type TermRun, TermRuns } from './term-runs.ts';
import type { Entry, LogIndex, Membership, SnapshotMark, Term } from './types.ts';

/** What a member's log holds, as its storage found it. */
export interface StoredLog {
  /** The first is the place before the first entry: index 0 and term 0, or a snapshot's. */
  readonly terms: readonly TermRun[];
  /** The first is that of the same place. */
  readonly memberships: readonly MembershipMark[];
  readonly last: LogIndex;
}

/** Bytes that an entry is counted as beside its payload. */
const entryOverheadBytes = 32;

/**
 * The log as the core sees it. Of every entry it knows the term; the newest are in memory whole, all of those that are not durable among them.
 *
 *     base ─── kept on disk only ─── resident ─── durable ─── being written ─── last
 *
 * A truncation comes always with entries that replace what it drops, so that the next write carries it out.
 */
export class RaftLog {
  readonly #terms: TermRuns;
  #memberships: Memberships;
  /** End at `last`, without a gap. */
  #resident: Entry[] = [];
  /** As here so on disk, up to it. */
  #durable: LogIndex;
  /** The last that the write under way carries, as far as it still holds; undefined without one. */
  #writing: LogIndex | undefined;
  #snapshot: SnapshotMark | undefined;

  constructor(stored: StoredLog) {
    this.#terms = new TermRuns(stored.terms, stored.last);
    this.#memberships = new Memberships(stored.memberships);
    this.#durable = stored.last;
  }

  get base(): LogIndex {
    return this.#terms.base;
  }

  get last(): LogIndex {
    return this.#terms.last;
  }

  get lastTerm(): Term {
    return this.#terms.lastTerm;
  }

  get durable(): LogIndex {
    return this.#durable;
  }

  get membership(): Membership {
    return this.#memberships.current;
  }

  get membershipIndex(): LogIndex {
    return this.#memberships.index;
  }

  /** Undefined where the log does not reach. */
  termAt(index: LogIndex): Term | undefined {
    return this.#terms.at(index);
  }

  lastUpTo(index: LogIndex, term: Term): LogIndex {
    return this.#terms.lastUpTo(index, term);
  }

  /** What a snapshot of the state after `index` stands for. */
  markAt(index: LogIndex): SnapshotMark {
    const term = this.#terms.at(index);
    assert(term !== undefined, 'a snapshot is of a place in the log');
    return { index, term, membership: this.#memberships.at(index) };
  }

  /** Whether a log that ends so has all that this one may have committed (§3.6.1). */
  isBehind(lastIndex: LogIndex, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.last);
  }

  /** Entries from `from` on, up to `upTo`, at least one, until `bytesMax` is passed. Undefined when they are no longer in memory. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    const first = this.#resident[0]?.index ?? this.last + 1;
    if (from > this.last) return [];
    if (from < first) return undefined;
    let bytes = 0;
    let end = from - first;
    const stop = Math.min(upTo, this.last) - first + 1;
    for (; end < stop; end++) {
      const entry = this.#resident[end];
      assert(entry, 'resident entries have no gap');
      const size = entryBytes(entry);
      if (bytes > 0 && bytes + size > bytesMax) break;
      bytes += size;
    }
    return this.#resident.slice(from - first, end);
  }

  append(entry: Entry): void {
    this.#terms.append(entry.index, entry.term);
    if (entry.kind === 'membership') this.#memberships.append(entry.index, entry.membership);
    this.#resident.push(entry);
  }

  /** Drops everything behind `index`, to be replaced. */
  truncate(index: LogIndex): void {
    this.#terms.truncate(index);
    this.#memberships.truncate(index);
    while ((this.#resident.at(-1)?.index ?? 0) > index) this.#resident.pop();
    this.#durable = Math.min(this.#durable, index);
    if (this.#writing !== undefined) this.#writing = Math.min(this.#writing, index);
  }

  /** A snapshot takes the place of everything. */
  restore(mark: SnapshotMark): void {
    this.#terms.reset(mark.index, mark.term);
    this.#memberships = new Memberships([{ index: mark.index, membership: mark.membership }]);
    this.#resident = [];
    this.#durable = 0;
    if (this.#writing !== undefined) this.#writing = 0;
    this.#snapshot = mark;
  }

  get hasUnwritten(): boolean {
    return this.#snapshot !== undefined || Math.max(this.#durable, this.#writing ?? 0) < this.last;
  }

  /** What is to be written; `written` ends it. */
  beginWrite(): { readonly snapshot: SnapshotMark | undefined; readonly entries: readonly Entry[] } {
    assert(this.#writing === undefined, 'one write at a time');
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    const from = Math.max(this.#durable, snapshot?.index ?? 0) + 1;
    const entries = this.entries(from, this.last, Number.POSITIVE_INFINITY);
    assert(entries, 'what is not durable is in memory');
    this.#writing = this.last;
    return { snapshot, entries };
  }

  written(): void {
    assert(this.#writing !== undefined, 'a write was begun');
    this.#durable = Math.max(this.#durable, this.#writing);
    this.#writing = undefined;
  }

  /** Entries up to `index` need not be in memory. */
  release(index: LogIndex): void {
    const through = Math.min(index, this.#durable);
    const keep = this.#resident.findIndex((entry) => entry.index > through);
    this.#resident = keep < 0 ? [] : this.#resident.slice(keep);
  }

  /** Entries up to `index` are no longer on disk either. */
  dropThrough(index: LogIndex): void {
    if (index <= this.base) return;
    assert(index <= this.#durable, 'only what is durable is dropped');
    this.release(index);
    this.#terms.dropThrough(index);
    this.#memberships.dropThrough(index);
  }
}

export function entryBytes(entry: Entry): number {
  return entryOverheadBytes + (entry.kind === 'command' ? entry.payload.length : 0);
}
