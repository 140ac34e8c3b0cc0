import { elementKey } from '../compiled.ts';
import type { Element, ElementKey, HostChange, RuleElement, TenantElement } from '../compiled.ts';
import type { Ends } from './ends.ts';
import { asksTheSame, groupsAsked, join } from './match.ts';
import type { Elements } from './side.ts';
import type { ExactChange, Succession } from './succession.ts';

/** A change of one host in two stages: what is between them lets through at most what was let through before and will be after. */
export interface Transition {
  readonly restriction: HostChange;
  /** The change itself, and an end to what the restriction held. */
  readonly change: HostChange;
}

/**
 * What stands in between on one host, by what a side's change does:
 *
 * - It only restricts: the side is as it will be. It only permits: it is as it was.
 * - Both: each rule that goes, comes or is altered *holds* what it asks for: such packets are dropped, and nothing is done about their
 *   connections, which the coming policy may allow. A rule that comes to allow is not there yet. Where one that allows succeeds another,
 *   what both ask for is allowed. A hold is where its rule was or will be, or is judged earlier than that; what is allowed is
 *   judged no earlier than either rule. So what passes meets no rule that changes, but for successions: rules that stay, and the
 *   posture, decide about it in both policies as they do here.
 * - An end whose groups change is in the groups that it leaves and in those that it enters. Whatever rule asks for one of these holds.
 * - A posture that changes holds, unless both sides only restrict or only permit.
 * - Who goes is gone, and a network that comes to isolate does so; whatever else changes about who is where comes with the second stage.
 *
 * Groups that are told apart by numbered sets are as they were until the second stage.
 */
export function transitionOf(elements: Elements, change: HostChange, sides: readonly ExactChange[], ends: Ends): Transition {
  const between = new Between(elements);
  for (const key of change.removed) {
    const kind = elements.get(key)?.kind;
    if (kind !== undefined && kind !== 'rule' && kind !== 'tenant') between.remove(key);
  }
  for (const side of sides) {
    const { restricts, permits } = side.effect;
    if (restricts && permits) holdChanges(between, side);
    else if (restricts) for (const rule of [...side.coming, ...side.altered.map(({ after }) => after)]) between.put(rule);
    if (restricts && !permits) for (const rule of side.going) between.remove(elementKey(rule));
  }
  for (const [tenant, ofTenant] of Map.groupBy(sides, (side) => side.tenant)) restrictPosture(between, tenant, ofTenant);
  for (const element of ends.between) between.put(element);
  if (ends.isSomebodyChanging)
    for (const rule of between.rules()) if (ends.areChanging(rule.tenant, groupsAsked(rule))) between.put(holding(rule));
  return { restriction: between.toChange(change.host), change: { ...change, put: [...change.put, ...between.withheld(change)] } };
}

const holding = (rule: RuleElement): RuleElement => ({ ...rule, action: 'hold', log: false });

function restrictPosture(between: Between, tenant: number, sides: readonly ExactChange[]): void {
  const element = between.elements.get(`tenant/${tenant}`);
  const [{ posture } = { posture: undefined }] = sides;
  if (element?.kind !== 'tenant' || posture === undefined || posture.before === posture.after) return;
  if (sides.every(({ effect }) => !effect.restricts)) return;
  between.put({ ...element, posture: sides.every(({ effect }) => !effect.permits) ? posture.after : 'hold' } satisfies TenantElement);
}

function holdChanges(between: Between, side: ExactChange): void {
  const places = new Places(between, side);
  const { going, coming, altered } = side.others;
  for (const rule of going) between.put(holding(rule));
  for (const { before, after } of altered) holdBoth(between, places, before, after);
  for (const rule of coming) if (rule.action !== 'allow') between.put({ ...holding(rule), priority: places.above(rule) });
  for (const succession of side.successions) allowShared(between, places, succession);
}

function holdBoth(between: Between, places: Places, before: RuleElement, after: RuleElement): void {
  places.leave(before);
  const priority = places.above(after.priority > before.priority ? after : before);
  between.put({ ...holding(after), ...join(before, after), priority });
}

