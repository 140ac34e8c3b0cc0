import type { Commit, Revision, Store } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';
import { WeirError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { inSlices } from '../base/slices.ts';
import { Watermark } from '../base/watermark.ts';
import { CommittedState } from './committed.ts';
import { Following } from './following.ts';
import { loadNewest, snapshotAt } from './load.ts';
import { Pipeline } from './pipeline.ts';
import type { Budget, Committed, Snapshot } from './ports.ts';
import { usageOf } from './budget.ts';
import { keyOf } from './keys.ts';
import type { Submission, Submitted } from './request.ts';

export interface AdmissionPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** The store ended the watch: nothing can be admitted any more. */
  readonly onEnd?: (reason: WeirError) => void;
}

/** The one place through which documents change. */
export interface Admission {
  /** What is committed, at this moment: the same object always, changed by each commit. */
  snapshot(): Snapshot;
  /** Settles once the snapshot has everything that was committed, by any member, before the call. Rejects with `no-leader` when that cannot be told in time. */
  current(): Promise<void>;
  /**
   * All or nothing. Settles when the change is durable and in the snapshot, in the order of the calls. Rejects with an
   * AdmissionError when it is refused and with the store's error when it could not be kept.
   */
  submit(submission: Submission): Promise<Submitted>;
  /** Called for each commit, in revision order, when the snapshot has it. Returns what ends it. */
  onCommitted(listener: (committed: Committed) => void): () => void;
  readonly budget: Budget;
  /** The past, as far as versions are kept. Rejects with a CompactedError. */
  at(revision: Revision): Promise<Snapshot>;
  close(): void;
}

export async function openAdmission(ports: AdmissionPorts): Promise<Admission> {
  const { store } = ports;
  const committed = new CommittedState();
  const visible = new Watermark('revision');
  /** The snapshot has what any member had committed before the call; what the store has is in it as soon as it is told. */
  const current = async (): Promise<void> => visible.reached(await store.current(), visibleMsMax);
  const pipeline = new Pipeline({ ...ports, current }, committed);
  const loaded = await loadNewest(store);
  await inSlices(committed.begin(loaded), ports.clock);
  await inSlices(pipeline.begin(loaded.cells), ports.clock);
  visible.raise(committed.records.revision);
  const following = new Following<Commit>(ports, {
    revision: () => committed.records.revision,
    committed: (commits) => {
      for (const commit of commits) pipeline.onCommit(commit);
      pipeline.settle();
      visible.raise(committed.records.revision);
    },
    replaced: (revision, state, wallMs) => {
      pipeline.replaced(revision, state, wallMs);
      visible.raise(committed.records.revision);
    },
    ended: (reason) => {
      visible.end(reason);
      pipeline.end(reason);
      ports.onEnd?.(reason);
    },
  });
  return {
    snapshot: () => committed.records,
    current,
    submit: (submission) => pipeline.submit(submission),
    onCommitted: (listener) => committed.listen(listener),
    budget: {
      usage: (tenant) =>
        usageOf(pipeline.tallies.of(tenant), committed.records.get('Tenant', undefined, tenant)?.document.spec.quotas ?? {}),
      flowsOf: (id) => pipeline.tallies.flowsOf(keyOf(id)),
    },
    at: (revision) => snapshotAt(store, revision),
    close: () => {
      following.close();
      visible.end(closedError());
      pipeline.end(closedError());
    },
  };
}

const visibleMsMax = 5_000;

const closedError = (): WeirError => new WeirError('store-closed', 'admission is closed');
