import { assert } from '../../src/base/errors.ts';
import type { Tier } from '../compiled.ts';
import { labelsOf } from '../selectors/index.ts';
import type { PolicyDocument, World } from '../selectors/index.ts';
import type { End, Question } from './packet.ts';
import { applies, ruleMatches } from './side.ts';
import type { Side, Subject } from './side.ts';
import type { SideVerdict, Tried, Verdict } from './verdict.ts';

/**
 * What a policy means: the reference that the compiler, the flows and Open vSwitch are held against. Written to be obviously
 * right; every question reads the documents anew.
 */
export function judge(world: World, question: Question): Verdict {
  // 1. An end that is no interface has no verdict.
  const from = subjectOf(world, question.from);
  const to = subjectOf(world, question.to);
  const { packet } = question;

  // 2. The opening interface judges what leaves it, the opened one what enters it.
  const egress =
    from && judgeSide(world, { direction: 'egress', local: from, peer: { address: question.to.address, subject: to }, packet });
  const ingress =
    to && judgeSide(world, { direction: 'ingress', local: to, peer: { address: question.from.address, subject: from }, packet });

  // 3. Both must allow. The packet meets egress first, so that its refusal is what the sender sees.
  const refused = [egress, ingress].find((side) => side !== undefined && side.verdict !== 'allow');
  return { verdict: refused?.verdict ?? 'allow', egress: egress ?? null, ingress: ingress ?? null };
}

const tiers: readonly Tier[] = ['platform', 'tenant', 'baseline'];

function judgeSide(world: World, side: Side): SideVerdict {
  const applying = [...world.list('Policy')].map(({ document }) => document).filter((policy) => applies(world, policy, side.local));
  const tried: Tried[] = [];

  // 1. Tier after tier.
  for (const tier of tiers) {
    // 2. In a tier the policies by order, those of equal order by name.
    for (const policy of applying.filter(({ spec }) => spec.tier === tier).toSorted(byOrder)) {
      const { name } = policy.metadata;
      // 3. In a policy the rules as written: the first that matches decides.
      const rules = policy.spec[side.direction];
      const index = rules.findIndex((rule) => ruleMatches(world, policy.metadata.tenant, rule, side));
      const action = rules[index]?.action;
      if (action === undefined) {
        tried.push({ tier, policy: name });
        continue;
      }
      tried.push({ tier, policy: name, rule: index, action });
      // 4. `pass` leaves the tier.
      if (action === 'pass') break;
      return { verdict: action, tier, policy: name, rule: index, tried };
    }
  }

  // 5. Nothing matched: the tenant's posture decides.
  const posture = world.get('Tenant', undefined, side.local.tenant)?.document.spec.posture;
  return { verdict: posture === 'open' ? 'allow' : 'deny', tier: 'posture', tried };
}

function byOrder(a: PolicyDocument, b: PolicyDocument): number {
  if (a.spec.order !== b.spec.order) return a.spec.order - b.spec.order;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function subjectOf(world: World, { owner }: End): Subject | undefined {
  if (owner === undefined) return undefined;
  const vm = world.get('Vm', owner.tenant, owner.vm)?.document;
  const item = vm?.spec.interfaces.find((candidate) => candidate.name === owner.interface);
  assert(vm && item, `the end of a question is an interface that exists: ${owner.tenant}/${owner.vm}/${owner.interface}`);
  return { tenant: owner.tenant, labels: labelsOf(vm, item), ports: item.ports };
}
