import type { DocumentId } from '../../../policies/index.ts';
import { Verification } from '../../../policies/verify/index.ts';
import type { Conflict, PolicyFindings, Shadow } from '../../../policies/verify/index.ts';
import type { Snapshot } from '../../admission/index.ts';
import { PartOfCloud } from './part-of-cloud.ts';

/** So many are compared, before and after. */
const findingsMax = 20_000;

/** What is found among the policies of some owners and the platform's after a change that was not there before. */
export interface ChangedFindings {
  /** None of them was left out of the comparison. */
  readonly isComplete: boolean;
  readonly shadowed: readonly Shadow[];
  readonly conflicts: readonly Conflict[];
}

/** To be run to its end, in slices if need be. `tenants` undefined: everybody's policies. */
export function* changedFindings(
  before: Snapshot,
  after: Snapshot,
  tenants: ReadonlySet<string> | undefined,
  documents: readonly DocumentId[],
): Generator<undefined, ChangedFindings> {
  const part = (whole: Snapshot) => (tenants === undefined ? whole : new PartOfCloud(whole, tenants));
  const verification = new Verification(part(before));
  yield* verification.work();
  const old = verification.ofOwner(null, findingsMax);
  verification.update({ documents: documents.map((id) => ({ id })), numbers: [] }, part(after));
  yield* verification.work();
  const all = verification.ofOwner(null, findingsMax);
  return {
    isComplete: [old, all].every(isWhole),
    shadowed: newOnes(old.shadowed.items, all.shadowed.items, ({ rule, kind }) => [rule, kind]),
    conflicts: newOnes(old.conflicts.items, all.conflicts.items, ({ first, second }) => [first, second]),
  };
}

const isWhole = ({ shadowed, conflicts }: PolicyFindings): boolean =>
  [shadowed, conflicts].every(({ items, count }) => items.length === count);

/** Known by the rules that they are about. */
function newOnes<T>(before: readonly T[], after: readonly T[], identity: (finding: T) => unknown): readonly T[] {
  const known = new Set(before.map((finding) => JSON.stringify(identity(finding))));
  return after.filter((finding) => !known.has(JSON.stringify(identity(finding))));
}
