import { assert } from '../../src/base/errors.ts';

/** One revision whose changes are not all on the switch yet. Lives until `outstanding` is 0 and every older mark is gone. */
export interface Mark {
  readonly revision: number;
  outstanding: number;
}

/**
 * Which revision a switch carries out. Every pending change holds one mark, the oldest revision that waits for it; revisions are
 * announced in rising order, so the marks form a queue and the head tells what is realized.
 */
export class Revisions {
  #marks: Mark[] = [];
  #latest = 0;
  #known = false;

  /** The highest revision announced. */
  get latest(): number {
    return this.#latest;
  }

  /** All revisions up to this one are on the switch; undefined until its content was compared once and the difference is installed. */
  get realized(): number | undefined {
    const head = this.#marks[0];
    if (!this.#known || head?.revision === 0) return undefined;
    return head ? head.revision - 1 : this.#latest;
  }

  announce(revision: number): void {
    assert(revision >= this.#latest, 'revisions are announced in rising order');
    this.#latest = revision;
  }

  /** Holds back the latest revision until the mark is released. */
  hold(): Mark {
    let tail = this.#marks.at(-1);
    if (tail?.revision !== this.#latest) {
      tail = { revision: this.#latest, outstanding: 0 };
      this.#marks.push(tail);
    }
    tail.outstanding++;
    return tail;
  }

  release(mark: Mark): void {
    assert(mark.outstanding > 0, 'a mark is released once for each hold');
    mark.outstanding--;
    while (this.#marks[0]?.outstanding === 0) this.#marks.shift();
  }

  /** The content of the switch is unknown again: nothing counts as realized and every mark is void. */
  forget(): void {
    this.#marks = [];
    this.#known = false;
  }

  /** The content is known; what differs holds the returned mark, older than any revision. Release it when all holds are taken. */
  baseline(): Mark {
    assert(this.#marks.length === 0, 'no mark is older than the first comparison');
    this.#known = true;
    const mark = { revision: 0, outstanding: 1 };
    this.#marks.push(mark);
    return mark;
  }
}
