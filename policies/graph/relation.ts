/** How often a pair was added; for most keys there is one pair, added once, for which a map would take ten times the room. */
type Row = string | Map<string, number>;

/**
 * An index from one key to many, that counts how often each pair was added: a pair stands until it was removed as often.
 * `add` and `remove` answer whether the pair came into being or ceased.
 */
export class Relation {
  private readonly rows = new Map<string, Row>();

  of(from: string): Iterable<string> {
    const row = this.rows.get(from);
    return row === undefined ? [] : typeof row === 'string' ? [row] : row.keys();
  }

  has(from: string, to: string): boolean {
    const row = this.rows.get(from);
    return typeof row === 'object' ? row.has(to) : row === to;
  }

  hasAny(from: string): boolean {
    return this.rows.has(from);
  }

  add(from: string, to: string): boolean {
    const row = this.rows.get(from);
    if (row === undefined) {
      this.rows.set(from, to);
      return true;
    }
    const counts = typeof row === 'string' ? new Map([[row, 1]]) : row;
    if (typeof row === 'string') this.rows.set(from, counts);
    const count = counts.get(to) ?? 0;
    counts.set(to, count + 1);
    return count === 0;
  }

  remove(from: string, to: string): boolean {
    const row = this.rows.get(from);
    if (row === to) {
      this.rows.delete(from);
      return true;
    }
    const count = typeof row === 'object' ? row.get(to) : undefined;
    if (typeof row !== 'object' || count === undefined) throw new Error(`invariant broken: no pair ${from} ${to} to remove`);
    if (count > 1) {
      row.set(to, count - 1);
      return false;
    }
    row.delete(to);
    if (row.size === 0) this.rows.delete(from);
    return true;
  }
}
