import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { assert, WeirError } from '../../src/base/errors.ts';
import type { LogIndex } from '../raft/types.ts';
import type { Entry, RangeRequest, RangeResult, Revision } from '../store/port.ts';
import { CompactedError } from '../store/errors.ts';
import { asCorruption, CorruptionError } from './corruption.ts';
import { isFull, syncDirectory } from './files.ts';
import {
  appliedIndexKey,
  appliedKey,
  beyondKeys,
  compactedKey,
  currentKey,
  historyKey,
  historyRows,
  parseHistoryKey,
  sweptKey,
} from './layout.ts';
import { type Level, type LevelSnapshot, rangeNow, rangePast, verifyCurrent } from './range.ts';
import type { IndexedCommit } from './indexed-commit.ts';
import { RecentRows } from './recent-rows.ts';
import { CommittedRequests } from './requests.ts';
import { decodeRow } from './row.ts';
import { IndexWriter } from './writer.ts';

/** Rows of the index as they are stored: keys and values. */
export type RowBatch = readonly (readonly [string, string])[];

const rowsAtOnce = 1_000;
/** The index after exactly `revision` commits, whatever is written meanwhile. */
interface View {
  readonly snapshot: LevelSnapshot;
  readonly revision: Revision;
  readonly appliedIndex: LogIndex;
}

/**
 * Current entries and the versions they replaced, on LevelDB. Derived from the commit log: nothing here is synced for
 * a commit, and what is applied is written behind. Current rows and requests are read past what is not yet written; whoever reads
 * a state as a whole waits until it is written.
 *
 * LevelDB's own write log is not synced, and after a power cut may have holes that it reads over in silence. Its tables
 * are synced before its manifest names them, and each holds a whole stretch of batches. So that log is deleted before
 * LevelDB is opened: what is left is the state after exactly `applied` commits, and the commit log gives the rest.
 */
export class VersionIndex {
  readonly directory: string;
  readonly #level: Level;
  #applied: Revision;
  #appliedIndex: LogIndex;
  #compacted: Revision;
  #swept: Revision;
  readonly #requests: CommittedRequests;
  readonly #recent: RecentRows;
  readonly #writer: IndexWriter;
  /** Something could not be written, and the index has to be opened again. */
  onFailed: ((error: unknown) => void) | undefined;

