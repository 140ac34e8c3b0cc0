import { readdir, rm } from 'node:fs/promises';
import { WeirError } from '../../src/base/errors.ts';
import type { LogIndex } from '../raft/types.ts';
import type { Revision } from '../store/port.ts';
import { asCorruption, CorruptionError } from './corruption.ts';
import { isFull } from './files.ts';
import type { EntryLog } from './log.ts';
import { replay } from './replay.ts';
import { VersionIndex } from './versions.ts';

/**
 * Keeps an index open on a commit log. LevelDB stops for good after a failed write; the host then opens it again and takes
 * what is missing from the log.
 *
 * Life cycle: open → (up → down → up)* → close. While it is down, reads wait for `reopen`, and fail when that fails.
 */
export class IndexHost {
  readonly #directory: string;
  readonly #memoryBytes: number;
  readonly #log: EntryLog;
  #index: VersionIndex;
  #down: WeirError | undefined;
  #reopening: Promise<void> | undefined;
  readonly #reads = new Set<Promise<unknown>>();
  /** The index cannot be written any more and has to be reopened. Settles when that was tried. */
  onFailed: ((error: unknown) => Promise<void>) | undefined;
  /** Commits that were taken from the log on opening. */
  readonly replayedCommits: number;
  readonly entryCount: number;
  readonly rebuilt: boolean;

  private constructor(log: EntryLog, directory: string, memoryBytes: number, opened: Opened) {
    this.#log = log;
    this.#directory = directory;
    this.#memoryBytes = memoryBytes;
    this.#index = opened.index;
    this.replayedCommits = opened.replayedCommits;
    this.entryCount = opened.entryCount;
    this.rebuilt = opened.rebuilt;
  }

  /** The index is damaged and the log reaches back to the first commit: it is made again. Otherwise rejects with a CorruptionError. */
  static async open(log: EntryLog, directory: string, memoryBytes: number): Promise<IndexHost> {
    let fail: ((error: unknown) => void) | undefined;
    const opening = (): Promise<Opened> => openVerified(log, directory, memoryBytes, (error) => fail?.(error));
    const host = new IndexHost(log, directory, memoryBytes, await openDerived(log, directory, opening));
    fail = (error) => host.#failed(error);
    return host;
  }

  #openIndex(): Promise<VersionIndex> {
    return VersionIndex.open(this.#directory, this.#memoryBytes, (error) => this.#failed(error));
  }

  /** Who reads meanwhile waits. */
  #failed(cause: unknown): void {
    if (this.#reopening !== undefined) return;
    const tried = this.onFailed?.(cause).finally(() => {
      if (this.#reopening === tried) this.#reopening = undefined;
    });
    this.#reopening = tried;
  }

  /** Throws while it is down. */
  get index(): VersionIndex {
    if (this.#down !== undefined) throw this.#down;
    return this.#index;
  }

  /** What it had last, also while it is down. */
  get applied(): Revision {
    return this.#index.applied;
  }

  get appliedIndex(): LogIndex {
    return this.#index.appliedIndex;
  }

  /** Also while it is down. */
  get compacted(): Revision {
    return this.#index.compacted;
  }

  get isDown(): boolean {
    return this.#down !== undefined;
  }

  /** A read that the reopening of the index interrupts is done again. Closing waits for it. */
  async read<T>(reading: (index: VersionIndex) => Promise<T>): Promise<T> {
    const result = this.#readUninterrupted(reading);
    this.#reads.add(result);
    try {
      return await result;
    } finally {
      this.#reads.delete(result);
    }
  }

  /** Once it is not being opened again. Rejects while it is down. */
  async opened(): Promise<VersionIndex> {
    await this.#reopening;
    return this.index;
  }

  async #readUninterrupted<T>(reading: (index: VersionIndex) => Promise<T>): Promise<T> {
    for (;;) {
      const index = await this.opened();
      try {
        return await reading(index);
      } catch (error) {
        if (index === this.#index && this.#reopening === undefined) throw error;
      }
    }
  }

  /** Opens it again and brings it to `upTo`. Rejects with `store-full` or `store-failed`, and is down then. */
  async reopen(upTo: LogIndex): Promise<void> {
    const reopening = this.#openAgain(upTo);
    // Readers only wait for the end of it; what came of it they see by asking for the index.
    this.#reopening = reopening.catch(() => undefined);
    try {
      await reopening;
    } finally {
      this.#reopening = undefined;
    }
  }

  async #openAgain(upTo: LogIndex): Promise<void> {
    this.#down = new WeirError('store-failed', `${this.#directory} is being opened again`);
    try {
      await this.#index.close();
      this.#index = await this.#replayed(await this.#openIndex(), upTo);
      this.#down = undefined;
    } catch (error) {
      const code = isFull(error) ? 'store-full' : 'store-failed';
      this.#down = new WeirError(code, `${this.#directory} cannot be opened again; it is tried every second`, { cause: error });
      throw this.#down;
    }
  }

  async #replayed(index: VersionIndex, upTo: LogIndex): Promise<VersionIndex> {
    try {
      await replay(this.#log, index, upTo);
      return index;
    } catch (error) {
      await index.close();
      throw error;
    }
  }

  /** Another state takes the place of this one; `install` moves its files. */
  async replace(install: () => Promise<void>): Promise<void> {
    this.#down = new WeirError('store-busy', 'the state is being replaced by a snapshot');
    const replacing = (async () => {
      await this.#index.close();
      await install();
      this.#index = await this.#openIndex();
      this.#down = undefined;
    })();
    this.#reopening = replacing.catch(() => undefined);
    try {
      await replacing;
    } finally {
      this.#reopening = undefined;
    }
  }

  /** Settles the reads that are under way, then closes. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#reads);
    await this.#index.close();
  }
}

interface Opened {
  readonly index: VersionIndex;
  readonly replayedCommits: number;
  readonly entryCount: number;
  readonly rebuilt: boolean;
}

async function openDerived(log: EntryLog, directory: string, opening: () => Promise<Opened>): Promise<Opened> {
  try {
    return await opening();
  } catch (error) {
    if (!(error instanceof CorruptionError) || !(await isDerivable(log, directory))) throw error;
    await rm(directory, { recursive: true });
    return { ...(await opening()), rebuilt: true };
  }
}

async function openVerified(log: EntryLog, directory: string, memoryBytes: number, onFailed: (error: unknown) => void): Promise<Opened> {
  const index = await VersionIndex.open(directory, memoryBytes, onFailed);
  try {
    return await readThrough(log, index);
  } catch (error) {
    await index.close();
    throw asCorruption(error, directory);
  }
}

async function readThrough(log: EntryLog, index: VersionIndex): Promise<Opened> {
  if (log.lastRevision < index.applied) {
    throw new CorruptionError(log.directory, `the log ends at revision ${log.lastRevision}, the index had ${index.applied}`);
  }
  const needed = Math.min(index.applied, index.swept) + 1;
  if (log.firstRevision > needed) {
    throw new CorruptionError(log.directory, `the log begins at revision ${log.firstRevision}, ${needed} is needed`);
  }
  // What is older than the part of the log that was verified was committed long ago.
  const replayedCommits = await replay(log, index, log.stored().terms[0]?.from ?? 0);
  return { index, replayedCommits, entryCount: await index.verify(), rebuilt: false };
}

/** Whether the log has every commit that there ever was, so that the index holds nothing of its own. */
async function isDerivable(log: EntryLog, directory: string): Promise<boolean> {
  if (log.lastRevision > 0) return log.firstRevision === 1;
  const names = await readdir(directory);
  return !names.some((name) => /\.(ldb|sst)$/.test(name));
}
