import { assert } from '../../src/base/errors.ts';
import type { LogIndex, Term } from './types.ts';

export interface TermRun {
  /** The first index of the term. */
  readonly from: LogIndex;
  readonly term: Term;
}

/** The term of every entry of a log. Terms never decrease along it, so one number for each term that has entries is enough. */
export class TermRuns {
  /** The first stands for the entry before the log's first. */
  readonly #runs: TermRun[];
  #last: LogIndex;

  /** `runs` begins with the place before the first entry: index 0 and term 0, or a snapshot's. */
  constructor(runs: readonly TermRun[], last: LogIndex) {
    assert(runs.length > 0, 'a log begins somewhere');
    this.#runs = [...runs];
    this.#last = last;
  }

  get runs(): readonly TermRun[] {
    return [...this.#runs];
  }

  /** The index before the first entry. */
  get base(): LogIndex {
    return this.#runs[0]?.from ?? 0;
  }

  get last(): LogIndex {
    return this.#last;
  }

  get lastTerm(): Term {
    return this.#runs.at(-1)?.term ?? 0;
  }

  /** Undefined beyond either end. */
  at(index: LogIndex): Term | undefined {
    if (index < this.base || index > this.#last) return undefined;
    return this.#runs.findLast((run) => run.from <= index)?.term;
  }

  append(index: LogIndex, term: Term): void {
    assert(index === this.#last + 1, 'entries have no gap');
    assert(term >= this.lastTerm, 'terms do not decrease along the log');
    if (term !== this.lastTerm) this.#runs.push({ from: index, term });
    this.#last = index;
  }

  /** Drops everything behind `index`. */
  truncate(index: LogIndex): void {
    assert(index >= this.base && index <= this.#last, 'what is dropped was there');
    while (this.#runs.length > 1 && (this.#runs.at(-1)?.from ?? 0) > index) this.#runs.pop();
    this.#last = index;
  }

  /** The log is empty and begins behind `index`. */
  reset(index: LogIndex, term: Term): void {
    this.#runs.splice(0, this.#runs.length, { from: index, term });
    this.#last = index;
  }

  /** Entries up to `index` are no longer kept. */
  dropThrough(index: LogIndex): void {
    const term = this.at(index);
    assert(term !== undefined, 'the new base was in the log');
    const later = this.#runs.filter((run) => run.from > index);
    this.#runs.splice(0, this.#runs.length, { from: index, term }, ...later);
  }

  /** The last index up to `index` whose term is at most `term`: where logs may agree at best (§5.3 of the Raft paper). */
  lastUpTo(index: LogIndex, term: Term): LogIndex {
    let end = Math.min(index, this.#last);
    for (const run of this.#runs.toReversed()) {
      if (run.from > end) continue;
      if (run.term <= term) return end;
      end = run.from - 1;
    }
    return this.base;
  }
}
