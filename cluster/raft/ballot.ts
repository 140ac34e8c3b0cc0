import type { HardState, MemberId, Term } from './types.ts';

/** The term, and who has this member's vote in it. What was decided upon it may be told once it is durable. */
export class Ballot {
  #term: Term;
  #votedFor: MemberId | undefined;
  #isChanged = false;
  #isBeingWritten = false;

  constructor({ term, votedFor }: HardState) {
    this.#term = term;
    this.#votedFor = votedFor;
  }

  get term(): Term {
    return this.#term;
  }

  get votedFor(): MemberId | undefined {
    return this.#votedFor;
  }

  /** Other than what is written or being written. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  get isDurable(): boolean {
    return !this.#isChanged && !this.#isBeingWritten;
  }

  begin(term: Term, votedFor: MemberId | undefined): void {
    this.#term = term;
    this.#votedFor = votedFor;
    this.#isChanged = true;
  }

  /** Nobody has this term's vote yet. */
  vote(candidate: MemberId): void {
    this.#votedFor = candidate;
    this.#isChanged = true;
  }

  /** Undefined when it is as it was written. */
  beginWrite(): HardState | undefined {
    if (!this.#isChanged) return undefined;
    this.#isChanged = false;
    this.#isBeingWritten = true;
    return { term: this.#term, votedFor: this.#votedFor };
  }

  written(): void {
    this.#isBeingWritten = false;
  }
}
