import type { RuleNumbers } from '../../../policies/model/index.ts';
import type { Draft } from '../draft.ts';
import { refusal } from '../error.ts';
import { indexOf } from '../indexes/sequence.ts';
import type { Place } from '../indexes/sequence.ts';
import { partsOf, policyNumbersKey } from '../keys.ts';
import type { DocumentOfKind } from '../keys.ts';
import { countUp } from './counter.ts';
import { matchRules } from './matching.ts';
import { priorityAbove, priorityBelow, spread } from './spread.ts';

type Policy = DocumentOfKind<'Policy'>;
type Direction = 'ingress' | 'egress';

/**
 * Ids and priorities of a policy's rules after it changed. A rule whose content is unchanged keeps its id, and its
 * priority when its place among the others is the same. Neighbours are numbered anew only when there is no room.
 */
export function numberRules(draft: Draft, before: Policy | undefined, after: Policy): void {
  const moved = before === undefined || before.spec.order !== after.spec.order || before.spec.tier !== after.spec.tier;
  const key = policyNumbersKey(after.metadata.tenant, after.metadata.name);
  for (const direction of ['ingress', 'egress'] as const) {
    const old = draft.value(key)?.[direction] ?? [];
    const slots = slotsOf(draft, before?.spec[direction] ?? [], after.spec[direction], old, moved);
    // Nothing has to be found room for; thousands of neighbours may have no rules here either.
    if (slots.length === 0) {
      writeNumbers(draft, after, direction, []);
      continue;
    }
    const avoid = new Set(old.map((rule) => rule.priority));
    const bounds = boundsAround(draft, after, direction);
    const numbers = fillGaps(slots, bounds, avoid) ?? spreadAll(slots, bounds);
    if (numbers === undefined) respace(draft, after, direction, slots);
    else writeNumbers(draft, after, direction, numbers);
  }
}

interface Slot {
  readonly id: number;
  /** Undefined: to be chosen. */
  readonly priority: number | undefined;
}

interface Bounds {
  /** Every priority lies below it. */
  readonly above: number;
  /** Every priority lies above it. */
  readonly below: number;
}

function slotsOf(
  draft: Draft,
  oldRules: readonly unknown[],
  newRules: readonly unknown[],
  old: readonly RuleNumbers[],
  moved: boolean,
): readonly Slot[] {
  const matches = matchRules(oldRules, newRules);
  const fresh = matches.filter((match) => match === undefined).length;
  let next = fresh === 0 ? 0 : countUp(draft, 'rule', fresh);
  return matches.map((match): Slot => {
    const kept = match === undefined ? undefined : old[match.old];
    if (kept === undefined) return { id: next++, priority: undefined };
    return { id: kept.id, priority: moved || match?.inOrder !== true ? undefined : kept.priority };
  });
}

/** Chooses priorities for the slots that have none, between those that have one. Undefined when a gap is too small. */
function fillGaps(slots: readonly Slot[], bounds: Bounds, avoid: ReadonlySet<number>): readonly RuleNumbers[] | undefined {
  const numbers: RuleNumbers[] = [];
  let above = bounds.above;
  for (let index = 0; index < slots.length;) {
    let end = index;
    while (end < slots.length && slots[end]?.priority === undefined) end++;
    const below = slots[end]?.priority ?? bounds.below;
    const chosen = spread(above, below, end - index, avoid);
    if (chosen === undefined) return undefined;
    for (const priority of chosen) numbers.push({ id: slots[index++]?.id ?? 0, priority });
    const fixed = slots[end];
    if (fixed?.priority !== undefined) {
      numbers.push({ id: fixed.id, priority: fixed.priority });
      above = fixed.priority;
      index = end + 1;
    }
  }
  return numbers;
}

function spreadAll(slots: readonly Slot[], bounds: Bounds): readonly RuleNumbers[] | undefined {
  const chosen = spread(bounds.above, bounds.below, slots.length, none);
  return chosen?.map((priority, index) => ({ id: slots[index]?.id ?? 0, priority }));
}

const none: ReadonlySet<number> = new Set();

/** The nearest priorities of the policies judged before and after this one. */
function boundsAround(draft: Draft, policy: Policy, direction: Direction): Bounds {
  const places = draft.working.sequence.of(policy.metadata.tenant, policy.spec.tier);
  const at = indexOf(places, policy.spec.order, policy.metadata.name);
  return boundsOf(draft, places, at, at, direction);
}

function boundsOf(draft: Draft, places: readonly Place[], first: number, last: number, direction: Direction): Bounds {
  let [above, below] = [priorityAbove, priorityBelow];
  for (let index = first - 1; index >= 0; index--) {
    const lowest = rulesAt(draft, places[index], direction).at(-1);
    if (lowest === undefined) continue;
    above = lowest.priority;
    break;
  }
  for (let index = last + 1; index < places.length; index++) {
    const highest = rulesAt(draft, places[index], direction)[0];
    if (highest === undefined) continue;
    below = highest.priority;
    break;
  }
  return { above, below };
}

function rulesAt(draft: Draft, place: Place | undefined, direction: Direction): readonly RuleNumbers[] {
  if (place === undefined) return [];
  const { tenant, name } = partsOf(place.key);
  return draft.value(policyNumbersKey(tenant, name))?.[direction] ?? [];
}

function writeNumbers(draft: Draft, policy: Policy, direction: Direction, rules: readonly RuleNumbers[]): void {
  const key = policyNumbersKey(policy.metadata.tenant, policy.metadata.name);
  draft.write(key, { ingress: [], egress: [], ...draft.value(key), [direction]: rules });
}

/** Numbers more and more neighbours anew, until twice the room that they need is there, or they are all. */
function respace(draft: Draft, policy: Policy, direction: Direction, slots: readonly Slot[]): void {
  const places = draft.working.sequence.of(policy.metadata.tenant, policy.spec.tier);
  const at = indexOf(places, policy.spec.order, policy.metadata.name);
  for (let reach = 1; ; reach *= 2) {
    const first = Math.max(0, at - reach);
    const last = Math.min(places.length - 1, at + reach);
    const ids: number[] = [];
    for (let index = first; index <= last; index++)
      ids.push(...(index === at ? slots : rulesAt(draft, places[index], direction)).map((rule) => rule.id));
    const { above, below } = boundsOf(draft, places, first, last, direction);
    const room = above - below - 1;
    const isAll = first === 0 && last === places.length - 1;
    if (room < ids.length * 2 && !isAll) continue;
    const chosen = spread(above, below, ids.length, none);
    if (chosen === undefined) {
      throw refusal(
        'flow-budget',
        `/spec/${direction}`,
        `has more rules than there are priorities: tier ${policy.spec.tier} would come to ${ids.length}, ${room} at most`,
      );
    }
    writeWindow(draft, { places, first, last, at }, direction, slots, chosen);
    return;
  }
}

interface Window {
  readonly places: readonly Place[];
  readonly first: number;
  readonly last: number;
  /** Of the policy that changed. */
  readonly at: number;
}

function writeWindow(draft: Draft, window: Window, direction: Direction, slots: readonly Slot[], chosen: readonly number[]): void {
  let next = 0;
  for (let index = window.first; index <= window.last; index++) {
    const place = window.places[index];
    const neighbour = place === undefined ? undefined : draft.value(place.key);
    if (neighbour === undefined) continue;
    const rules = (index === window.at ? slots : rulesAt(draft, place, direction)).map((rule): RuleNumbers => ({
      id: rule.id,
      priority: chosen[next++] ?? 0,
    }));
    writeNumbers(draft, neighbour, direction, rules);
  }
}
