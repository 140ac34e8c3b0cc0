import type { TermRun } from '../../cluster/raft/term-runs.ts';
import type { StoredLog } from '../../cluster/raft/log.ts';
import type { Entry, HardState, LogIndex, MemberId, Membership, SnapshotMark, Term, Write } from '../../cluster/raft/types.ts';
import type { Dice } from './dice.ts';
import type { Invariants } from './invariants.ts';

/** The state after `mark.index`: every key's last value and where it was written. */
export interface SnapshotState {
  readonly mark: SnapshotMark;
  readonly values: ReadonlyMap<string, string>;
}

/** What a member has when it starts again. Of a write that a crash interrupts, any beginning may be there. */
export class Disk {
  readonly #member: MemberId;
  readonly #invariants: Invariants;
  hardState: HardState = { term: 0, votedFor: undefined };
  snapshot: SnapshotState;
  #entries: Entry[] = [];
  /** Digests of the log up to the snapshot, and up to each entry. */
  #digests: number[] = [0];

  constructor(member: MemberId, membership: Membership, invariants: Invariants) {
    this.#member = member;
    this.#invariants = invariants;
    this.snapshot = { mark: { index: 0, term: 0, membership }, values: new Map() };
  }

  entries(from: LogIndex, upTo: LogIndex): readonly Entry[] {
    const base = this.snapshot.mark.index;
    return this.#entries.slice(from - base - 1, upTo - base);
  }

  has(index: LogIndex, term: Term): boolean {
    return index <= this.snapshot.mark.index || this.entries(index, index)[0]?.term === term;
  }

  /** Whether it keeps that it voted so, or had gone on to a later term. */
  votedFor(member: MemberId, term: Term): boolean {
    return this.hardState.term > term || (this.hardState.term === term && this.hardState.votedFor === member);
  }

  /** Carries out the first `parts` of the write: the hard state, the snapshot, then entry after entry. */
  write(write: Write, staged: SnapshotState | undefined, parts: number): void {
    let left = parts;
    if (write.hardState !== undefined && left-- > 0) this.hardState = write.hardState;
    if (write.snapshot !== undefined && left-- > 0) {
      if (staged?.mark.index !== write.snapshot.index) throw new Error(`${this.#member} installs a snapshot that it does not have`);
      this.snapshot = staged;
      this.#entries = [];
      this.#digests = [Number.NaN];
    }
    for (const entry of write.entries) {
      if (left-- <= 0) return;
      this.#put(entry);
    }
  }

  static parts(write: Write): number {
    return (write.hardState === undefined ? 0 : 1) + (write.snapshot === undefined ? 0 : 1) + write.entries.length;
  }

  #put(entry: Entry): void {
    const at = entry.index - this.snapshot.mark.index - 1;
    if (at < 0 || at > this.#entries.length) throw new Error(`${this.#member} writes entry ${entry.index} behind ${this.#entries.length}`);
    const before = this.#digests[at] ?? 0;
    this.#entries.splice(at, this.#entries.length, entry);
    // Behind an installed snapshot the digest is not known; applying is watched all the same.
    this.#digests.splice(at + 1, this.#digests.length, Number.isNaN(before) ? before : this.#invariants.kept(this.#member, entry, before));
  }

  /** The state takes the place of the log up to it. */
  compact(state: SnapshotState): void {
    const count = state.mark.index - this.snapshot.mark.index;
    this.#entries.splice(0, count);
    this.#digests.splice(0, count);
    this.snapshot = state;
  }

  crash(write: Write | undefined, staged: SnapshotState | undefined, dice: Dice): void {
    if (write !== undefined) this.write(write, staged, dice.between(0, Disk.parts(write) + 1));
  }

  stored(): StoredLog {
    const { mark } = this.snapshot;
    const terms: TermRun[] = [{ from: mark.index, term: mark.term }];
    const marks = [{ index: mark.index, membership: mark.membership }];
    for (const entry of this.#entries) {
      if (entry.term !== terms.at(-1)?.term) terms.push({ from: entry.index, term: entry.term });
      if (entry.kind === 'membership') marks.push({ index: entry.index, membership: entry.membership });
    }
    return { terms, memberships: marks, last: mark.index + this.#entries.length };
  }
}
