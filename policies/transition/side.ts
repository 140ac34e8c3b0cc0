import { elementKey } from '../compiled.ts';
import type { Direction, Element, ElementKey, HostChange, RuleElement, TenantElement } from '../compiled.ts';
import { asksTheSame } from './match.ts';

export type Elements = ReadonlyMap<ElementKey, Element>;

/** What a change may do to what a side lets pass. */
export interface Effect {
  readonly restricts: boolean;
  readonly permits: boolean;
}

export const noEffect: Effect = { restricts: false, permits: false };
export const anyEffect: Effect = { restricts: true, permits: true };
export const bothEffects = (a: Effect, b: Effect): Effect => ({ restricts: a.restricts || b.restricts, permits: a.permits || b.permits });

/** A rule that stays and asks for something else, or at another place. */
export interface Altered {
  readonly before: RuleElement;
  readonly after: RuleElement;
}

export interface RuleChanges {
  readonly going: readonly RuleElement[];
  readonly coming: readonly RuleElement[];
  readonly altered: readonly Altered[];
}

/** What changes in one direction for the interfaces of one tenant on one host. */
export interface SideChange extends RuleChanges {
  readonly tenant: number;
  readonly direction: Direction;
  readonly posture: { readonly before: TenantElement['posture']; readonly after: TenantElement['posture'] };
}

/**
 * By tenant and direction. A tenant that comes to the host, leaves it or turns to another view is left out: its rules come and go with
 * its interfaces.
 */
export function sideChanges(elements: Elements, change: HostChange): readonly SideChange[] {
  const sides = new Sides(elements, change);
  for (const key of change.removed) {
    const before = elements.get(key);
    if (before?.kind === 'rule') sides.of(before)?.going.push(before);
  }
  for (const after of change.put) {
    if (after.kind === 'tenant' && sides.isOfOtherPosture(after)) for (const direction of directions) sides.of({ ...after, direction });
    if (after.kind !== 'rule') continue;
    const before = elements.get(elementKey(after));
    if (before?.kind !== 'rule') sides.of(after)?.coming.push(after);
    else if (!meansTheSame(before, after)) sides.of(after)?.altered.push({ before, after });
  }
  return sides.all();
}

const directions: readonly Direction[] = ['egress', 'ingress'];

/** Which sets are known on a host follows from who is where. */
const meansTheSame = (a: RuleElement, b: RuleElement): boolean => a.priority === b.priority && a.action === b.action && asksTheSame(a, b);

type Draft = SideChange & { readonly going: RuleElement[]; readonly coming: RuleElement[]; readonly altered: Altered[] };

class Sides {
  readonly #elements: Elements;
  readonly #removed: ReadonlySet<ElementKey>;
  readonly #tenants: ReadonlyMap<number, TenantElement>;
  readonly #sides = new Map<string, Draft | undefined>();

  constructor(elements: Elements, { put, removed }: HostChange) {
    this.#elements = elements;
    this.#removed = new Set(removed);
    this.#tenants = new Map(put.flatMap((element) => (element.kind === 'tenant' ? [[element.tenant, element]] : [])));
  }

  all(): readonly SideChange[] {
    return [...this.#sides.values()].filter((side) => side !== undefined);
  }

  isOfOtherPosture({ tenant, posture }: TenantElement): boolean {
    const before = this.#elements.get(`tenant/${tenant}`);
    return before?.kind === 'tenant' && before.posture !== posture;
  }

  of({ tenant, direction }: Pick<RuleElement, 'tenant' | 'direction'>): Draft | undefined {
    const key = `${tenant} ${direction}`;
    if (!this.#sides.has(key)) this.#sides.set(key, this.#begin(tenant, direction));
    return this.#sides.get(key);
  }

  #begin(tenant: number, direction: Direction): Draft | undefined {
    const before = this.#elements.get(`tenant/${tenant}`);
    if (before?.kind !== 'tenant' || this.#removed.has(`tenant/${tenant}`)) return undefined;
    const after = this.#tenants.get(tenant) ?? before;
    if (before.view !== after.view) return undefined;
    return { tenant, direction, going: [], coming: [], altered: [], posture: { before: before.posture, after: after.posture } };
  }
}

/** Never less than the effect, told from the change alone. */
export function roughEffect({ going, coming, altered, posture }: Pick<SideChange, keyof RuleChanges | 'posture'>): Effect {
  let effect = altered.length > 0 ? anyEffect : noEffect;
  for (const { action } of going) effect = bothEffects(effect, reversed(comingEffects[action]));
  for (const { action } of coming) effect = bothEffects(effect, comingEffects[action]);
  const { before, after } = posture;
  return before === after ? effect : bothEffects(effect, { restricts: before === 'open', permits: after === 'open' });
}

/** A rule that passes may let through and may keep from being let through. */
const comingEffects: Readonly<Record<RuleElement['action'], Effect>> = {
  allow: { restricts: false, permits: true },
  deny: { restricts: true, permits: false },
  reject: { restricts: true, permits: false },
  hold: { restricts: true, permits: false },
  pass: anyEffect,
};

const reversed = ({ restricts, permits }: Effect): Effect => ({ restricts: permits, permits: restricts });
