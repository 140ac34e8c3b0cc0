import type { DocumentId } from '../../../policies/index.ts';
import { Verification } from '../../../policies/verify/index.ts';
import type { Conflict, Shadow } from '../../../policies/verify/index.ts';
import type { Snapshot } from '../../admission/index.ts';
import { PartOfCloud } from './part-of-cloud.ts';

/** So many conflicts of one policy are compared, before and after. */
const conflictsMax = 1_000;

/** What is found among the policies of some owners and the platform's after a change that was not there before. */
export interface ChangedFindings {
  readonly shadowed: readonly Shadow[];
  readonly conflicts: readonly Conflict[];
  /** None was left out of the comparison. */
  readonly isComplete: boolean;
}

/** To be run to its end, in slices if need be. `tenants` undefined: everybody's policies. */
export function* changedFindings(
  before: Snapshot,
  after: Snapshot,
  tenants: ReadonlySet<string> | undefined,
  documents: readonly DocumentId[],
): Generator<undefined, ChangedFindings> {
  if (!documents.some(({ kind }) => matters[kind])) return { shadowed: [], conflicts: [], isComplete: true };
  const part = (whole: Snapshot) => (tenants === undefined ? whole : new PartOfCloud(whole, tenants));
  const verification = new Verification(part(before));
  yield* verification.work();
  const concerned = yield* policiesConcerned([part(before), part(after)], documents);
  const [oldShadows, oldConflicts] = [verification.shadows(), yield* conflictsOf(verification, concerned)];
  yield;
  verification.update({ documents: documents.map((id) => ({ id })), numbers: [] }, part(after));
  yield* verification.work();
  const [shadows, conflicts] = [verification.shadows(), yield* conflictsOf(verification, concerned)];
  return {
    shadowed: newOnes(oldShadows, shadows, ({ rule, kind }) => [rule, kind]),
    conflicts: newOnes(oldConflicts.items, conflicts.items, ({ first, second }) => [first, second]),
    isComplete: oldConflicts.isComplete && conflicts.isComplete,
  };
}

/** What can change the meaning of a rule. */
const matters: Readonly<Record<DocumentId['kind'], boolean>> = {
  Policy: true,
  Group: true,
  Service: true,
  Vm: true,
  Tenant: false,
  Network: false,
  Router: false,
  QosPolicy: false,
  Intent: false,
  Host: false,
};

/** Policies read, or asked about, between one yield and the next. */
const policiesAtOnce = 20;

type PolicyName = Pick<DocumentId, 'tenant' | 'name'>;

/** The policies whose rules can mean something else: a new conflict has one of theirs. */
function* policiesConcerned(
  worlds: readonly Pick<Snapshot, 'list'>[],
  documents: readonly DocumentId[],
): Generator<undefined, readonly PolicyName[]> {
  const found = new Map<string, PolicyName>();
  const add = (tenant: string | undefined, name: string): void => void found.set(`${tenant ?? ''}/${name}`, { tenant, name });
  for (const id of documents) if (id.kind === 'Policy') add(id.tenant, id.name);
  // What else matters is named by policies of its owner and the platform's, or, of the platform, by anybody's.
  const others = documents.filter(({ kind }) => matters[kind] && kind !== 'Policy');
  const owners = others.some(({ tenant }) => tenant === undefined)
    ? [undefined]
    : [...new Set([null, ...others.flatMap(({ tenant }) => tenant ?? [])])];
  let read = 0;
  for (const world of others.length === 0 ? [] : worlds) {
    for (const owner of owners) {
      for (const { document } of world.list('Policy', owner)) {
        add(document.metadata.tenant, document.metadata.name);
        if (++read % policiesAtOnce === 0) yield;
      }
    }
  }
  return [...found.values()];
}

function* conflictsOf(
  verification: Verification,
  policies: readonly PolicyName[],
): Generator<undefined, { readonly items: readonly Conflict[]; readonly isComplete: boolean }> {
  const found = new Map<string, Conflict>();
  let isComplete = true;
  for (const [index, { tenant, name }] of policies.entries()) {
    if (index % policiesAtOnce === 0) yield;
    const { items } = verification.ofPolicy(tenant, name, conflictsMax).conflicts;
    isComplete &&= items.length < conflictsMax;
    for (const conflict of items) found.set(identity([conflict.first, conflict.second]), conflict);
  }
  return { items: [...found.values()], isComplete };
}

const identity = (rules: unknown): string => JSON.stringify(rules);

/** Known by the rules that they are about. */
function newOnes<T>(before: readonly T[], after: readonly T[], about: (finding: T) => unknown): readonly T[] {
  const known = new Set(before.map((finding) => identity(about(finding))));
  return after.filter((finding) => !known.has(identity(about(finding))));
}
