import type { Direction } from '../../../policies/compiled.ts';
import type { SideVerdict } from '../../../policies/index.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { ExplainedSide, NumberedRule } from '../ports.ts';
import { ruleWords } from './words.ts';

interface Judged {
  readonly direction: Direction;
  /** Of the interface that is judged. */
  readonly tenant: string;
  readonly side: SideVerdict;
}

/**
 * One side of a verdict. To a tenant another's side is its verdict and tier alone, and of the platform's rules, which may name
 * other tenants, the policy but not the words.
 */
export function explainSide(snapshot: Snapshot, { direction, tenant, side }: Judged, sees: string | undefined): ExplainedSide {
  const { verdict, tier } = side;
  if (sees !== undefined && sees !== tenant) return { verdict, tier };
  const told = (at: 'platform' | 'tenant' | 'baseline', policy: string, rule: number | undefined) => {
    const owner = at === 'tenant' ? tenant : undefined;
    const written = rule === undefined ? undefined : snapshot.get('Policy', owner, policy)?.document.spec[direction][rule];
    return written !== undefined && (owner !== undefined || sees === undefined) ? { words: ruleWords(written, direction) } : {};
  };
  const tried = side.tried.map((each) => ({ ...each, ...told(each.tier, each.policy, each.rule) }));
  if (tier === 'posture' || side.policy === undefined || side.rule === undefined) return { verdict, tier, tried };
  const id = snapshot.policyNumbers(tier === 'tenant' ? tenant : undefined, side.policy)?.[direction][side.rule]?.id;
  return {
    verdict,
    tier,
    policy: side.policy,
    rule: side.rule,
    ...(id !== undefined && { id }),
    ...told(tier, side.policy, side.rule),
    tried,
  };
}

/** Reads the numbers of every policy. */
export function ruleNumbered(snapshot: Snapshot, id: number, sees: string | undefined): NumberedRule | undefined {
  for (const { document } of snapshot.list('Policy')) {
    const { tenant, name } = document.metadata;
    if (sees !== undefined && tenant !== sees) continue;
    const numbers = snapshot.policyNumbers(tenant, name);
    for (const direction of ['ingress', 'egress'] as const) {
      const rule = numbers?.[direction].findIndex((each) => each.id === id) ?? -1;
      const written = document.spec[direction][rule];
      if (written) return { id, tenant, policy: name, direction, rule, words: ruleWords(written, direction) };
    }
  }
  return undefined;
}
