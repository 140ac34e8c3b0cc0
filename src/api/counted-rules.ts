import type { Snapshot } from '../admission/ports.ts';
import type { Document } from '../../policies/model/index.ts';
import type { Counters, RuleFlows } from '../controller/ports.ts';
import type { CountedRule, RulesAnswer, RulesQuery } from './schema/rules.ts';

/** What rules have counted, as users see it. */

export type RuleCounts = Counters & RuleFlows;
type Policy = Extract<Document, { kind: 'Policy' }>;
type Counted = Pick<CountedRule, 'packets' | 'bytes' | 'connections' | 'lastHit' | 'since' | 'flows'>;

const directions = ['ingress', 'egress'] as const;
const dayMs = 24 * 3_600_000;
const limitDefault = 1_000;

const isoOf = (wallMs: number): string => new Date(wallMs).toISOString();

/** A rule that was committed just now and is not counted yet has counted nothing, from now on. */
function countedOf(counters: RuleCounts, id: number, nowMs: number): Counted {
  const { packets, bytes, connections, lastHitMs, sinceMs } = counters.ofRule(id) ?? { ...nothing, sinceMs: nowMs };
  return {
    packets,
    bytes,
    connections,
    lastHit: lastHitMs === undefined ? null : isoOf(lastHitMs),
    since: isoOf(sinceMs),
    flows: counters.flowsOfRule(id),
  };
}

const nothing = { packets: 0, bytes: 0, connections: 0, lastHitMs: undefined } as const;

function* rulesOf(counters: RuleCounts, snapshot: Snapshot, policy: Policy, nowMs: number): Iterable<CountedRule> {
  const { tenant, name } = policy.metadata;
  const numbers = snapshot.policyNumbers(tenant, name);
  for (const direction of directions) {
    for (const [rule, { action }] of policy.spec[direction].entries()) {
      const id = numbers?.[direction][rule]?.id;
      if (id === undefined) continue;
      const place = { policy: name, direction, rule, id, action };
      yield { ...(tenant !== undefined && { tenant }), ...place, ...countedOf(counters, id, nowMs) };
    }
  }
}

/** For the status of a policy: what its rules have counted together, and with `each` one by one. */
export function policyCounts(counters: RuleCounts, snapshot: Snapshot, policy: Policy, nowMs: number, each: boolean): object {
  const rules = [...rulesOf(counters, snapshot, policy, nowMs)];
  const sum = (field: 'packets' | 'bytes' | 'connections' | 'flows'): number => rules.reduce((total, rule) => total + rule[field], 0);
  const hits = rules.flatMap(({ lastHit }) => (lastHit === null ? [] : [lastHit])).toSorted();
  const since = rules.map((rule) => rule.since).toSorted()[0];
  const totals = { packets: sum('packets'), bytes: sum('bytes'), connections: sum('connections'), flows: sum('flows') };
  const counted = { ...totals, lastHit: hits.at(-1) ?? null, ...(since !== undefined && { since }) };
  if (!each) return { counters: counted };
  const listOf = (wanted: 'ingress' | 'egress'): object[] =>
    rules
      .filter(({ direction }) => direction === wanted)
      .map(({ rule, id, packets, bytes, connections, lastHit, since: from, flows }) => ({
        rule,
        id,
        packets,
        bytes,
        connections,
        lastHit,
        since: from,
        flows,
      }));
  return { counters: counted, rules: { ingress: listOf('ingress'), egress: listOf('egress') } };
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
  const items: CountedRule[] = [];
  for (const { document: policy } of snapshot.list('Policy', tenant)) {
    for (const rule of rulesOf(counters, snapshot, policy, nowMs)) {
      if (unusedDays === undefined) items.push(rule);
      else if (rule.lastHit === null || Date.parse(rule.lastHit) < nowMs - unusedDays * dayMs)
        items.push({ ...rule, usage: Date.parse(rule.since) <= nowMs - unusedDays * dayMs ? 'unused' : 'too-young' });
    }
  }
  if (sort !== undefined) items.sort((a, b) => b[sort] - a[sort]);
  return { at: isoOf(nowMs), items: items.slice(0, limit), more: items.length > limit };
}
