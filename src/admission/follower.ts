import type { Revision } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';
import type { WeirError } from '../base/errors.ts';
import { inSlices } from '../base/slices.ts';
import { CommittedState } from './committed.ts';
import { Following } from './following.ts';
import { loadNewest, snapshotAt, snapshotPrefixes } from './load.ts';
import type { Committed, FollowedStore, Snapshot } from './ports.ts';

export interface FollowerPorts {
  readonly store: FollowedStore;
  readonly clock: Clock;
  /** The store ended the watch: the snapshot stays as it is. */
  readonly onEnd: (reason: WeirError) => void;
}

/** The snapshot where nothing is admitted. */
export interface Follower {
  /** The same object always, changed by each commit. */
  snapshot(): Snapshot;
  /** Called for each commit, in revision order, when the snapshot has it. Returns what ends it. */
  onCommitted(listener: (committed: Committed) => void): () => void;
  /** The past, as far as versions are kept. Rejects with `compacted`. */
  at(revision: Revision): Promise<Snapshot>;
  close(): void;
}

/** What is stored, followed from afar. */
export async function openFollower({ store, clock, onEnd }: FollowerPorts): Promise<Follower> {
  const committed = new CommittedState();
  await inSlices(committed.begin(await loadNewest(store, snapshotPrefixes)), clock);
  const following = new Following(
    { store, clock },
    {
      revision: () => committed.records.revision,
      committed: (commits) => {
        for (const commit of commits) committed.apply(commit, committed.cellsOf(commit, undefined));
      },
      replaced: (revision, state, wallMs) => committed.apply({ revision, wallMs }, committed.difference(state)),
      ended: onEnd,
      prefixes: snapshotPrefixes,
    },
  );
  return {
    snapshot: () => committed.records,
    onCommitted: (listener) => committed.listen(listener),
    at: (revision) => snapshotAt(store, revision),
    close: () => following.close(),
  };
}
