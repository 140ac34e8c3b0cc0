import { CompactedError } from '../../cluster/index.ts';
import type {
  Commit,
  Compare,
  Entry,
  Outcome,
  RangeRequest,
  RangeResult,
  Revision,
  Store,
  Transaction,
  Watch,
} from '../../cluster/index.ts';

/**
 * The store's port in memory, for tests of what stands on it. Transactions queue until `flush`, or commit in the next
 * turn of the event loop when it flushes by itself; several proposers may share one.
 */
export class MemoryStore implements Store {
  readonly commits: Commit[] = [];
  readonly #versions = new Map<string, (Entry | undefined)[]>();
  readonly #watchers = new Set<(commits: readonly Commit[]) => void>();
  #queue: { readonly transaction: Transaction; readonly settle: (outcome: Outcome) => void; readonly fail: (reason: unknown) => void }[] =
    [];
  #failures: unknown[] = [];
  #compacted = 0;
  wallMs = 1_800_000_000_000;
  /** Set to false to commit by `flush` only. */
  flushes = true;

  get revision(): Revision {
    return this.commits.length;
  }

  get compactedRevision(): Revision {
    return this.#compacted;
  }

  compact(revision: Revision): void {
    this.#compacted = revision;
  }

  /** The next transactions fail with these reasons and change nothing. */
  failNext(...reasons: readonly unknown[]): void {
    this.#failures.push(...reasons);
  }

  async current(): Promise<Revision> {
    return this.revision;
  }

  async get(key: string, at: Revision = this.revision): Promise<Entry | undefined> {
    if (at < this.#compacted) throw new CompactedError(at, this.#compacted);
    return this.#at(key, at);
  }

  async range({ start, end, limit = Infinity, at = this.revision }: RangeRequest): Promise<RangeResult> {
    if (at < this.#compacted) throw new CompactedError(at, this.#compacted);
    const keys = [...this.#versions.keys()].filter((key) => key >= start && key < end).toSorted();
    const entries = keys.map((key) => this.#at(key, at)).filter((entry) => entry !== undefined);
    return { entries: entries.slice(0, limit), more: entries.length > limit, revision: at };
  }

  transact(transaction: Transaction): Promise<Outcome> {
    return new Promise((settle, fail) => {
      this.#queue.push({ transaction, settle, fail });
      if (this.flushes && this.#queue.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Commits the first of what waits as one group; absent: all of it. */
  flush(count = Infinity): void {
    const group = this.#queue.splice(0, count);
    const commits: Commit[] = [];
    for (const { transaction, settle, fail } of group) {
      const failure = this.#failures.shift();
      if (failure !== undefined) {
        fail(failure);
        continue;
      }
      const outcome = this.#carryOut(transaction);
      settle(outcome);
      const last = this.commits.at(-1);
      if (outcome.committed && last !== undefined) commits.push(last);
    }
    if (commits.length > 0) for (const watcher of this.#watchers) watcher(commits);
  }

  watch(since: Revision, onCommits: (commits: readonly Commit[]) => void): Watch {
    const missed = this.commits.slice(since);
    if (missed.length > 0) onCommits(missed);
    this.#watchers.add(onCommits);
    return { close: () => this.#watchers.delete(onCommits) };
  }

  async revisionAt(wallMs: number): Promise<Revision> {
    return this.commits.filter((commit) => commit.wallMs <= wallMs).length;
  }

  async close(): Promise<void> {
    this.flush();
  }

  #at(key: string, revision: Revision): Entry | undefined {
    return this.#versions.get(key)?.findLast((_, index, versions) => versionRevision(versions, index) <= revision);
  }

  #carryOut({ compares, operations }: Transaction): Outcome {
    const conflict = compares.find((compare: Compare) => (this.#at(compare.key, this.revision)?.modRevision ?? 0) !== compare.modRevision);
    if (conflict !== undefined) return { committed: false, revision: this.revision, conflict };
    const revision = this.revision + 1;
    const changes: Commit['changes'][number][] = [];
    for (const operation of operations) {
      const before = this.#at(operation.key, revision);
      if (operation.kind === 'delete' && before === undefined) continue;
      const after: Entry | undefined =
        operation.kind === 'put'
          ? { key: operation.key, value: operation.value, createRevision: before?.createRevision ?? revision, modRevision: revision }
          : undefined;
      const versions = this.#versions.get(operation.key) ?? [];
      this.#versions.set(operation.key, versions);
      revisions.set(versions, [...(revisions.get(versions) ?? []), revision]);
      versions.push(after);
      changes.push({ key: operation.key, ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) });
    }
    if (changes.length === 0) return { committed: true, revision: this.revision };
    this.commits.push({ revision, wallMs: this.wallMs, changes: changes.toSorted((a, b) => (a.key < b.key ? -1 : 1)) });
    return { committed: true, revision };
  }
}

/** A removal is a version without an entry; its revision stands beside it. */
const revisions = new WeakMap<readonly (Entry | undefined)[], readonly Revision[]>();
const versionRevision = (versions: readonly (Entry | undefined)[], index: number): Revision => revisions.get(versions)?.[index] ?? 0;
