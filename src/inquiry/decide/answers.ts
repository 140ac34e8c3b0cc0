import { actionBits, actions, outcomes } from '../../../policies/classifier/index.ts';
import type { RuleRow } from '../../../policies/classifier/index.ts';
import { assert } from '../../base/errors.ts';

const sideOfPosture: Readonly<Record<number, string>> = {
  [outcomes.none]: 'null',
  [outcomes.allowed]: posture('allow'),
  [outcomes.denied]: posture('deny'),
};

function posture(verdict: string): string {
  return JSON.stringify({ verdict, tier: 'posture' });
}

/** What decided each side → the answer as JSON. `viewer` does not see what other tenants' policies are called. */
export class Answers {
  private readonly rule: (number: number) => RuleRow | undefined;
  private readonly viewer: string | undefined;
  private readonly sides = new Map<number, string>();

  constructor(rule: (number: number) => RuleRow | undefined, viewer: string | undefined) {
    this.rule = rule;
    this.viewer = viewer;
  }

  /** The packet meets egress first, so that its refusal is what the sender sees. */
  of(egress: number, ingress: number): string {
    const refused = [egress, ingress].find((outcome) => verdictOf(outcome) !== 'allow') ?? ingress;
    return `{"verdict":"${verdictOf(refused)}","egress":${this.side(egress)},"ingress":${this.side(ingress)}}`;
  }

  private side(outcome: number): string {
    let text = this.sides.get(outcome);
    if (text === undefined) this.sides.set(outcome, (text = this.describe(outcome)));
    return text;
  }

  private describe(outcome: number): string {
    if (outcome < 0) return sideOfPosture[outcome] ?? 'null';
    const rule = this.rule(outcome >>> actionBits);
    assert(rule, 'an outcome names a rule that stands');
    const { owner, policy, tier, index } = rule;
    const isOthers = this.viewer !== undefined && owner !== undefined && owner !== this.viewer;
    return JSON.stringify({ verdict: verdictOf(outcome), tier, ...(!isOthers && { policy, rule: index }) });
  }
}

function verdictOf(outcome: number): string {
  if (outcome < 0) return outcome === outcomes.denied ? 'deny' : 'allow';
  const verdict = actions[outcome & ((1 << actionBits) - 1)];
  assert(verdict !== undefined && verdict !== 'pass', 'a rule that passes decides nothing');
  return verdict;
}
