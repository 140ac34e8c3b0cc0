import type { FlowReading, FlowsRead } from '../../../flows/session/index.ts';
import { ownCookies, ownerNumberIn, tables } from '../../../flows/pipeline/index.ts';
import type { RawCount } from './ledger.ts';
import type { RuleOwners } from './owners.ts';

/**
 * Where flows of rules are: those of the tiers see each packet, those of the accounting each connection once. The few of `state`, which
 * every switch has and nobody replaces, tell for how long the switch has had any.
 */
const countedTables = [
  'egressPlatform',
  'egressTenant',
  'egressBaseline',
  'ingressPlatform',
  'ingressTenant',
  'ingressBaseline',
  'accounting',
  'state',
] as const;

export const ruleCounts: FlowReading = {
  kind: 'counts',
  filters: countedTables.map((name) => ({ tableId: tables[name].id, ...ownCookies })),
};

/** Flows by the rule that they belong to. What belongs to no rule is left out. */
export function byRule({ counts, flowsByOwner }: FlowsRead, owners: RuleOwners) {
  const flowsByRule = new Map<number, number>();
  for (const [owner, flows] of flowsByOwner) {
    const rule = owners.ruleOf(owner);
    if (rule !== undefined) flowsByRule.set(rule, (flowsByRule.get(rule) ?? 0) + flows);
  }
  const raw = counts.map(({ tableId, flow, cookieHigh, cookieLow, packets, bytes, durationMs, idleMs }): RawCount => {
    const owner = ownerNumberIn(cookieHigh, cookieLow);
    return {
      flow,
      rule: owner === undefined ? undefined : owners.ruleOf(owner),
      isAccount: tableId === tables.accounting.id,
      packets,
      bytes,
      durationMs,
      idleMs,
    };
  });
  return { counts: raw, flowsByRule };
}
