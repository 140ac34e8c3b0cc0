import type { WeirError } from '../../src/base/errors.ts';

/**
 * The store as the rest of the program sees it: ordered keys, one increasing revision, versions kept for a while.
 * One node's embedded store and a cluster implement this same port and pass the same suite
 * (`test/conformance/store.ts`).
 */

/**
 * Increases by one with each committed transaction that changes something. A put always does, a delete of an absent key
 * does not. The empty store is at 0.
 */
export type Revision = number;

/** Keys are non-empty strings of at most 1,024 UTF-8 bytes, ordered by their bytes. Values are JSON text, bounded by `valueBytesMax`. Both are well-formed Unicode. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
}

/** Holds when the key was last modified at `modRevision`; 0 means the key is absent. */
export interface Compare {
  readonly key: string;
  readonly modRevision: Revision;
}

export type Operation =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string };

/** All or nothing. No two operations name the same key. */
export interface Transaction {
  readonly compares: readonly Compare[];
  readonly operations: readonly Operation[];
}

export type Outcome =
  | { readonly committed: true; readonly revision: Revision }
  /** `conflict` is the first compare that did not hold. Nothing changed. */
  | { readonly committed: false; readonly revision: Revision; readonly conflict: Compare };

export interface RangeRequest {
  /** Inclusive. */
  readonly start: string;
  /** Exclusive. */
  readonly end: string;
  readonly limit?: number;
  /** The past, as far as versions are kept. `future-revision` when there is no such revision yet. */
  readonly at?: Revision;
}

export interface RangeResult {
  readonly entries: readonly Entry[];
  /** Whether entries were left out by `limit`. */
  readonly more: boolean;
  /** The revision that was read. */
  readonly revision: Revision;
}

/** What one transaction did, in key order. */
export interface Commit {
  readonly revision: Revision;
  /** Wall clock of the proposer, milliseconds since the Unix epoch. Never less than that of an earlier commit. */
  readonly wallMs: number;
  readonly changes: readonly Change[];
}

export interface Change {
  readonly key: string;
  /** Absent when the transaction deleted the key. */
  readonly after?: Entry;
  readonly before?: Entry;
}

export interface Watch {
  /** Stops the watch; no call follows. */
  close(): void;
}

export interface Store {
  /** The last durable revision. */
  readonly revision: Revision;
  /** Reads and watches below it fail with `CompactedError`. */
  readonly compactedRevision: Revision;
  /**
   * Settles, with the revision then, once this member has everything that was committed before the call: from then on what it has at its own `revision` is as new.
   * Rejects with `no-leader` when that cannot be told in time.
   */
  current(): Promise<Revision>;
  /** Linearizable unless `at` is given; at this member's own `revision` it is a local read, which asks nobody. */
  get(key: string, at?: Revision): Promise<Entry | undefined>;
  range(request: RangeRequest): Promise<RangeResult>;
  /**
   * Commits in the order of the calls. The promise settles when the transaction is durable, together with the
   * others of its group. Rejects with a `WeirError`: `store-closed`, `store-full`, `store-busy` (too many wait), `too-large`,
   * `malformed-transaction`, `store-failed` (the disk fails; open again), all of which changed nothing, or
   * `unknown-outcome` when it cannot be told whether it was committed.
   */
  transact(transaction: Transaction): Promise<Outcome>;
  /**
   * Every commit after `since`, in order, none left out, none twice. `onCommits` gets durable commits only;
   * commits of one group come in one call. Throws `CompactedError` when `since` is below the compacted revision.
   * `onEnd` is called when the watch cannot go on, with the reason: `store-closed`, `compacted`, `store-corrupt`.
   */
  watch(since: Revision, onCommits: (commits: readonly Commit[]) => void, onEnd?: (error: WeirError) => void): Watch;
  /** The highest revision committed at or before a wall clock time. Rejects with `CompactedError` when it is not kept. */
  revisionAt(wallMs: number): Promise<Revision>;
  /** Settles what is under way, then closes. */
  close(): Promise<void>;
}
