import type { PolicySpec } from '../../../policies/model/index.ts';
import type { DocumentOfKind, Key } from '../keys.ts';

/** A policy among those with which it shares priorities. */
export interface Place {
  readonly key: Key<DocumentOfKind<'Policy'>>;
  readonly order: number;
  readonly name: string;
}

/** Policies in the order in which they are judged: by order, then name, within an owner and a tier. */
export class Sequence {
  readonly #tiers = new Map<string, Place[]>();

  change(
    key: Key<DocumentOfKind<'Policy'>>,
    before: DocumentOfKind<'Policy'> | undefined,
    after: DocumentOfKind<'Policy'> | undefined,
  ): void {
    if (before !== undefined && after !== undefined && before.spec.order === after.spec.order && before.spec.tier === after.spec.tier)
      return;
    if (before !== undefined) {
      const places = this.#tiers.get(tierOf(before)) ?? [];
      const at = indexOf(places, before.spec.order, before.metadata.name);
      if (places[at]?.key === key) places.splice(at, 1);
      if (places.length === 0) this.#tiers.delete(tierOf(before));
    }
    if (after !== undefined) {
      const places = this.#tiers.get(tierOf(after)) ?? [];
      this.#tiers.set(tierOf(after), places);
      places.splice(indexOf(places, after.spec.order, after.metadata.name), 0, { key, order: after.spec.order, name: after.metadata.name });
    }
  }

  of(owner: string | undefined, tier: PolicySpec['tier']): readonly Place[] {
    return this.#tiers.get(`${owner ?? ''}/${tier}`) ?? [];
  }
}

const tierOf = (document: DocumentOfKind<'Policy'>): string => `${document.metadata.tenant ?? ''}/${document.spec.tier}`;

/** Of the first place that is not judged before this one. */
export function indexOf(places: readonly Place[], order: number, name: string): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const place = places[middle];
    if (place !== undefined && (place.order < order || (place.order === order && place.name < name))) low = middle + 1;
    else high = middle;
  }
  return low;
}
