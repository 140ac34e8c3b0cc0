import type { ConnectivityRow, RuleName } from '../../../policies/verify/index.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { Counters, RuleCounters } from '../../controller/ports.ts';
import type { PlannedTraffic } from '../ports.ts';

/** What the rules that allow a connection now have counted. Each side of a connection counts its packets: the larger sum is told. */
export function trafficOf(
  snapshot: Snapshot,
  counters: Pick<Counters, 'ofRule'>,
  { allowedBy }: ConnectivityRow,
  sees: string | undefined,
): PlannedTraffic | undefined {
  const rules = allowedBy.filter(({ tenant }) => sees === undefined || tenant === undefined || tenant === sees);
  const counted = rules.flatMap((rule) => {
    const counts = countsOf(snapshot, counters, rule);
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

function countsOf(
  snapshot: Snapshot,
  counters: Pick<Counters, 'ofRule'>,
  { tenant, policy, direction, rule }: RuleName,
): RuleCounters | undefined {
  const number = snapshot.policyNumbers(tenant, policy)?.[direction][rule];
  return number && counters.ofRule(number.id);
}
