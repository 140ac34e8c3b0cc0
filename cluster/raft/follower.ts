import type { RaftLog } from './log.ts';
import type { Outbox } from './outbox.ts';
import type { LogIndex, MemberId, Message, SnapshotMark, Term } from './types.ts';

export interface FollowerContext {
  readonly log: RaftLog;
  readonly outbox: Outbox;
  readonly term: () => Term;
  readonly commit: () => LogIndex;
  readonly raiseCommit: (index: LogIndex) => void;
  /** The log was replaced by a snapshot, which is still to be put in place. */
  readonly restored: (mark: SnapshotMark) => void;
}

export type FromLeader = Message & { kind: 'append' | 'heartbeat' | 'snapshot' };

/** What a member does with what the leader of its term sends. */
export class Follower {
  readonly #context: FollowerContext;

  constructor(context: FollowerContext) {
    this.#context = context;
  }

  step(message: FromLeader): void {
    switch (message.kind) {
      case 'append':
        this.#append(message);
        return;
      case 'heartbeat':
        this.#heartbeat(message);
        return;
      case 'snapshot':
        this.#snapshot(message.from, message.mark);
    }
  }

  #append({ from, previousIndex, previousTerm, entries, commit: told, isNotice }: Message & { kind: 'append' }): void {
    const { log, outbox, term, commit, raiseCommit } = this.#context;
    if (previousIndex >= commit() && log.termAt(previousIndex) !== previousTerm) {
      const hintIndex = log.lastUpTo(Math.min(previousIndex, log.last), previousTerm);
      const hintTerm = log.termAt(hintIndex) ?? 0;
      outbox.send(from, term(), { kind: 'append-refused', refused: previousIndex, hintIndex, hintTerm });
      return;
    }
    for (const entry of entries) {
      // What is committed agrees, whoever leads.
      if (entry.index <= commit()) continue;
      const present = log.termAt(entry.index);
      if (present === entry.term) continue;
      if (present !== undefined) log.truncate(entry.index - 1);
      log.append(entry);
    }
    const match = Math.max(previousIndex + entries.length, commit());
    if (Math.min(told, match) > commit()) raiseCommit(Math.min(told, match));
    if (!isNotice) outbox.send(from, term(), { kind: 'append-accepted', match });
  }

  #heartbeat({ from, commit: told, round }: Message & { kind: 'heartbeat' }): void {
    const { log, outbox, term, commit, raiseCommit } = this.#context;
    // The leader knows that this log agrees with its own up to there.
    if (told > commit() && told <= log.last) raiseCommit(told);
    outbox.send(from, term(), { kind: 'heartbeat-reply', round });
  }

  #snapshot(from: MemberId, mark: SnapshotMark): void {
    const { log, outbox, term, commit, raiseCommit, restored } = this.#context;
    if (mark.index > commit()) {
      if (log.termAt(mark.index) !== mark.term) {
        log.restore(mark);
        restored(mark);
      }
      raiseCommit(mark.index);
    }
    outbox.send(from, term(), { kind: 'append-accepted', match: commit() });
  }
}
