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

/** Which sides of an answer are told in full; of the others the verdict and the tier alone, whosever policy decided. */
export const told = { neither: 0, egress: 1, ingress: 2, both: 3 } as const;

/** What decided each side → the answer as JSON. */
export class Answers {
  private readonly rule: (number: number) => RuleRow | undefined;
  private readonly inFull = new Map<number, string>();
  private readonly inBrief = new Map<number, string>();

  constructor(rule: (number: number) => RuleRow | undefined) {
    this.rule = rule;
  }

  /** The packet meets egress first, so that its refusal is what the sender sees. `seen`: of `told`. */
  of(egress: number, ingress: number, seen: number): string {
    const refused = [egress, ingress].find((outcome) => verdictOf(outcome) !== 'allow') ?? ingress;
    const [from, to] = [this.side(egress, (seen & told.egress) !== 0), this.side(ingress, (seen & told.ingress) !== 0)];
    return `{"verdict":"${verdictOf(refused)}","egress":${from},"ingress":${to}}`;
  }

  private side(outcome: number, isFull: boolean): string {
    const sides = isFull ? this.inFull : this.inBrief;
    let text = sides.get(outcome);
    if (text === undefined) sides.set(outcome, (text = this.describe(outcome, isFull)));
    return text;
  }

  private describe(outcome: number, isFull: boolean): string {
    if (outcome < 0) return sideOfPosture[outcome] ?? 'null';
    const rule = this.rule(outcome >>> actionBits);
    assert(rule, 'an outcome names a rule that stands');
    const { policy, tier, index } = rule;
    return JSON.stringify({ verdict: verdictOf(outcome), tier, ...(isFull && { policy, rule: index }) });
  }
}

function verdictOf(outcome: number): string {
  if (outcome < 0) return outcome === outcomes.denied ? 'deny' : 'allow';
  const verdict = actions[outcome & ((1 << actionBits) - 1)];
  assert(verdict !== undefined && verdict !== 'pass', 'a rule that passes decides nothing');
  return verdict;
}
