const none: ReadonlyMap<string, number> = new Map();

/**
 * An index from one key to many, that counts how often each pair was added: a pair stands until it was removed as often.
 * `add` and `remove` answer whether the pair came into being or ceased.
 */
export class Relation {
  private readonly counts = new Map<string, Map<string, number>>();

  of(from: string): Iterable<string> {
    return (this.counts.get(from) ?? none).keys();
  }

  has(from: string, to: string): boolean {
    return this.counts.get(from)?.has(to) ?? false;
  }

  hasAny(from: string): boolean {
    return this.counts.has(from);
  }

  add(from: string, to: string): boolean {
    let row = this.counts.get(from);
    if (row === undefined) this.counts.set(from, (row = new Map()));
    const count = row.get(to) ?? 0;
    row.set(to, count + 1);
    return count === 0;
  }

  remove(from: string, to: string): boolean {
    const row = this.counts.get(from);
    const count = row?.get(to);
    if (row === undefined || count === undefined) throw new Error(`invariant broken: no pair ${from} ${to} to remove`);
    if (count > 1) {
      row.set(to, count - 1);
      return false;
    }
    row.delete(to);
    if (row.size === 0) this.counts.delete(from);
    return true;
  }
}
