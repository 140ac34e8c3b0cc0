import { WeirError } from '../../src/base/errors.ts';
import type { Machine } from '../node/node.ts';
import type { Entry, LogIndex } from '../raft/types.ts';
import type { IndexHost } from '../storage/host.ts';
import { indexedCommits } from '../storage/replay.ts';
import type { IndexedCommit } from '../storage/versions.ts';
import { commitOf } from './pending.ts';
import type { Commit } from './port.ts';

export interface StateMachineOptions {
  readonly host: IndexHost;
  /** What this member itself proposed need not be read from its bytes again. */
  readonly prepared: (entry: Entry) => readonly IndexedCommit[] | undefined;
  /** The index has them. */
  readonly onApplied: (entries: readonly Entry[], commits: () => readonly Commit[]) => void;
  /** The index lost what it did not write. Resolves when it has the entries up to `upTo` again. */
  readonly onIndexFailed: (error: unknown, upTo: LogIndex) => Promise<void>;
  /** What is under way may be committed, but that shows only once the index is open again. */
  readonly onUnknown: (error: WeirError) => void;
}

/** Applies committed entries to the index, and waits while that is down. */
export class StateMachine implements Machine {
  readonly #options: StateMachineOptions;
  /** What is applied or reopened, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;
  #recovery: { readonly upTo: LogIndex; readonly done: () => void } | undefined;

  constructor(options: StateMachineOptions) {
    this.#options = options;
    options.host.onFailed = (cause) => this.#failed(cause);
  }

  get appliedIndex(): LogIndex {
    return this.#options.host.appliedIndex;
  }

  apply(entries: readonly Entry[]): Promise<void> {
    return this.#next(() => this.#apply(entries));
  }

  /** Opens the index again, with everything that it has to have. */
  async reopen(): Promise<void> {
    const { host } = this.#options;
    const recovery = this.#recovery;
    if (recovery === undefined) return this.#next(() => host.reopen(host.appliedIndex));
    await host.reopen(recovery.upTo);
    this.#recovery = undefined;
    recovery.done();
  }

  /** Another state takes the place of this one. */
  replace(install: () => Promise<void>): Promise<void> {
    return this.#next(() => this.#options.host.replace(install));
  }

  #next(run: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #apply(given: readonly Entry[]): Promise<void> {
    const { host, onApplied } = this.#options;
    // A snapshot may have come between.
    const entries = given.filter(({ index }) => index > host.appliedIndex);
    const last = entries.at(-1);
    if (last === undefined) return;
    let commits: readonly IndexedCommit[] = [];
    try {
      await host.index.room();
      commits = this.#commitsOf(entries);
      host.index.apply(commits, last.index);
    } catch (error) {
      // Opening it again takes the entries from the log.
      await this.#recover(error, last.index, () => undefined);
      if (this.#stopped) return;
    }
    onApplied(entries, () => commits.map(commitOf));
  }

  #commitsOf(entries: readonly Entry[]): readonly IndexedCommit[] {
    const commits: IndexedCommit[] = [];
    for (const entry of entries) {
      const prepared = entry.kind === 'command' ? this.#options.prepared(entry) : [];
      if (prepared === undefined) return indexedCommits(this.#options.host.index, entries);
      commits.push(...prepared);
    }
    return commits;
  }

  /** Settles when it was tried to open the index again. Nothing is applied before it is open. */
  #failed(cause: unknown): Promise<void> {
    const tried = Promise.withResolvers<void>();
    void this.#next(async () => {
      await this.#recover(cause, this.appliedIndex, tried.resolve);
      tried.resolve();
    });
    return tried.promise;
  }

  async #recover(error: unknown, upTo: LogIndex, onTried: () => void): Promise<void> {
    const { onIndexFailed, onUnknown } = this.#options;
    try {
      await onIndexFailed(error, upTo);
    } catch (cause) {
      onTried();
      onUnknown(new WeirError('unknown-outcome', 'durable, but not yet in the index; read it again later', { cause }));
      await this.#recovered(upTo);
    }
  }

  #recovered(upTo: LogIndex): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((done) => {
      this.#recovery = { upTo, done };
    });
  }

  /** Nothing waits for the index to be opened again any more. */
  stop(): void {
    this.#stopped = true;
    this.#recovery?.done();
  }
}
