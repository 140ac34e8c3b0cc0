import { setTimeout as pause } from 'node:timers/promises';
import { Verification } from '../../../policies/verify/index.ts';
import type { Committed, Snapshot } from '../../admission/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { Lint } from '../ports.ts';
import { inSlices } from './slices.ts';

export interface StandingOptions {
  readonly snapshot: () => Snapshot;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly onProblem: (reason: unknown) => void;
}

/** Kept up to date from the first question on. */
export interface StandingFindings extends Lint {
  committed(commit: Committed): void;
}

/**
 * Conflicts and shadowed rules of what is stored. Nothing is done before somebody asks; from then on each commit marks what it concerns, and the
 * work is done when somebody asks again or a moment later, in slices, so that no write waits for it.
 */
export function openStandingFindings({ snapshot, clock, onProblem }: StandingOptions): StandingFindings {
  let verification: Verification | undefined;
  let revision: number | undefined;
  let running: Promise<void> | undefined;
  let isPlanned = false;
  const run = async (own: Verification): Promise<void> => {
    while (!own.isSettled) await inSlices(own.work(), clock);
    revision = snapshot().revision;
  };
  const settle = (): Promise<void> => {
    verification ??= new Verification(snapshot());
    running ??= run(verification).finally(() => (running = undefined));
    return running;
  };
  const asked = async <T>(answer: (own: Verification, revision: number) => T): Promise<T> => {
    const own = (verification ??= new Verification(snapshot()));
    await Promise.race([settle(), pause(patienceMs, undefined, { ref: false })]);
    return answer(own, revision ?? 0);
  };
  const later = async (): Promise<void> => {
    if (isPlanned) return;
    isPlanned = true;
    await pause(restMs, undefined, { ref: false });
    isPlanned = false;
    await settle();
  };
  return {
    ofOwner: (owner, max) => asked((own, at) => ({ revision: at, ...own.ofOwner(owner, max) })),
    ofPolicies: (ids, max) => asked((own, at) => ids.map(({ tenant, name }) => ({ revision: at, ...own.ofPolicy(tenant, name, max) }))),
    committed: (commit) => {
      if (verification === undefined) return;
      verification.update(commit, snapshot());
      if (verification.isSettled && running === undefined) revision = commit.revision;
      else later().catch(onProblem);
    },
  };
}

/** Who asks waits so long, and is then told what is known, with the revision that it was of. */
const patienceMs = 2000;
/** Between a commit and the work that it makes, so that a burst is worked off once. */
const restMs = 200;
