import type { Snapshot } from '../admission/ports.ts';
import type { Document } from '../../policies/model/index.ts';
import type { Counters, RuleCounters, RuleFlows } from '../controller/ports.ts';
import type { CountedRule, RulesAnswer, RulesQuery } from './schema/rules.ts';

/** What rules have counted, as users see it. */

export type RuleCounts = Counters & RuleFlows;
type Policy = Extract<Document, { kind: 'Policy' }>;

/** One rule as it was read; times become text in what is shown alone. */
interface Reading {
  readonly place: Pick<CountedRule, 'tenant' | 'policy' | 'direction' | 'rule' | 'id' | 'action'>;
  readonly counters: RuleCounters;
}

const directions = ['ingress', 'egress'] as const;
const dayMs = 24 * 3_600_000;
const limitDefault = 1_000;

const isoOf = (wallMs: number): string => new Date(wallMs).toISOString();
const hitOf = (wallMs: number | undefined): string | null => (wallMs === undefined ? null : isoOf(wallMs));

/** A rule that was committed just now and is not counted yet has counted nothing, from now on. */
function* readingsOf(counters: RuleCounts, snapshot: Snapshot, policy: Policy, nowMs: number): Iterable<Reading> {
  const { tenant, name } = policy.metadata;
  const numbers = snapshot.policyNumbers(tenant, name);
  for (const direction of directions) {
    for (const [rule, { action }] of policy.spec[direction].entries()) {
      const id = numbers?.[direction][rule]?.id;
      if (id === undefined) continue;
      const place = { ...(tenant !== undefined && { tenant }), policy: name, direction, rule, id, action };
      yield { place, counters: counters.ofRule(id) ?? { ...nothing, sinceMs: nowMs } };
    }
  }
}

const nothing = { packets: 0, bytes: 0, connections: 0, lastHitMs: undefined } as const;

function shown({ packets, bytes, connections, lastHitMs, sinceMs }: RuleCounters, flows: number) {
  return { packets, bytes, connections, lastHit: hitOf(lastHitMs), since: isoOf(sinceMs), flows };
}

/** For the status of a policy: what its rules have counted together, and with `each` one by one. */
export function policyCounts(counters: RuleCounts, snapshot: Snapshot, policy: Policy, nowMs: number, each: boolean): object {
  const rules = [...readingsOf(counters, snapshot, policy, nowMs)];
  const flows = rules.map(({ place }) => counters.flowsOfRule(place.id));
  const sum = (field: 'packets' | 'bytes' | 'connections'): number => rules.reduce((total, rule) => total + rule.counters[field], 0);
  const hits = rules.flatMap((rule) => rule.counters.lastHitMs ?? []);
  const totals = { packets: sum('packets'), bytes: sum('bytes'), connections: sum('connections') };
  const together = {
    ...totals,
    flows: flows.reduce((total, some) => total + some, 0),
    lastHit: hits.length === 0 ? null : isoOf(Math.max(...hits)),
    ...(rules.length > 0 && { since: isoOf(Math.min(...rules.map((rule) => rule.counters.sinceMs))) }),
  };
  if (!each) return { counters: together };
  const listOf = (direction: 'ingress' | 'egress'): object[] =>
    rules.flatMap(({ place, counters: own }, index) =>
      place.direction === direction ? [{ rule: place.rule, id: place.id, ...shown(own, flows[index] ?? 0) }] : [],
    );
  return { counters: together, rules: { ingress: listOf('ingress'), egress: listOf('egress') } };
}

/** Rules of one owner or, undefined, of all. */
export function countedRules(
  counters: RuleCounts,
  snapshot: Snapshot,
  tenant: string | undefined,
  query: RulesQuery,
  nowMs: number,
): RulesAnswer {
  const { unusedDays, sort, limit = limitDefault } = query;
  const unusedSinceMs = unusedDays === undefined ? undefined : nowMs - unusedDays * dayMs;
  const found: Reading[] = [];
  for (const { document } of snapshot.list('Policy', tenant)) {
    for (const reading of readingsOf(counters, snapshot, document, nowMs))
      if (unusedSinceMs === undefined || (reading.counters.lastHitMs ?? -Infinity) < unusedSinceMs) found.push(reading);
  }
  if (sort !== undefined) found.sort((a, b) => b.counters[sort] - a.counters[sort]);
  const items = found.slice(0, limit).map(({ place, counters: own }): CountedRule => ({
    ...place,
    ...shown(own, counters.flowsOfRule(place.id)),
    ...(unusedSinceMs !== undefined && { usage: own.sinceMs <= unusedSinceMs ? 'unused' : 'too-young' }),
  }));
  return { at: isoOf(nowMs), items, more: found.length > limit };
}
