import type { ConnectivityDifference, ConnectivityRow, EndSet } from '../../../policies/verify/index.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { RuleCounters } from '../../controller/ports.ts';
import type { PlannedConnectivity, Planned, PlannedEnd } from '../ports.ts';
import { trafficOf } from './traffic.ts';

/** What a caller is told with. */
interface Sight {
  readonly snapshot: Snapshot;
  readonly counted: ReadonlyMap<number, RuleCounters>;
  /** A tenant that is told nothing of others; undefined: all is told. */
  readonly sees: string | undefined;
}

const rowsMax = 1_000;
/** Ends, blocks or services of one row. */
const listMax = 1_000;

/** Rows that concern the caller, those that carry traffic first, then what is lost, then what is gained. */
export function rowsAsSeen({ rows, isComplete }: ConnectivityDifference, sight: Sight): Planned['connectivity'] {
  const seen = rows.flatMap((row) => asSeen(row, sight) ?? []).toSorted((a, b) => weightOf(b) - weightOf(a));
  return { items: seen.slice(0, rowsMax), complete: isComplete && seen.length <= rowsMax };
}

const weightOf = ({ traffic, change }: PlannedConnectivity): number => (traffic ? 2 : change === 'loses' ? 1 : 0);

/** Undefined when nothing in it is the caller's. */
function asSeen(row: ConnectivityRow, { snapshot, counted, sees }: Sight): PlannedConnectivity | undefined {
  const { services, change, family } = row;
  const isOwn = (set: EndSet): boolean => set.kind !== 'addresses' && set.tenant === sees;
  if (sees !== undefined && ![...row.from, ...row.to].some(isOwn)) return undefined;
  const traffic = change === 'loses' ? trafficOf(snapshot, counted, row, sees) : undefined;
  const [from, to] = [endsSeen(row.from, sees), endsSeen(row.to, sees)];
  const isCut = [from, to, services].some((list) => list.length > listMax) || [...from, ...to].some(isLong);
  return {
    from: from.slice(0, listMax).map(cut),
    to: to.slice(0, listMax).map(cut),
    services: services.slice(0, listMax),
    change,
    family,
    traffic,
    isCut,
  };
}

const isLong = (end: PlannedEnd): boolean => end.kind === 'addresses' && Math.max(end.cidrs.length, end.except.length) > listMax;

function cut(end: PlannedEnd): PlannedEnd {
  return isLong(end) && end.kind === 'addresses'
    ? { ...end, cidrs: end.cidrs.slice(0, listMax), except: end.except.slice(0, listMax) }
    : end;
}

function endsSeen(sets: readonly EndSet[], sees: string | undefined): readonly PlannedEnd[] {
  const seen = sets.map((set): PlannedEnd => {
    if (set.kind === 'addresses') return { kind: 'addresses', cidrs: set.cidrs, except: set.except };
    return sees === undefined || set.tenant === sees ? set : { kind: 'another-tenant' };
  });
  const other = seen.findIndex(({ kind }) => kind === 'another-tenant');
  return seen.filter(({ kind }, index) => kind !== 'another-tenant' || index === other);
}
