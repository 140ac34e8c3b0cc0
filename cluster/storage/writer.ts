import { WeirError } from '../../src/base/errors.ts';
import type { LogIndex } from '../raft/types.ts';
import type { Revision } from '../store/port.ts';
import { appliedIndexKey, appliedKey, currentKey, historyKey } from './layout.ts';
import type { Level } from './range.ts';
import { CommittedRequests } from './requests.ts';
import { type Portion, Unwritten, Waiters } from './unwritten.ts';
import type { IndexedChange, IndexedCommit } from './indexed-commit.ts';

/** What is applied is written after this time, so that much of it goes at once; or when it is so much, or somebody wants to read it. */
const gatherMs = 20;
const gatheredChangesMax = 500;
/** Beyond it `room` waits. */
const unwrittenChangesMax = 20_000;

export interface IndexWriterOptions {
  readonly level: Level;
  readonly requests: CommittedRequests;
  readonly written: Revision;
  readonly writtenIndex: LogIndex;
  /** Nothing is written any more. */
  readonly onFailed: (error: unknown) => void;
}

/** Writes what was applied into LevelDB, behind and in batches: each is a whole state. */
export class IndexWriter {
  readonly #options: IndexWriterOptions;
  readonly #unwritten = new Unwritten();
  readonly #waiters = new Waiters();
  #written: Revision;
  #writtenIndex: LogIndex;
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(options: IndexWriterOptions) {
    this.#options = options;
    this.#written = options.written;
    this.#writtenIndex = options.writtenIndex;
  }

  add(commits: readonly IndexedCommit[], index: LogIndex): void {
    if (commits.length === 0 && this.#unwritten.isEmpty) {
      // Entries without commits come again when the index is opened again; that costs less than a write for each.
      this.#writtenIndex = index;
      return;
    }
    this.#unwritten.add(commits, index);
    this.#writeSoon();
  }

  /** The change that the key owes its row to; undefined when LevelDB has it. */
  unwrittenChangeOf(key: string): IndexedChange | undefined {
    return this.#unwritten.changeOf(key);
  }

  /** When there is not too much to be written. Rejects when nothing can be. */
  async room(): Promise<void> {
    while (this.#unwritten.changes > unwrittenChangesMax) await this.when(this.#written + 1, () => undefined);
  }

  /** When all that was applied is in LevelDB. Rejects when that cannot be. */
  async settled(): Promise<void> {
    if (!this.#unwritten.isEmpty) await this.when(this.#unwritten.last ?? this.#written, () => undefined);
  }

  /** What `onWritten` returns, which is called as soon as everything up to the revision is written and before more is; at once if it is. */
  async when<T>(revision: Revision, onWritten: (revision: Revision, index: LogIndex) => T): Promise<T> {
    if (this.#unwritten.isEmpty) return onWritten(this.#written, this.#writtenIndex);
    if (this.#failure !== undefined) throw this.#failure;
    const waiting = this.#waiters.wait(revision, () => onWritten(this.#written, this.#writtenIndex));
    this.#write();
    return waiting;
  }

  #writeSoon(): void {
    if (this.#unwritten.changes >= gatheredChangesMax || !this.#waiters.isEmpty) this.#write();
    else if (this.#failure === undefined && !this.#unwritten.isEmpty) this.#timer ??= setTimeout(() => this.#write(), gatherMs);
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#failure !== undefined || this.#unwritten.isEmpty) return;
    this.#writing ??= this.#writeOut();
  }

  async #writeOut(): Promise<void> {
    try {
      await this.#writePortion();
    } catch (error) {
      this.#fail(error);
      this.#options.onFailed(error);
      return;
    }
    this.#writing = undefined;
    this.#writeSoon();
  }

  async #writePortion(): Promise<void> {
    const portion = this.#unwritten.portion();
    const { commits, index } = portion;
    const last = commits.at(-1);
    if (last !== undefined) await this.#writeCommits(portion, last.revision);
    this.#unwritten.written(portion);
    this.#written = last?.revision ?? this.#written;
    this.#writtenIndex = index;
    this.#waiters.written(this.#written);
  }

  async #writeCommits({ commits, index }: Portion, last: Revision): Promise<void> {
    const batch = this.#options.level.batch();
    for (const { revision, changes } of commits) {
      for (const { key, row, beforeRow } of changes) {
        if (row === undefined) batch.del(currentKey(key));
        else batch.put(currentKey(key), row);
        if (beforeRow !== undefined) batch.put(historyKey(key, revision), beforeRow);
      }
    }
    const requests = CommittedRequests.row(commits);
    if (requests !== undefined) batch.put(...requests);
    batch.put(appliedKey, String(last));
    batch.put(appliedIndexKey, String(index));
    await batch.write();
    const forgotten = requests && this.#options.requests.turn(commits[0]?.revision ?? 0);
    if (forgotten !== undefined) await this.#options.level.clear(forgotten);
  }

  /** What is not yet written is not written any more. */
  async stop(): Promise<void> {
    this.#fail(new WeirError('store-closed', 'the index is closed'));
    await this.#writing;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    clearTimeout(this.#timer);
    this.#waiters.fail(this.#failure);
  }
}