  private constructor(directory: string, level: Level, requests: CommittedRequests, recentBytes: number) {
    this.directory = directory;
    this.#level = level;
    this.#requests = requests;
    this.#recent = new RecentRows(recentBytes);
    this.#applied = Number(level.getSync(appliedKey) ?? 0);
    this.#appliedIndex = Number(level.getSync(appliedIndexKey) ?? 0);
    this.#writer = new IndexWriter({
      level,
      requests,
      written: this.#applied,
      writtenIndex: this.#appliedIndex,
      onFailed: (error) => this.onFailed?.(error),
    });
    this.#compacted = Number(level.getSync(compactedKey) ?? 0);
    this.#swept = Number(level.getSync(sweptKey) ?? 0);
  }

  static async open(directory: string, memoryBytes: number): Promise<VersionIndex> {
    await mkdir(directory, { recursive: true });
    await syncDirectory(dirname(directory));
    for (const name of await readdir(directory)) {
      if (/^\d+\.log$/.test(name)) await rm(join(directory, name));
    }
    const level: Level = new ClassicLevel(directory, {
      keyEncoding: 'utf8',
      valueEncoding: 'utf8',
      writeBufferSize: memoryBytes / 4,
      cacheSize: memoryBytes / 8,
    });
    try {
      await level.open();
    } catch (error) {
      throw isFull(error)
        ? new WeirError('store-full', `no space left to open ${directory}`, { cause: error })
        : new CorruptionError(directory, 'the index cannot be opened', { cause: error });
    }
    await syncDirectory(directory);
    try {
      return new VersionIndex(directory, level, await CommittedRequests.read(level), memoryBytes / 2);
    } catch (error) {
      await level.close();
      throw asCorruption(error, directory);
    }
  }

  get applied(): Revision {
    return this.#applied;
  }

  /** The entry of the log up to which everything is in the index. */
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  get compacted(): Revision {
    return this.#compacted;
  }

  get swept(): Revision {
    return this.#swept;
  }

  /** The row of the key after `applied`. */
  currentRow(key: string): string | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const change = this.#writer.unwrittenChangeOf(key);
    if (change !== undefined) return change.row;
    const row = this.#level.getSync(currentKey(key));
    if (row !== undefined) this.#recent.set(key, row);
    return row;
  }

  current(key: string): Entry | undefined {
    const row = this.currentRow(key);
    return row === undefined ? undefined : this.decode(key, row);
  }

  /** What the commit at `revision`, written and not yet swept, replaced. */
  replaced(key: string, revision: Revision): Entry {
    const row = this.#level.getSync(historyKey(key, revision));
    if (row === undefined) {
      throw new CorruptionError(this.directory, `the version of ${JSON.stringify(key)} before revision ${revision} is missing`);
    }
    return this.decode(key, row);
  }

  decode(key: string, row: string): Entry {
    const entry = decodeRow(key, row);
    if (entry !== undefined) return entry;
    throw new CorruptionError(this.directory, `the checksum of the entry ${JSON.stringify(key)} does not hold`);
  }

  /** At which revision a request was committed; undefined when it was not, or too long ago. */
  committedAt(requestId: string): Revision | undefined {
    return this.#requests.revisionOf(requestId);
  }

  /** Commits that follow `applied`: all those of the entries up to `index`. */
  apply(commits: readonly IndexedCommit[], index: LogIndex): void {
    const first = commits[0];
    const last = commits.at(-1);
    assert(first === undefined || first.revision === this.#applied + 1, 'commits are applied in order');
    this.#applied = last?.revision ?? this.#applied;
    this.#appliedIndex = index;
    this.#requests.add(commits);
    for (const { changes } of commits) for (const { key, row } of changes) this.#recent.set(key, row);
    this.#writer.add(commits, index);
  }

  /** When there is not too much to be written. Rejects when nothing can be. */
  room(): Promise<void> {
    return this.#writer.room();
  }

  /** When all that was applied is in LevelDB. Rejects when that cannot be. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  /** Shows everything that was applied before the call, until `read` settles. */
  async #viewed<T>(read: (view: View) => Promise<T>): Promise<T> {
    const view = await this.#writer.when(this.#applied, (revision, appliedIndex) => ({
      snapshot: this.#level.snapshot(),
      revision,
      appliedIndex,
    }));
    try {
      return await read(view);
    } finally {
      await view.snapshot.close();
    }
  }

  /** One state, in key order. Throws CompactedError. */
  range(request: RangeRequest): Promise<RangeResult> {
    return this.#viewed(async (view) => {
      const revision = this.#readable(request.at, view);
      const read = revision === view.revision ? rangeNow : rangePast;
      const { entries, more } = await read(this.#level, view.snapshot, request, revision, (key, row) => this.decode(key, row));
      return { entries, more, revision };
    });
  }

  /** The entry as it was after the commit at `at`. Throws CompactedError. */
  past(key: string, at: Revision): Promise<Entry | undefined> {
    return this.#viewed(async (view) => {
      const revision = this.#readable(at, view);
      const row = this.#level.getSync(currentKey(key), { snapshot: view.snapshot });
      const current = row === undefined ? undefined : this.decode(key, row);
      if (current !== undefined && current.modRevision <= revision) return current;
      const iterator = this.#level.values({
        gte: historyKey(key, revision + 1),
        lt: historyKey(key, Number.MAX_SAFE_INTEGER),
        limit: 1,
        snapshot: view.snapshot,
      });
      const [replaced] = await iterator.all();
      if (replaced === undefined) return undefined;
      const entry = this.decode(key, replaced);
      return entry.modRevision <= revision ? entry : undefined;
    });
  }

  #readable(at: Revision | undefined, view: View): Revision {
    const revision = at ?? view.revision;
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
    if (revision > view.revision) {
      throw new WeirError('future-revision', `revision ${revision} was asked for, the last one is ${view.revision}`);
    }
    return revision;
  }

  /**
   * The rows of a new index with this state, after exactly the entries up to `appliedIndex`, until `use` settles. What was replaced before is left out: reads
   * below it are refused there.
   */
  rows<T>(use: (appliedIndex: LogIndex, batches: AsyncIterable<RowBatch>) => Promise<T>): Promise<T> {
    return this.#viewed((view) => use(view.appliedIndex, this.#rowsOf(view)));
  }

  async *#rowsOf(view: View): AsyncGenerator<RowBatch> {
    for (const range of [{ lt: historyRows.gte }, { gte: historyRows.lt }]) yield* this.#batches(view, range);
    // Entries without commits are not written when they are applied.
    yield [
      [appliedIndexKey, String(view.appliedIndex)],
      [compactedKey, String(view.revision)],
      [sweptKey, String(view.revision)],
    ];
  }

  async *#batches({ snapshot }: View, range: { readonly lt?: string; readonly gte?: string }): AsyncGenerator<RowBatch> {
    const iterator = this.#level.iterator({ ...range, snapshot });
    try {
      for (let rows = await iterator.nextv(rowsAtOnce); rows.length > 0; rows = await iterator.nextv(rowsAtOnce)) yield rows;
    } finally {
      await iterator.close();
    }
  }

  /** From now on reads below `revision` are refused. Comes before `sweep`. */
  async refuseBelow(revision: Revision): Promise<void> {
    this.#compacted = revision;
    await this.#level.put(compactedKey, String(revision));
  }

  /** Removes versions; no read can ask for them any more. */
  async sweep(versions: readonly { readonly key: string; readonly replacedAt: Revision }[]): Promise<void> {
    const batch = this.#level.batch();
    for (const { key, replacedAt } of versions) batch.del(historyKey(key, replacedAt));
    await batch.write();
  }

  /** Removes all versions that were replaced at or before `revision`, by looking at every one: for who does not know which they are. */
  async sweepBelow(revision: Revision, isStopped: () => boolean): Promise<void> {
    const iterator = this.#level.keys(historyRows);
    try {
      for (let rows = await iterator.nextv(rowsAtOnce); rows.length > 0; rows = await iterator.nextv(rowsAtOnce)) {
        if (isStopped()) return;
        await this.sweep(rows.map(parseHistoryKey).filter(({ replacedAt }) => replacedAt <= revision));
      }
    } finally {
      await iterator.close();
    }
    await this.noteSwept(revision);
  }

  async noteSwept(revision: Revision): Promise<void> {
    this.#swept = revision;
    await this.#level.put(sweptKey, String(revision));
  }

  /** Reads every current entry and checks it. Resolves with their number. */
  async verify(): Promise<number> {
    return verifyCurrent(this.#level, (key, row) => this.decode(key, row));
  }

  /** What was applied so far is in synced tables when it settles: opening does not ask the commit log for it again. */
  async flush(): Promise<void> {
    await this.settled();
    await this.#level.compactRange(...beyondKeys);
    await syncDirectory(this.directory);
  }

  /** What is not yet written is not written any more: the commit log has it. */
  async close(): Promise<void> {
    await this.#writer.stop();
    await this.#level.close();
  }
}
