/**
 * Who holds a value. While requests are taken back two documents may hold one value for a moment, and it is not said which
 * of them lets go first: whoever is left is still known.
 */
export class Holders<V, H> {
  readonly #first = new Map<V, H>();
  /** Hardly ever there. */
  #others: Map<V, readonly H[]> | undefined;
  readonly #isSame: (a: H, b: H) => boolean;

  constructor(isSame: (a: H, b: H) => boolean = (a, b) => a === b) {
    this.#isSame = isSame;
  }

  /** One holder of each value. */
  get all(): ReadonlyMap<V, H> {
    return this.#first;
  }

  add(value: V, holder: H): void {
    const first = this.#first.get(value);
    if (first === undefined || this.#isSame(first, holder)) this.#first.set(value, holder);
    else this.#setOthers(value, [...this.#othersOf(value, holder), holder]);
  }

  /** Does nothing for one who does not hold it. */
  remove(value: V, holder: H): void {
    const first = this.#first.get(value);
    const others = this.#othersOf(value, holder);
    if (first === undefined || !this.#isSame(first, holder)) {
      this.#setOthers(value, others);
      return;
    }
    const [next, ...rest] = others;
    if (next === undefined) this.#first.delete(value);
    else this.#first.set(value, next);
    this.#setOthers(value, rest);
  }

  #othersOf(value: V, but: H): readonly H[] {
    return this.#others?.get(value)?.filter((other) => !this.#isSame(other, but)) ?? [];
  }

  #setOthers(value: V, others: readonly H[]): void {
    if (others.length > 0) (this.#others ??= new Map()).set(value, others);
    else if (this.#others?.delete(value) === true && this.#others.size === 0) this.#others = undefined;
  }
}
