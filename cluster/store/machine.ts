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
  /** The index took nothing. Resolves when it has the entries up to `upTo`. */
  readonly onIndexFailed: (error: unknown, upTo: LogIndex) => Promise<void>;
  /** Committed, but that shows only once the index is open again. */
  readonly onUnknown: (entries: readonly Entry[], error: WeirError) => void;
}

/** Applies committed entries to the index, and waits while that is down. */
export class StateMachine implements Machine {
  readonly #options: StateMachineOptions;
  /** What is applied or reopened, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #recovery: { readonly upTo: LogIndex; readonly done: () => void } | undefined;

  constructor(options: StateMachineOptions) {
    this.#options = options;
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
      commits = this.#commitsOf(entries);
      await host.index.apply(commits, last.index);
    } catch (error) {
      await this.#recover(error, entries, last.index);
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

  async #recover(error: unknown, entries: readonly Entry[], upTo: LogIndex): Promise<void> {
    const { onIndexFailed, onUnknown } = this.#options;
    try {
      await onIndexFailed(error, upTo);
    } catch (cause) {
      onUnknown(entries, new WeirError('unknown-outcome', 'durable, but not yet in the index; read it again later', { cause }));
      await this.#recovered(upTo);
    }
  }

  #recovered(upTo: LogIndex): Promise<void> {
    return new Promise((done) => {
      this.#recovery = { upTo, done };
    });
  }
}
