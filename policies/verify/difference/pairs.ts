import type { Direction } from '../../compiled.ts';
import { numbers } from '../intervals.ts';
import { servicesPossible } from '../service-space.ts';
import type { ServiceSet } from '../service-space.ts';
import { allowedBy, classesOf, isOneInterface, localMatches, peerMatches } from './classes.ts';
import type { ClassView, Decision, EndClass, ProgramsOf } from './classes.ts';
import { sides } from './endpoints.ts';
import type { Component, Scope, Side, Worlds } from './endpoints.ts';
import { Programs } from './program.ts';
import type { Program, ProgramRule } from './program.ts';

/** Connections from one class of ends to another that are possible in one world only. */
export interface PairChange {
  readonly from: EndClass;
  readonly to: EndClass;
  readonly change: 'gains' | 'loses';
  readonly services: ServiceSet;
  /** Where they are lost: the rules that allow them today. */
  readonly allowedBy: readonly ProgramRule[];
}

/** All that is compared: the classes of everybody concerned, and what differs between them. */
export interface PairDifference {
  readonly classes: readonly EndClass[];
  readonly changes: readonly PairChange[];
  /** All pairs that can differ were judged. */
  readonly isComplete: boolean;
}

/** Pairs between one yield and the next. */
const pairsAtOnce = 100;
const pairsMax = 1_000_000;

/**
 * What becomes possible and what ceases to be. Ends are put in classes that no rule tells apart; for each pair of classes that a changed rule
 * can concern, or of which one is itself another, the services that both sides allow are worked out before and after, as sets. Interfaces
 * reach those of their own routing domain, and addresses that are nobody's.
 */
export function* pairDifference(worlds: Worlds, { components }: Scope): Generator<undefined, PairDifference> {
  const programs: ProgramsOf = { before: new Programs(worlds.before), after: new Programs(worlds.after) };
  const classes: EndClass[] = [];
  const changes: PairChange[] = [];
  let left = pairsMax;
  let isComplete = true;
  for (const component of components) {
    const own = yield* classesOf(programs, component);
    const suspects = new Suspects(left);
    yield* suspects.find(programs, component, own);
    let judged = 0;
    for (const [from, others] of suspects.pairs) {
      for (const to of others) {
        changes.push(...compare(programs, from, to));
        if (++judged % pairsAtOnce === 0) yield;
      }
    }
    left -= judged;
    isComplete &&= suspects.isComplete;
    classes.push(...own);
    yield;
  }
  return { classes, changes, isComplete };
}

/** Pairs of which the verdict can be another: one of the two is changed, or a rule that is new, gone or elsewhere binds one and matches the other. */
class Suspects {
  readonly pairs = new Map<EndClass, Set<EndClass>>();
  isComplete = true;
  #left: number;

  constructor(max: number) {
    this.#left = max;
  }

  *find(programs: ProgramsOf, component: Component, classes: readonly EndClass[]): Generator<undefined, void> {
    for (const one of classes) {
      if (!one.isChanged) continue;
      for (const other of classes) {
        this.#add(one, other);
        this.#add(other, one);
      }
      yield;
    }
    for (const tenant of component.tenants) {
      const own = classes.filter((each) => each.tenant === tenant);
      for (const direction of ['egress', 'ingress'] as const) {
        const [before, after] = [programs.before.of(tenant, direction), programs.after.of(tenant, direction)];
        yield;
        const rules = before.isOpen === after.isOpen ? changedRules(before, after) : undefined;
        if (rules === undefined) yield* this.#addAll(own, classes, direction);
        for (const rule of rules ?? []) {
          for (const side of sides) {
            const locals = own.filter((each) => each[side] !== undefined && localMatches(rule, each[side]));
            const peers = locals.length === 0 ? [] : classes.filter((each) => each[side] !== undefined && peerMatches(rule, each[side]));
            yield* this.#addAll(locals, peers, direction);
          }
          yield;
        }
      }
    }
  }

  *#addAll(locals: readonly EndClass[], peers: readonly EndClass[], direction: Direction): Generator<undefined, void> {
    for (const local of locals) {
      for (const peer of peers) {
        if (direction === 'egress') this.#add(local, peer);
        else this.#add(peer, local);
      }
      yield;
    }
  }

  #add(from: EndClass, to: EndClass): void {
    if (from.family !== to.family || (from.tenant === undefined && to.tenant === undefined) || isOneInterface(from, to)) return;
    const others = this.pairs.get(from);
    if (others?.has(to) === true) return;
    if (this.#left === 0) {
      this.isComplete = false;
      return;
    }
    this.#left--;
    if (others === undefined) this.pairs.set(from, new Set([to]));
    else others.add(to);
  }
}

function changedRules(before: Program, after: Program): readonly ProgramRule[] {
  const [old, now] = [before.tiers.flat(), after.tiers.flat()];
  const [oldTexts, newTexts] = [new Set(old.map(({ text }) => text)), new Set(now.map(({ text }) => text))];
  return [...old.filter(({ text }) => !newTexts.has(text)), ...now.filter(({ text }) => !oldTexts.has(text))];
}

function compare(programs: ProgramsOf, from: EndClass, to: EndClass): readonly PairChange[] {
  const before = allowed(programs, 'before', from, to);
  const after = allowed(programs, 'after', from, to);
  const gained = numbers.subtract(after.services, before.services);
  const lost = numbers.subtract(before.services, after.services);
  return [
    ...(gained.length > 0 ? [{ from, to, change: 'gains' as const, services: gained, allowedBy: [] }] : []),
    ...(lost.length > 0 ? [{ from, to, change: 'loses' as const, services: lost, allowedBy: before.rulesFor(lost) }] : []),
  ];
}

interface Allowed {
  readonly services: ServiceSet;
  readonly rulesFor: (services: ServiceSet) => readonly ProgramRule[];
}

const nothing: Allowed = { services: [], rulesFor: () => [] };

function allowed(programs: ProgramsOf, side: Side, from: EndClass, to: EndClass): Allowed {
  const [own, other] = [from[side], to[side]];
  if (own === undefined || other === undefined) return nothing;
  if (from.tenant !== undefined && to.tenant !== undefined && own.domain !== other.domain) return nothing;
  let services = servicesPossible[from.family];
  const decisions: Decision[] = [];
  const judge = (tenant: string | undefined, direction: Direction, local: ClassView, peer: ClassView): void => {
    if (tenant === undefined) return;
    const verdict = allowedBy(programs[side].of(tenant, direction), direction, local, peer, services);
    services = verdict.services;
    decisions.push(...verdict.decisions);
  };
  judge(from.tenant, 'egress', own, other);
  judge(to.tenant, 'ingress', other, own);
  return {
    services,
    rulesFor: (lost) => decisions.filter((decision) => numbers.overlaps(decision.services, lost)).map(({ rule }) => rule),
  };
}
