import { Verification } from '../../../policies/verify/index.ts';
import { Standstill } from '../../admission/index.ts';
import type { Admission, Snapshot } from '../../admission/index.ts';
import { assert, WeirError } from '../../base/errors.ts';
import { inSlices } from '../../base/slices.ts';
import { ownersConcerned } from '../plan/owners-concerned.ts';
import { PartOfCloud } from '../plan/part-of-cloud.ts';
import type { Lint, Linted, PlanRequest } from '../ports.ts';
import { StandingFindings } from './standing-findings.ts';
import type { StandingOptions } from './standing-findings.ts';

export interface LintOptions extends Omit<StandingOptions, 'snapshot'> {
  readonly admission: Pick<Admission, 'snapshot' | 'submit' | 'onCommitted'>;
}

const listingsAtOnceMax = 4;

/** What is stored is kept up to date; what is not yet written is looked at anew, over documents that stand still for it. */
export function openLint(options: LintOptions): Lint {
  const { admission } = options;
  const standing = new StandingFindings({ ...options, snapshot: () => admission.snapshot() });
  admission.onCommitted((commit) => standing.committed(commit));
  let underWay = 0;
  const inTurn = async (list: () => Promise<Linted>): Promise<Linted> => {
    if (underWay >= listingsAtOnceMax) throw new WeirError('rate-limited', `policies are being looked at for ${listingsAtOnceMax} already`);
    underWay++;
    try {
      return await list();
    } finally {
      underWay--;
    }
  };
  return {
    ofOwner: (owner, max) => inTurn(() => standing.ofOwners((each) => owner === null || each === owner, max)),
    ofPolicies: (ids, max) => standing.ofPolicies(ids, max),
    ofWrites: (request, max) => inTurn(() => foreseenFindings(options, request, max)),
  };
}

async function foreseenFindings({ admission, clock }: LintOptions, { writes, sees }: PlanRequest, max: number): Promise<Linted> {
  const submitted = await admission.submit({ writes, dryRun: true });
  const { foreseen } = submitted;
  assert(foreseen, 'a dry run tells what it would write');
  const standstill = new Standstill(admission);
  try {
    const after = foreseen.over(standstill.snapshot);
    const owners = ownersConcerned([...foreseen.documents, ...submitted.results]);
    const isMeant = (owner: string | undefined): boolean =>
      (owners === undefined || (owner !== undefined && owners.has(owner))) && (sees === undefined || owner === sees);
    const verification = new Verification(partOf(after, owners));
    await inSlices(verification.work(), clock);
    const findings = await inSlices(verification.ofOwners(isMeant, max), clock);
    return { revision: standstill.snapshot.revision, isSettled: true, ...findings };
  } finally {
    standstill.release();
  }
}

const partOf = (whole: Snapshot, owners: ReadonlySet<string> | undefined) =>
  owners === undefined ? whole : new PartOfCloud(whole, owners);
