import { WeirError } from '../../src/base/errors.ts';
import { within } from '../../src/base/patience.ts';
import type { Entry, LogIndex } from '../raft/types.ts';
import type { Revision } from '../store/port.ts';
import { isFull } from './files.ts';
import type { EntryLog } from './log.ts';
import { replay } from './replay.ts';
import type { IndexedCommit } from './indexed-commit.ts';
import { VersionIndex } from './versions.ts';

export interface IndexHostOptions {
  readonly log: EntryLog;
  readonly memoryBytes: number;
  /** It failed, and `reopen` opens it again. What helps with that, such as space, is given around it. */
  readonly onFailed: (error: unknown, reopen: () => Promise<void>) => Promise<void>;
  /** It could not be opened again: what is committed cannot be shown until it is. */
  readonly onDown: (reason: WeirError) => void;
}

type State = { readonly kind: 'up' } | { readonly kind: 'changing' | 'down' | 'closed'; readonly reason: WeirError };

/**
 * The one owner of an open index and of its recovery. LevelDB stops for good after a failed write; it is then opened again and takes from the log what
 * it has to have.
 *
 *              a write fails, or what is applied does; reopen; replace
 *     open ──► up ─────────────────────► changing ──► up
 *                                         ▲     │
 *                      reopen, replace ── down ◄┘ it failed: tried every second, by who calls `reopen`
 *
 *     close, from each of them: behind the change that is under way
 *
 * There is one change at a time. While it is changing, reads wait, as long as they say; while it is down, they fail. What is to be applied waits in both, until it is up.
 */
export class IndexHost {
  readonly #options: IndexHostOptions;
  #index: VersionIndex;
  #state: State = { kind: 'up' };
  /** Of the state; the next one has another. */
  #left = Promise.withResolvers<void>();
  /** What the index has to have when it is opened again. */
  #due: LogIndex = 0;
  readonly #reads = new Set<Promise<unknown>>();

  constructor(index: VersionIndex, options: IndexHostOptions) {
    this.#options = options;
    this.#index = this.#watched(index);
  }

