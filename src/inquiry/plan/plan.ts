import { componentTenants, connectivityDifference, tenantsConcerned } from '../../../policies/verify/index.ts';
import type { ConnectivityRow, EndSet } from '../../../policies/verify/index.ts';
import type { DocumentId } from '../../../policies/index.ts';
import { Standstill } from '../../admission/index.ts';
import type { Admission, Foreseen, Snapshot, Submitted } from '../../admission/index.ts';
import { assert } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import { WeirError } from '../../base/errors.ts';
import type { Counters, Read } from '../../controller/ports.ts';
import type { Linted, Plan, PlannedConnectivity, PlannedEnd, PlannedFlows, PlanRequest } from '../ports.ts';
import { hostFlowChanges } from './host-flows.ts';
import { changedFindings } from './new-findings.ts';
import type { ChangedFindings } from './new-findings.ts';
import { quotaOf } from './quota.ts';
import { inSlices } from './slices.ts';
import { trafficOf } from './traffic.ts';

export interface PlanOptions {
  readonly admission: Pick<Admission, 'snapshot' | 'submit' | 'onCommitted'>;
  readonly read: Pick<Read, 'hostStatus'>;
  readonly counters: Pick<Counters, 'ofRule' | 'refresh'>;
  readonly clock: Clock;
}

/** VMs whose hosts are compiled for one question; beyond it flows are not counted host by host. */
const vmsCompiledMax = 1_000;
const plansAtOnceMax = 4;

/** What is asked about, with the state before and after. */
interface Trial {
  readonly submitted: Submitted;
  readonly foreseen: Foreseen;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

export function openPlan(options: PlanOptions): Plan {
  const { admission, clock } = options;
  let underWay = 0;
  const attempt = async <T>({ writes }: PlanRequest, ask: (trial: Trial) => Promise<T>): Promise<T> => {
    if (underWay >= plansAtOnceMax) throw new WeirError('rate-limited', `${plansAtOnceMax} plans are being made already`);
    underWay++;
    try {
      const submitted = await admission.submit({ writes, dryRun: true });
      assert(submitted.foreseen, 'a dry run tells what it would write');
      const standstill = new Standstill(admission);
      try {
        const before = standstill.snapshot;
        return await ask({ submitted, foreseen: submitted.foreseen, before, after: submitted.foreseen.over(before) });
      } finally {
        standstill.release();
      }
    } finally {
      underWay--;
    }
  };
  return {
    plan: (request) =>
      attempt(request, async (trial) => {
        const { submitted, foreseen, before, after } = trial;
        const { sees } = request;
        // Numbers do not stand still: what reads them comes first.
        const flows = flowsOf(options, trial, sees);
        const rows = await inSlices(connectivityDifference({ before, after }, foreseen.documents), clock);
        if (rows.some(({ change }) => change === 'loses')) await options.counters.refresh();
        const findings = await inSlices(findingsOf(trial), clock);
        return {
          revision: submitted.revision,
          results: submitted.results,
          connectivity: rows.flatMap((row) => asSeen(row, before, options.counters, sees) ?? []),
          shadowed: findings.shadowed.filter(({ rule }) => sees === undefined || rule.tenant === sees),
          conflicts: findings.conflicts.filter(({ first }) => sees === undefined || first.tenant === sees),
          flows: flows ?? [],
          areFlowsComplete: flows !== undefined,
          quota: quotaOf(foreseen, after, sees),
          changes: foreseen.documents.length,
        };
      }),
    lint: (request) =>
      attempt(request, async (trial): Promise<Linted> => {
        const { all } = await inSlices(findingsOf(trial), clock);
        const { sees } = request;
        const shadowed = all.shadowed.items.filter(({ rule }) => sees === undefined || rule.tenant === sees);
        const conflicts = all.conflicts.items.filter(({ first }) => sees === undefined || first.tenant === sees);
        const isAll = sees === undefined;
        return {
          revision: trial.submitted.revision,
          shadowed: { items: shadowed, count: isAll ? all.shadowed.count : shadowed.length },
          conflicts: { items: conflicts, count: isAll ? all.conflicts.count : conflicts.length },
        };
      }),
  };
}

/** Whose policies are looked at: of the owners of what is written; of everybody, when the platform writes what policies are made of. */
function findingsOf({ submitted, foreseen, before, after }: Trial): Generator<undefined, ChangedFindings> {
  const documents = [...foreseen.documents, ...submitted.results];
  const isMatter = ({ kind, tenant }: DocumentId): boolean =>
    tenant === undefined && (kind === 'Policy' || kind === 'Group' || kind === 'Service');
  const owners = documents.some(isMatter) ? undefined : new Set(documents.flatMap(({ tenant }) => tenant ?? []));
  return changedFindings(before, after, owners, foreseen.documents);
}

/** Undefined when too much would have to be compiled. */
function flowsOf({ read, clock }: PlanOptions, { foreseen, before, after }: Trial, sees: string | undefined): readonly PlannedFlows[] | undefined {
  if (foreseen.documents.length + foreseen.numbers.length === 0) return [];
  const changed = [...foreseen.documents, ...foreseen.numbers];
  if (changed.some(({ kind }) => kind === 'Host')) return undefined;
  const worlds = { before, after };
  const own = new Set([...changed.flatMap(({ tenant }) => tenant ?? []), ...changed.flatMap(({ kind, name }) => (kind === 'Tenant' ? name : []))]);
  const concerned = componentTenants(worlds, new Set([...own, ...tenantsConcerned(worlds, changed)]));
  let vms = 0;
  for (const tenant of concerned) for (const _ of after.list('Vm', tenant)) if (++vms > vmsCompiledMax) return undefined;
  const minute = Math.floor(clock.wallMs() / 60_000);
  return hostFlowChanges(before, after, concerned, minute).map(({ host, gained, lost, more }): PlannedFlows => {
    const now = sees === undefined ? read.hostStatus(host)?.flows : undefined;
    return { host, before: now, after: now === undefined ? undefined : now + more, gained, lost };
  });
}

/** Undefined when nothing in it is the caller's. */
function asSeen(
  row: ConnectivityRow,
  snapshot: Snapshot,
  counters: Pick<Counters, 'ofRule'>,
  sees: string | undefined,
): PlannedConnectivity | undefined {
  const { services, change, family } = row;
  const isOwn = (set: EndSet): boolean => set.kind !== 'addresses' && set.tenant === sees;
  if (sees !== undefined && ![...row.from, ...row.to].some(isOwn)) return undefined;
  const traffic = change === 'loses' ? trafficOf(snapshot, counters, row, sees) : undefined;
  return { from: endsSeen(row.from, sees), to: endsSeen(row.to, sees), services, change, family, traffic };
}

function endsSeen(sets: readonly EndSet[], sees: string | undefined): readonly PlannedEnd[] {
  const seen = sets.map((set): PlannedEnd => {
    if (set.kind === 'addresses') return { kind: 'addresses', cidrs: set.cidrs };
    return sees === undefined || set.tenant === sees ? set : { kind: 'another-tenant' };
  });
  const other = seen.findIndex(({ kind }) => kind === 'another-tenant');
  return seen.filter(({ kind }, index) => kind !== 'another-tenant' || index === other);
}
