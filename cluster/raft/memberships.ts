import { assert } from '../../src/base/errors.ts';
import type { LogIndex, MemberId, Membership } from './types.ts';

export interface MembershipMark {
  readonly index: LogIndex;
  readonly membership: Membership;
}

export type MembershipChange =
  | { readonly kind: 'add-learner'; readonly member: MemberId }
  | { readonly kind: 'promote'; readonly member: MemberId }
  | { readonly kind: 'remove'; readonly member: MemberId };

/** The memberships along a log. The last one holds; the one before it, until that is committed, is what a truncation returns to. */
export class Memberships {
  #marks: readonly MembershipMark[];

  /** The first is that of the place before the log's first entry. */
  constructor(marks: readonly MembershipMark[]) {
    assert(marks.length > 0, 'a log begins with a membership');
    this.#marks = marks;
  }

  get marks(): readonly MembershipMark[] {
    return this.#marks;
  }

  get current(): Membership {
    return this.#last.membership;
  }

  /** Where the current one stands in the log. */
  get index(): LogIndex {
    return this.#last.index;
  }

  get #last(): MembershipMark {
    const last = this.#marks.at(-1);
    assert(last, 'a log begins with a membership');
    return last;
  }

  /** What held behind the entry at `index`. */
  at(index: LogIndex): Membership {
    const mark = this.#marks.findLast((candidate) => candidate.index <= index);
    assert(mark, 'the entry is in the log');
    return mark.membership;
  }

  append(index: LogIndex, membership: Membership): void {
    this.#marks = [...this.#marks, { index, membership }];
  }

  /** The log is empty and begins behind `index`. */
  reset(index: LogIndex, membership: Membership): void {
    this.#marks = [{ index, membership }];
  }

  /** Drops everything behind `index`. */
  truncate(index: LogIndex): void {
    this.#marks = this.#marks.filter((mark, at) => at === 0 || mark.index <= index);
  }

  /** Entries up to `index` are no longer kept. */
  dropThrough(index: LogIndex): void {
    this.#marks = [{ index, membership: this.at(index) }, ...this.#marks.filter((mark) => mark.index > index)];
  }
}

/** The membership after a change, or why it cannot be: `unknown-member`, `already-member`, `last-voter`. */
export function changed(
  { voters, learners }: Membership,
  { kind, member }: MembershipChange,
): Membership | 'unknown-member' | 'already-member' | 'last-voter' {
  const isVoter = voters.includes(member);
  const isLearner = learners.includes(member);
  switch (kind) {
    case 'add-learner':
      return isVoter || isLearner ? 'already-member' : { voters, learners: [...learners, member].toSorted() };
    case 'promote':
      if (isVoter) return 'already-member';
      if (!isLearner) return 'unknown-member';
      return { voters: [...voters, member].toSorted(), learners: without(learners, member) };
    case 'remove':
      if (!isVoter && !isLearner) return 'unknown-member';
      if (isVoter && voters.length === 1) return 'last-voter';
      return { voters: without(voters, member), learners: without(learners, member) };
  }
}

function without(members: readonly MemberId[], member: MemberId): readonly MemberId[] {
  return members.filter((each) => each !== member);
}