  #watched(index: VersionIndex): VersionIndex {
    index.onFailed = (error) => this.#failed(index, error, index.appliedIndex);
    return index;
  }

  #enter(state: State): void {
    this.#state = state;
    this.#left.resolve();
    this.#left = Promise.withResolvers();
  }

  /** Throws unless it is up. */
  get index(): VersionIndex {
    if (this.#state.kind !== 'up') throw this.#state.reason;
    return this.#index;
  }

  /** What it had last, also while it is down. */
  get applied(): Revision {
    return this.#index.applied;
  }

  get appliedIndex(): LogIndex {
    return this.#index.appliedIndex;
  }

  get compacted(): Revision {
    return this.#index.compacted;
  }

  get isDown(): boolean {
    return this.#state.kind !== 'up';
  }

  /** Once it is not being changed. Rejects while it is down, and with `store-busy` when a change takes longer than `waitMsMax`; without it, it is waited for. */
  async opened(waitMsMax?: number): Promise<VersionIndex> {
    while (this.#state.kind === 'changing') {
      const { reason } = this.#state;
      const late = (): WeirError => new WeirError('store-busy', `${reason.message}: reads wait for that; try again`);
      await within(this.#left.promise, waitMsMax, late);
    }
    return this.index;
  }

  /** A read that a change of the index interrupts is done again. Closing waits for it. Rejects as `opened` does. */
  async read<T>(reading: (index: VersionIndex) => Promise<T>, waitMsMax?: number): Promise<T> {
    const result = this.#readUninterrupted(reading, waitMsMax);
    this.#reads.add(result);
    try {
      return await result;
    } finally {
      this.#reads.delete(result);
    }
  }

  async #readUninterrupted<T>(reading: (index: VersionIndex) => Promise<T>, waitMsMax: number | undefined): Promise<T> {
    for (;;) {
      const index = await this.opened(waitMsMax);
      try {
        return await reading(index);
      } catch (error) {
        if (index === this.#index && this.#state.kind !== 'changing') throw error;
      }
    }
  }

  /**
   * Applies entries that are committed, and follow `appliedIndex` or were applied before. Resolves with their commits; with none when they came out of the log, or
   * out of another state; with undefined when it was closed first.
   */
  async apply(
    entries: readonly Entry[],
    commitsOf: (index: VersionIndex, entries: readonly Entry[]) => readonly IndexedCommit[],
  ): Promise<readonly IndexedCommit[] | undefined> {
    const last = entries.at(-1)?.index ?? 0;
    for (;;) {
      while (this.#state.kind === 'changing' || this.#state.kind === 'down') await this.#left.promise;
      if (this.#state.kind === 'closed') return undefined;
      const index = this.#index;
      if (index.appliedIndex >= last) return [];
      try {
        await index.room();
        if (this.#state.kind !== 'up' || index !== this.#index) continue;
        const commits = commitsOf(
          index,
          entries.filter((entry) => entry.index > index.appliedIndex),
        );
        index.apply(commits, last);
        return commits;
      } catch (error) {
        this.#failed(index, error, last);
      }
    }
  }

  /** Unless it is known already. */
  #failed(index: VersionIndex, cause: unknown, due: LogIndex): void {
    if (this.#state.kind !== 'up' || index !== this.#index) return;
    this.#due = due;
    const recovered = this.#change(this.#reopening(), () => this.#options.onFailed(cause, () => this.#openAgain()));
    // `onDown` was told.
    recovered.catch(() => undefined);
  }

  /** Opens it again, whether it has failed or not. Rejects with `store-full` or `store-failed`, and is down then. */
  reopen(): Promise<void> {
    return this.#change(this.#reopening(), () => this.#openAgain());
  }

  #reopening(): WeirError {
    return new WeirError('store-failed', `${this.#index.directory} is being opened again`);
  }

  async #openAgain(): Promise<void> {
    this.#due = Math.max(this.#due, this.#index.appliedIndex);
    await this.#index.close();
    const index = await this.#open();
    try {
      await replay(this.#options.log, index, this.#due);
    } catch (error) {
      await index.close();
      throw error;
    }
    this.#index = index;
  }

  /** Another state takes the place of this one; `install` moves its files. */
  replace(install: () => Promise<void>): Promise<void> {
    return this.#change(new WeirError('store-busy', 'the state is being replaced by a snapshot'), async () => {
      await this.#index.close();
      await install();
      this.#index = await this.#open();
    });
  }

  async #open(): Promise<VersionIndex> {
    return this.#watched(await VersionIndex.open(this.#index.directory, this.#options.memoryBytes));
  }

  async #change(meanwhile: WeirError, change: () => Promise<void>): Promise<void> {
    while (this.#state.kind === 'changing') await this.#left.promise;
    if (this.#state.kind === 'closed') throw this.#state.reason;
    this.#enter({ kind: 'changing', reason: meanwhile });
    try {
      await change();
      this.#enter({ kind: 'up' });
    } catch (cause) {
      const code = isFull(cause) ? 'store-full' : 'store-failed';
      const reason = new WeirError(code, `${this.#index.directory} cannot be opened again; it is tried every second`, { cause });
      this.#enter({ kind: 'down', reason });
      this.#options.onDown(reason);
      throw reason;
    }
  }

  /** Settles what is under way, and spares the next opening the replay; where that cannot be written, the log has it. */
  async close(): Promise<void> {
    while (this.#state.kind === 'changing') await this.#left.promise;
    const { kind } = this.#state;
    this.#enter({ kind: 'closed', reason: new WeirError('store-closed', 'the index is closed') });
    await Promise.allSettled(this.#reads);
    if (kind === 'up') await this.#index.flush().catch(() => undefined);
    await this.#index.close();
  }
}
