import type { ConnectivityRow, RuleName } from '../../../policies/verify/index.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { Counters, RuleCounters } from '../../controller/ports.ts';
import type { PlannedTraffic } from '../ports.ts';

const questionRulesMax = 1_000;

/** Of the rules that allow what is lost now, as far as the caller may know of them. */
export async function countersOf(
  rows: readonly ConnectivityRow[],
  snapshot: Snapshot,
  counters: Pick<Counters, 'ofRules'>,
  sees: string | undefined,
): Promise<ReadonlyMap<number, RuleCounters>> {
  const rules = rows.flatMap((row) => (row.change === 'loses' ? seenRules(row, sees) : []));
  const ids = [...new Set(rules.flatMap((rule) => numberOf(snapshot, rule) ?? []))];
  const counted = new Map<number, RuleCounters>();
  for (let first = 0; first < ids.length; first += questionRulesMax)
    for (const [id, reading] of await counters.ofRules(ids.slice(first, first + questionRulesMax))) counted.set(id, reading);
  return counted;
}

const seenRules = ({ allowedBy }: ConnectivityRow, sees: string | undefined): readonly RuleName[] =>
  allowedBy.filter(({ tenant }) => sees === undefined || tenant === undefined || tenant === sees);

const numberOf = (snapshot: Snapshot, { tenant, policy, direction, rule }: RuleName): number | undefined =>
  snapshot.policyNumbers(tenant, policy)?.[direction][rule]?.id;

/** What the rules that allow a connection now have counted. Each side of a connection counts its packets: the larger sum is told. */
export function trafficOf(
  snapshot: Snapshot,
  counters: ReadonlyMap<number, RuleCounters>,
  row: ConnectivityRow,
  sees: string | undefined,
): PlannedTraffic | undefined {
  const counted = seenRules(row, sees).flatMap((rule) => {
    const counts = counters.get(numberOf(snapshot, rule) ?? -1);
    return counts !== undefined && counts.packets > 0 ? [{ rule, counts }] : [];
  });
  if (counted.length === 0) return undefined;
  const packets = (['egress', 'ingress'] as const).map((direction) =>
    counted.reduce((sum, { rule, counts }) => sum + (rule.direction === direction ? counts.packets : 0), 0),
  );
  const hits = counted.flatMap(({ counts }) => counts.lastHitMs ?? []);
  return {
    packets: Math.max(...packets),
    lastHitMs: hits.length === 0 ? undefined : Math.max(...hits),
    rules: counted.map(({ rule }) => rule),
  };
}
