import { boxesOverlap, boxText } from './label-box.ts';
import type { LabelBox } from './label-box.ts';

/** A box with a number for its meaning. */
export interface KnownBox {
  readonly id: number;
  readonly box: LabelBox;
  readonly text: string;
}

/** When so many are known, all are forgotten: those in use stay as they are, and are told apart from new ones of the same meaning. */
const boxesMax = 50_000;

/** Numbers for boxes of labels, so that whether two of them overlap, which is asked very often, is worked out once. */
export class BoxTable {
  readonly #known = new Map<string, KnownBox>();
  readonly #answers = new Map<number, Map<number, boolean>>();
  #lastId = 0;

  know(box: LabelBox): KnownBox {
    const text = boxText(box);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= boxesMax) {
      this.#known.clear();
      this.#answers.clear();
    }
    const fresh = { id: ++this.#lastId, box, text };
    this.#known.set(text, fresh);
    return fresh;
  }

  anyOverlap(a: readonly KnownBox[], b: readonly KnownBox[]): boolean {
    for (const own of a) for (const other of b) if (this.#overlap(own, other)) return true;
    return false;
  }

  #overlap(a: KnownBox, b: KnownBox): boolean {
    let answers = this.#answers.get(a.id);
    if (answers === undefined) this.#answers.set(a.id, (answers = new Map()));
    let answer = answers.get(b.id);
    if (answer === undefined) answers.set(b.id, (answer = boxesOverlap(a.box, b.box)));
    return answer;
  }
}
