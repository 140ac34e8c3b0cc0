import type { DocumentId } from '../../../policies/index.ts';
import { connectivityDifference, scopeOf } from '../../../policies/verify/index.ts';
import { Standstill } from '../../admission/index.ts';
import type { Admission, Foreseen, Snapshot, Submitted } from '../../admission/index.ts';
import { assert, WeirError } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Counters, Read } from '../../controller/ports.ts';
import type { Plan, Planned, PlanRequest } from '../ports.ts';
import { flowsForeseen } from './host-flows.ts';
import { changedFindings } from './new-findings.ts';
import type { ChangedFindings } from './new-findings.ts';
import { ownersConcerned } from './owners-concerned.ts';
import { quotaOf } from './quota.ts';
import { rowsAsSeen } from './sight.ts';
import { inSlices } from '../../base/slices.ts';
import { Stopwatch } from './stopwatch.ts';
import { countersOf } from './traffic.ts';

export interface PlanOptions {
  readonly admission: Pick<Admission, 'snapshot' | 'submit' | 'onCommitted'>;
  readonly read: Pick<Read, 'hosts'>;
  readonly counters: Pick<Counters, 'ofRules' | 'refresh'>;
  readonly clock: Clock;
}

/** What is asked about, with the state before and after. */
export interface Trial {
  readonly submitted: Submitted;
  readonly foreseen: Foreseen;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

const plansAtOnceMax = 4;
const findingsMax = 1_000;

/** Each plan is worked out in slices, beside whatever else the process has to do, over documents that stand still for it. */
export function openPlan(options: PlanOptions): Plan {
  const { admission } = options;
  let underWay = 0;
  return {
    plan: async (request) => {
      if (underWay >= plansAtOnceMax) throw new WeirError('rate-limited', `${plansAtOnceMax} plans are being made already`);
      underWay++;
      try {
        const watch = new Stopwatch(options.clock);
        const submitted = await admission.submit({ writes: request.writes, dryRun: true });
        watch.lap('validation');
        assert(submitted.foreseen, 'a dry run tells what it would write');
        const standstill = new Standstill(admission);
        try {
          const before = standstill.snapshot;
          const { foreseen } = submitted;
          return await planned(options, { submitted, foreseen, before, after: foreseen.over(before) }, request, watch);
        } finally {
          standstill.release();
        }
      } finally {
        underWay--;
      }
    },
  };
}

async function planned(options: PlanOptions, trial: Trial, { sees }: PlanRequest, watch: Stopwatch): Promise<Planned> {
  const { submitted, foreseen, before, after } = trial;
  const { clock, counters, read } = options;
  const { revision } = before;
  const scope = await inSlices(scopeOf({ before, after }, changedBy(foreseen)), clock);
  const difference = await inSlices(connectivityDifference({ before, after }, scope), clock);
  watch.lap('connectivity');
  const findings = await inSlices(findingsOf(trial), clock);
  watch.lap('findings');
  const installed = new Map(sees === undefined ? (await read.hosts()).map((host) => [host.name, host.flows]) : []);
  const flows = await inSlices(flowsForeseen({ installed, clock }, trial, scope.near, sees), clock);
  watch.lap('flows');
  const isLost = difference.rows.some(({ change }) => change === 'loses');
  if (isLost) await counters.refresh();
  const counted = await countersOf(difference.rows, before, counters, sees);
  watch.lap('counters');
  const isSeen = (owner: string | undefined): boolean => sees === undefined || owner === sees;
  const listed = <T>(items: readonly T[]) => ({
    items: items.slice(0, findingsMax),
    complete: findings.isComplete && items.length <= findingsMax,
  });
  return {
    submitted,
    revision,
    changes: foreseen.documents.length,
    connectivity: rowsAsSeen(difference, { snapshot: before, counted, sees }),
    shadowed: listed(findings.shadowed.filter(({ rule }) => isSeen(rule.tenant))),
    conflicts: listed(findings.conflicts.filter(({ first, second }) => isSeen(first.tenant) || isSeen(second.tenant))),
    flows,
    quota: quotaOf(foreseen, after, sees),
    timings: watch.timings(),
  };
}

/** A tenant's numbers can be others without a document of its own. */
function changedBy({ documents, numbers }: Foreseen): readonly DocumentId[] {
  return [...documents, ...numbers];
}

function findingsOf({ submitted, foreseen, before, after }: Trial): Generator<undefined, ChangedFindings> {
  const owners = ownersConcerned([...foreseen.documents, ...submitted.results]);
  return changedFindings(before, after, owners, foreseen.documents);
}
