import { encodeGroup } from '../storage/group.ts';
import type { IndexedCommit } from '../storage/indexed-commit.ts';
import type { VersionIndex } from '../storage/versions.ts';
import { PendingState } from '../store/pending.ts';
import type { Outcome } from '../store/port.ts';
import type { Head } from './layout.ts';
import { newRecordId, type Proposal } from './log.ts';
import type { Waiting } from './queue.ts';

/** What a group comes to, in the order of its transactions. */
export interface JudgedGroup {
  readonly outcomes: readonly Outcome[];
  readonly commits: readonly IndexedCommit[];
  /** Undefined when nothing changes. */
  readonly proposal: Omit<Proposal, 'head'> | undefined;
}

/** Judges transactions, each upon what those before it leave, where the index is at `head`. */
export function judged(group: readonly Waiting[], head: Head, index: VersionIndex, nowMs: number): JudgedGroup {
  const state = new PendingState(head.revision, (key) => {
    const row = index.currentRow(key);
    if (row === undefined) return undefined;
    const { createRevision, modRevision } = index.decode(key, row);
    return { row, createRevision, modRevision };
  });
  const judgements = group.map(({ transaction }) => state.judge(transaction));
  const outcomes = judgements.map(({ outcome }) => outcome);
  const changing = judgements.filter(({ changes }) => changes.length > 0);
  // The wall clock may be set back, and differs between members; the order of commits stays that of their times.
  const wallMs = Math.max(nowMs, head.wallMs);
  const id = newRecordId();
  const last = changing.at(-1);
  if (last === undefined) return { outcomes, commits: [], proposal: undefined };
  const commits = changing.map((judgement): IndexedCommit => ({
    revision: judgement.outcome.revision,
    wallMs,
    // By the record's id a replica is known to have followed it.
    requestId: judgement === last ? id : '',
    changes: judgement.changes,
  }));
  const payload = encodeGroup({
    firstRevision: head.revision + 1,
    wallMs,
    commits: changing.map(({ changes }, at) => ({ requestId: commits[at]?.requestId ?? '', changes })),
  });
  return { outcomes, commits, proposal: { id, wallMs, revision: last.outcome.revision, payload } };
}
