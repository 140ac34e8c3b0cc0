import type { Machine } from '../node/node.ts';
import type { Entry, LogIndex } from '../raft/types.ts';
import type { IndexHost } from '../storage/host.ts';
import { indexedCommits } from '../storage/replay.ts';
import type { IndexedCommit } from '../storage/indexed-commit.ts';
import type { VersionIndex } from '../storage/versions.ts';
import { commitOf } from './pending.ts';
import type { Commit } from './port.ts';

export interface StateMachineOptions {
  readonly host: IndexHost;
  /** What this member itself proposed need not be read from its bytes again. */
  readonly prepared: (entry: Entry) => readonly IndexedCommit[] | undefined;
  /** The index has them. */
  readonly onApplied: (entries: readonly Entry[], commits: () => readonly Commit[]) => void;
}

/** Applies committed entries to the index. */
export class StateMachine implements Machine {
  readonly #options: StateMachineOptions;

  constructor(options: StateMachineOptions) {
    this.#options = options;
  }

  get appliedIndex(): LogIndex {
    return this.#options.host.appliedIndex;
  }

  async apply(entries: readonly Entry[]): Promise<void> {
    const { host, onApplied } = this.#options;
    const commits = await host.apply(entries, (index, following) => this.#commitsOf(index, following));
    if (commits !== undefined) onApplied(entries, () => commits.map(commitOf));
  }

  #commitsOf(index: VersionIndex, entries: readonly Entry[]): readonly IndexedCommit[] {
    const commits: IndexedCommit[] = [];
    for (const entry of entries) {
      const prepared = entry.kind === 'command' ? this.#options.prepared(entry) : [];
      if (prepared === undefined) return indexedCommits(index, entries);
      commits.push(...prepared);
    }
    return commits;
  }
}
