import type { RuleElement } from '../compiled.ts';
import { asksTheSame, meet } from './match.ts';
import type { RuleMatch } from './match.ts';
import { bothEffects, roughEffect } from './side.ts';
import type { Altered, Effect, Elements, RuleChanges, SideChange } from './side.ts';

/** A rule that allows takes the place of another that did. Nothing that stays and does other than allow is judged between the two. */
export interface Succession extends Altered {
  /** What both ask for; at most. */
  readonly shared: RuleMatch;
}

/** A change of one side, held against the rules among which it is made. */
export interface ExactChange extends SideChange {
  /** Before the change. */
  readonly rules: readonly RuleElement[];
  /** Those of them that stay as they are and do other than allow. */
  readonly barriers: readonly RuleElement[];
  readonly successions: readonly Succession[];
  /** What is no succession. */
  readonly others: RuleChanges;
  readonly effect: Effect;
}

/** Each rule that goes may be held against each that comes. */
const pairsMax = 65_536;

/** @param elements of the host, before the change */
export function exactChanges(elements: Elements, sides: readonly SideChange[]): readonly ExactChange[] {
  if (sides.length === 0) return [];
  const tenants = new Set(sides.map(({ tenant }) => tenant));
  const rules = [...elements.values()].filter((element) => element.kind === 'rule').filter(({ tenant }) => tenants.has(tenant));
  const bySide = Map.groupBy(rules, ({ tenant, direction }) => `${tenant} ${direction}`);
  return sides.map((side) => exactChange(side, bySide.get(`${side.tenant} ${side.direction}`) ?? []));
}

/** @param rules all of the tenant in this direction on the host */
function exactChange(side: SideChange, rules: readonly RuleElement[]): ExactChange {
  const changing = new Set([...side.going, ...side.altered.map(({ before }) => before)]);
  const staying = rules.filter((rule) => !changing.has(rule));
  const barriers = staying.filter((rule) => !allows(rule));
  const successions: Succession[] = [];
  const succeeds = (before: RuleElement, after: RuleElement): boolean => {
    const shared = areNeighbours(before, after, barriers) ? meet(before, after) : undefined;
    if (shared) successions.push({ before, after, shared });
    return shared !== undefined;
  };
  const altered = side.altered.filter(({ before, after }) => !succeeds(before, after));
  const coming = [...side.coming];
  const isFew = side.going.length * side.coming.length <= pairsMax;
  const going = side.going.filter((before) => {
    const successor = isFew ? coming.findIndex((after) => succeeds(before, after)) : -1;
    if (successor >= 0) coming.splice(successor, 1);
    return successor < 0;
  });
  const others = { going, coming, altered };
  const { before, after } = side.posture;
  const isOpenBefore = before === 'open' && rules.every(allows);
  const isOpenAfter = after === 'open' && [...staying, ...side.coming, ...side.altered.map((each) => each.after)].every(allows);
  const effect = successions.map(effectOf).reduce(bothEffects, roughEffect({ ...others, posture: side.posture }));
  return {
    ...side,
    rules,
    barriers,
    successions,
    others,
    effect: { restricts: effect.restricts && !isOpenAfter, permits: effect.permits && !isOpenBefore },
  };
}

const allows = ({ action }: RuleElement): boolean => action === 'allow';

function areNeighbours(a: RuleElement, b: RuleElement, barriers: readonly RuleElement[]): boolean {
  if (!allows(a) || !allows(b) || a.tier !== b.tier) return false;
  const [low, high] = [Math.min(a.priority, b.priority), Math.max(a.priority, b.priority)];
  return !barriers.some(({ tier, priority }) => tier === a.tier && low < priority && priority < high);
}

function effectOf({ before, after, shared }: Succession): Effect {
  return { restricts: !asksTheSame(shared, before), permits: !asksTheSame(shared, after) };
}
