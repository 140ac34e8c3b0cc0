import { boxText, isNarrowing, tenantsText } from './label-box.ts';
import type { LabelBox, ValueSet } from './label-box.ts';

/** A box that is kept once, however many selectors mean it. */
export interface KnownBox {
  readonly box: LabelBox;
  readonly text: string;
  /** See `tenantsText`. */
  readonly tenants: string;
  /** The labels that keep somebody out. */
  readonly narrowing: readonly (readonly [key: string, allowed: ValueSet])[];
}

/** When so many are known, all are forgotten: those in use stay as they are, and are told apart from new ones of the same meaning. */
const boxesMax = 50_000;

/** The boxes of labels that are about, each once. */
export class BoxTable {
  readonly #known = new Map<string, KnownBox>();

  know(box: LabelBox): KnownBox {
    const text = boxText(box);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= boxesMax) this.#known.clear();
    const fresh = { box, text, tenants: tenantsText(box), narrowing: [...box].filter(([key, allowed]) => isNarrowing(key, allowed)) };
    this.#known.set(text, fresh);
    return fresh;
  }
}
