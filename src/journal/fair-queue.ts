/**
 * Items that wait, of many owners: each owner with something waiting gives one in turn, however much the others bring, and each may
 * have so many waiting. Items are alike in cost, so that whoever gets its turn has had its fair part.
 */
export class FairQueue<Item> {
  readonly #eachMax: number;
  /** In the order of their turns; an owner without items is not here. */
  readonly #waiting = new Map<string, Item[]>();

  constructor(options: { readonly eachMax: number }) {
    this.#eachMax = options.eachMax;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** @returns false when the owner has as many waiting as it may */
  offer(owner: string, item: Item): boolean {
    const own = this.#waiting.get(owner);
    if (own === undefined) this.#waiting.set(owner, [item]);
    else if (own.length >= this.#eachMax) return false;
    else own.push(item);
    return true;
  }

  /** The next in turn; its owner goes to the end. */
  take(): Item | undefined {
    for (const [owner, own] of this.#waiting) {
      const item = own.shift();
      this.#waiting.delete(owner);
      if (own.length > 0) this.#waiting.set(owner, own);
      return item;
    }
    return undefined;
  }
}
