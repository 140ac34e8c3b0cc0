import { elementKey } from '../compiled.ts';
import type { Direction, HostChange } from '../compiled.ts';
import { Ends } from './ends.ts';
import { groupsAsked } from './match.ts';
import { anyEffect, bothEffects, noEffect, roughEffect, sideChanges } from './side.ts';
import type { Effect, Elements } from './side.ts';
import { exactChanges } from './succession.ts';
import { transitionOf } from './transition.ts';
import type { Transition } from './transition.ts';

export type { Transition } from './transition.ts';

/** One host, and what is about to change there. */
export interface Changing {
  readonly elements: Elements;
  readonly change: HostChange;
}

interface OneWay {
  readonly direction: Direction;
  readonly effect: Effect;
}

/**
 * The two stages of a change that takes away on one side of connections and gives on the other. While hosts change over one by one, and a packet
 * that has left its sender has not met its receiver, such a change could let through what neither the old nor the new policies do: old egress
 * and new ingress, or the other way round. Undefined: it cannot, and is made at once; so is one that changes no rule and no posture.
 */
export function transitionsOf(hosts: readonly Changing[]): readonly Transition[] | undefined {
  const changing = hosts.map((host) => ({ ...host, sides: sideChanges(host.elements, host.change) }));
  const all = changing.flatMap(({ sides }) => sides);
  if (all.length === 0) return undefined;
  const moving = changing.map((host) => ({ ...host, ends: new Ends(host.elements, host.change) }));
  const isRoughlyOpposed = isOpposed(all.map((side) => ({ direction: side.direction, effect: roughEffect(side) })));
  if (!isRoughlyOpposed && !moving.some(({ ends }) => ends.isSomebodyChanging)) return undefined;
  const exact = moving.map((host) => ({ ...host, sides: exactChanges(host.elements, host.sides) }));
  if (!isOpposed(exact.flatMap((host) => [...host.sides, ...effectsOfGroups(host)]))) return undefined;
  return exact.map(({ elements, change, sides, ends }) => transitionOf(elements, change, sides, ends));
}

/** Rules that stay and ask for groups that somebody leaves or enters. */
function effectsOfGroups({ elements, change, ends }: Changing & { readonly ends: Ends }): readonly OneWay[] {
  if (!ends.isSomebodyChanging) return [];
  const changed = new Set([...change.removed, ...change.put.map(elementKey)]);
  return [...elements].flatMap(([key, element]): OneWay[] => {
    const isConcerned = element.kind === 'rule' && !changed.has(key) && ends.areChanging(element.tenant, groupsAsked(element));
    return isConcerned ? [{ direction: element.direction, effect: anyEffect }] : [];
  });
}

function isOpposed(sides: readonly OneWay[]): boolean {
  const effects = { egress: noEffect, ingress: noEffect };
  for (const { direction, effect } of sides) effects[direction] = bothEffects(effects[direction], effect);
  const { egress, ingress } = effects;
  return (egress.restricts && ingress.permits) || (egress.permits && ingress.restricts);
}