/** What both allow stays allowed; the rest of what was allowed is held right behind it. */
function allowShared(between: Between, places: Places, { before, after, shared }: Succession): void {
  const isWhole = asksTheSame(shared, before);
  const isOneRule = before.id === after.id;
  places.leave(before);
  const priority = places.below(before.tier, Math.min(before.priority, after.priority));
  if (priority !== undefined && isWhole) return between.put({ ...before, priority });
  const behind = priority === undefined || isOneRule ? undefined : places.below(before.tier, priority - 1);
  if (priority !== undefined && behind !== undefined) {
    between.put({ ...after, ...shared, priority });
    between.put({ ...holding(before), priority: behind });
  } else if (isOneRule) holdBoth(between, places, before, after);
  else between.put(holding({ ...before, priority: places.above(before) }));
}

const priorityMax = 65_535;

/** Priorities in between: those of the rules before, but for rules that have another one in between, and those taken since. */
class Places {
  readonly #taken: Map<RuleElement['tier'], Set<number>>;
  readonly #between: Between;
  readonly #side: ExactChange;

  constructor(between: Between, side: ExactChange) {
    this.#between = between;
    this.#side = side;
    const byTier = Map.groupBy(side.rules, ({ tier }) => tier);
    this.#taken = new Map([...byTier].map(([tier, rules]) => [tier, new Set(rules.map(({ priority }) => priority))]));
  }

  leave({ tier, priority }: RuleElement): void {
    this.#of(tier).delete(priority);
  }

  /** The nearest that is judged no later. Where there is none, all of the tier holds, and any will do. */
  above({ tier, priority }: RuleElement): number {
    const taken = this.#of(tier);
    let free = priority;
    while (taken.has(free) && free <= priorityMax) free++;
    if (free > priorityMax) {
      for (const rule of this.#side.rules) if (rule.tier === tier) this.#between.put(holding(this.#between.ruleAt(rule)));
      while (taken.has(free) || free > priorityMax) free--;
    }
    taken.add(free);
    return free;
  }

  /** The nearest that is judged no earlier, and still before what stays and does not allow. */
  below(tier: RuleElement['tier'], priority: number): number | undefined {
    const taken = this.#of(tier);
    let floor = 0;
    for (const rule of this.#side.barriers) if (rule.tier === tier && rule.priority <= priority) floor = Math.max(floor, rule.priority);
    let free = priority;
    while (taken.has(free)) free--;
    if (free <= floor) return undefined;
    taken.add(free);
    return free;
  }

  #of(tier: RuleElement['tier']): Set<number> {
    const taken = this.#taken.get(tier) ?? new Set();
    this.#taken.set(tier, taken);
    return taken;
  }
}

/** What is different in between from what was before. */
class Between {
  readonly elements: Elements;
  readonly #put = new Map<ElementKey, Element>();
  readonly #removed = new Set<ElementKey>();

  constructor(elements: Elements) {
    this.elements = elements;
  }

  put(element: Element): void {
    this.#put.set(elementKey(element), element);
  }

  remove(key: ElementKey): void {
    this.#removed.add(key);
  }

  /** As it stands in between. */
  ruleAt(rule: RuleElement): RuleElement {
    const element = this.#put.get(elementKey(rule));
    return element?.kind === 'rule' ? element : rule;
  }

  rules(): readonly RuleElement[] {
    const staying = [...this.elements].filter(([key]) => !this.#put.has(key) && !this.#removed.has(key)).map(([, element]) => element);
    return [...staying, ...this.#put.values()].filter((element) => element.kind === 'rule');
  }

  /** What the change itself does not mention. */
  withheld({ put, removed }: HostChange): readonly Element[] {
    const mentioned = new Set([...put.map(elementKey), ...removed]);
    return [...this.#put.keys()].flatMap((key) => (mentioned.has(key) ? [] : (this.elements.get(key) ?? [])));
  }

  toChange(host: string): HostChange {
    return { host, put: [...this.#put.values()], removed: [...this.#removed] };
  }
}
