import { expect, test } from 'vitest';
import { Random } from '../../../bench/workloads/random.ts';
import type { PolicyDocument, World } from '../../../policies/selectors/index.ts';
import { conflictsWith } from '../../../policies/verify/conflicts.ts';
import { relationOf } from '../../../policies/verify/relation.ts';
import { RuleCompiler } from '../../../policies/verify/rule-compiler.ts';
import { RuleIndex, scopeKey } from '../../../policies/verify/rule-index.ts';
import type { RuleRecord } from '../../../policies/verify/rule-record.ts';
import { Verification } from '../../../policies/verify/index.ts';
import { RandomCloud } from '../random-cloud.ts';

/** Each rule with each, as the definition says. */
function isConflict(a: RuleRecord, b: RuleRecord): boolean {
  if (a.rank.policy === b.rank.policy || a.action === 'pass' || b.action === 'pass') return false;
  if ((a.action === 'allow') === (b.action === 'allow')) return false;
  const relation = relationOf(a.space, b.space);
  return relation !== undefined && (a.rank.order === b.rank.order || (!relation.firstInSecond && !relation.secondInFirst));
}

function scopesOf(world: World): readonly (readonly RuleRecord[])[] {
  const compiler = new RuleCompiler();
  const policies: readonly PolicyDocument[] = [...world.list('Policy')].map(({ document }) => document);
  const rules = policies.flatMap((policy) => compiler.compile(world, policy, []).rules);
  return [...Map.groupBy(rules, ({ owner, tier, direction }) => scopeKey(owner, tier, direction)).values()];
}

const nameOf = ({ rank, direction }: RuleRecord): string => `${rank.policy}/${direction}/${rank.index}`;

test('each rule conflicts with just those with which it does when each is compared with each', () => {
  let found = 0;
  for (let round = 0; round < 25; round++) {
    const seed = 9100 + round;
    const cloud = new RandomCloud(new Random(seed));
    for (let step = 0; step < 40; step++) cloud.mutate();
    let expected = 0;
    for (const rules of scopesOf(cloud.documents)) {
      const index = new RuleIndex(rules[0] as RuleRecord);
      for (const rule of rules) {
        index.add(rule);
        index.note(rule, 'counted', true);
      }
      for (const rule of rules) {
        const others = rules.filter((other) => other !== rule && isConflict(rule, other));
        expect([...index.ofBits(conflictsWith(rule, index))].map(nameOf).sort(), `seed ${seed}, ${nameOf(rule)}`).toEqual(
          others.map(nameOf).sort(),
        );
        expected += others.length;
      }
    }
    const verification = new Verification(cloud.documents);
    for (const _ of verification.work());
    expect(verification.ofOwner(null, 0).conflicts.count, `seed ${seed}`).toBe(expected / 2);
    found += expected;
  }
  expect(found).toBeGreaterThan(50);
});
