import { assert } from '../../src/base/errors.ts';
import { compareKeys } from '../storage/order.ts';
import type { LoggedChange } from '../storage/group.ts';
import { decodeRow, encodeRow } from '../storage/row.ts';
import type { IndexedChange, IndexedCommit } from '../storage/indexed-commit.ts';
import type { VersionIndex } from '../storage/versions.ts';
import type { Change, Commit, Entry, Outcome, Revision, Transaction } from './port.ts';

/** One change on its way: as the log, the index and the watchers see it. */
export interface PendingChange extends LoggedChange, IndexedChange {
  readonly revision: Revision;
}

/** A transaction that was judged against everything before it and waits for that to be durable. */
export interface Pending {
  readonly requestId: string;
  readonly outcome: Outcome;
  /** In key order; empty when nothing changes. */
  readonly changes: readonly PendingChange[];
  readonly bytes: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface CurrentRow {
  readonly row: string;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
}

/**
 * Entries as they will be once all that is pending is applied: what is pending over what the index has. Judging a
 * transaction reads it, so transactions need not wait for each other's sync.
 */
export class PendingState {
  readonly #changes = new Map<string, PendingChange>();
  readonly #current: (key: string) => CurrentRow | undefined;
  #revision: Revision;

  /** `current` gives what the index has, and throws a CorruptionError when that is damaged. */
  constructor(revision: Revision, current: (key: string) => CurrentRow | undefined) {
    this.#revision = revision;
    this.#current = current;
  }

  /** The state that the transaction is judged against becomes the state after it. */
  judge(transaction: Transaction): { outcome: Outcome; changes: PendingChange[] } {
    for (const compare of transaction.compares) {
      const present = this.#present(compare.key);
      if ((present?.modRevision ?? 0) !== compare.modRevision) {
        return { outcome: { committed: false, revision: this.#revision, conflict: compare }, changes: [] };
      }
    }
    const changes = this.#changesOf(transaction, this.#revision + 1);
    if (changes.length > 0) {
      this.#revision++;
      for (const change of changes) this.#changes.set(change.key, change);
    }
    return { outcome: { committed: true, revision: this.#revision }, changes };
  }

  #changesOf(transaction: Transaction, revision: Revision): PendingChange[] {
    const changes: PendingChange[] = [];
    for (const operation of transaction.operations) {
      const { key } = operation;
      const before = this.#present(key);
      const beforeRevision = before?.modRevision ?? 0;
      const beforeRow = before?.row;
      if (operation.kind === 'put') {
        const { value } = operation;
        const createRevision = before?.createRevision ?? revision;
        const row = encodeRow({ key, value, createRevision, modRevision: revision });
        changes.push({ key, revision, value, createRevision, beforeRevision, row, beforeRow });
      } else if (before !== undefined) {
        changes.push({ key, revision, value: undefined, createRevision: 0, beforeRevision, row: undefined, beforeRow });
      }
    }
    return changes.length > 1 ? changes.toSorted((left, right) => compareKeys(left.key, right.key)) : changes;
  }

  #present(key: string): CurrentRow | undefined {
    const pending = this.#changes.get(key);
    if (pending === undefined) return this.#current(key);
    const { row, createRevision, revision } = pending;
    return row === undefined ? undefined : { row, createRevision, modRevision: revision };
  }

  /** The index has them now. */
  applied(changes: readonly PendingChange[]): void {
    for (const change of changes) {
      if (this.#changes.get(change.key) === change) this.#changes.delete(change.key);
    }
  }

  /** Back to `revision`: of what was pending only `kept` remains. */
  reset(revision: Revision, kept: Iterable<PendingChange>): void {
    this.#revision = revision;
    this.#changes.clear();
    for (const change of kept) this.#changes.set(change.key, change);
  }
}

export function commitOf({ revision, wallMs, changes }: IndexedCommit): Commit {
  return { revision, wallMs, changes: changes.map(changeOf) };
}

/** A commit as a log has it; what it replaced is in the index, and written there. */
export function loggedCommit(
  { revision, wallMs, changes }: { readonly revision: Revision; readonly wallMs: number; readonly changes: readonly LoggedChange[] },
  index: VersionIndex,
): Commit {
  return {
    revision,
    wallMs,
    changes: changes.map(({ key, value, createRevision, beforeRevision }) => ({
      key,
      ...(value === undefined ? {} : { after: { key, value, createRevision, modRevision: revision } }),
      ...(beforeRevision === 0 ? {} : { before: index.replaced(key, revision) }),
    })),
  };
}

function changeOf({ key, row, beforeRow }: IndexedChange): Change {
  return {
    key,
    ...(row === undefined ? {} : { after: entryOf(key, row) }),
    ...(beforeRow === undefined ? {} : { before: entryOf(key, beforeRow) }),
  };
}

function entryOf(key: string, row: string): Entry {
  const entry = decodeRow(key, row);
  assert(entry, 'a row was checked when it was read');
  return entry;
}
