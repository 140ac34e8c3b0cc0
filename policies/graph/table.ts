import { same } from './same.ts';

/**
 * A node of the graph: rows that are derived, one key at a time, from documents and from tables before it. What changes marks
 * the keys that depend on it; `settle` derives the marked rows again and tells of those that became different. Tables are
 * settled in the order of their dependence, so a table marks only what is settled after it.
 */
export class Table<Row> {
  private readonly derived = new Map<string, Row>();
  private readonly marked = new Set<string>();
  private readonly derive: (key: string) => Row | undefined;
  private readonly changed: (key: string, before: Row | undefined, after: Row | undefined) => void;

  constructor(derive: (key: string) => Row | undefined, changed: (key: string, before: Row | undefined, after: Row | undefined) => void) {
    this.derive = derive;
    this.changed = changed;
  }

  get(key: string): Row | undefined {
    return this.derived.get(key);
  }

  keys(): Iterable<string> {
    return this.derived.keys();
  }

  mark(key: string): void {
    this.marked.add(key);
  }

  markAll(keys: Iterable<string>): void {
    for (const key of keys) this.marked.add(key);
  }

  settle(): void {
    for (const key of this.marked) {
      const before = this.derived.get(key);
      const after = this.derive(key);
      if (same(before, after)) continue;
      if (after === undefined) this.derived.delete(key);
      else this.derived.set(key, after);
      this.changed(key, before, after);
    }
    this.marked.clear();
  }
}
