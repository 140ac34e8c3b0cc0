import type { Element, ElementKey } from '../compiled.ts';
import { same } from './same.ts';

/** An element, and the hosts to which another element with that key belongs instead: those that carry what it describes. */
export interface Entry {
  readonly key: ElementKey;
  readonly element: Element;
  readonly homes: readonly string[];
}

export function visibleAt(host: string, entry: Entry | undefined): Element | undefined {
  return entry === undefined || entry.homes.includes(host) ? undefined : entry.element;
}

/** What a set is made of: the keys of its sources at the moment it is opened, and the entries of each. */
export interface Content {
  readonly sources: () => Iterable<string>;
  readonly derive: (source: string) => readonly Entry[];
}

/**
 * Elements that several hosts share, kept once and only while a host subscribes. What a host has is the union of its sets.
 * Life of an update: sources are marked, `settle` derives them again, `touched` tells what stood under each key before,
 * `finish` forgets that.
 */
export class ElementSet {
  readonly subscribers = new Set<string>();
  readonly entries = new Map<ElementKey, Entry>();
  readonly touched = new Map<ElementKey, Entry | undefined>();
  private readonly bySource = new Map<string, readonly Entry[]>();
  private readonly marked = new Set<string>();
  private readonly derive: Content['derive'];

  constructor(content: Content) {
    this.derive = content.derive;
    for (const source of content.sources()) this.place(source);
    this.touched.clear();
  }

  mark(source: string): void {
    this.marked.add(source);
  }

  /** First all withdrawals, then all placements: in one update a key may pass from one source to another. */
  settle(): void {
    for (const source of this.marked) this.withdraw(source);
    for (const source of this.marked) this.place(source);
    this.marked.clear();
    for (const [key, before] of this.touched) {
      const after = this.entries.get(key);
      if (same(before, after)) this.touched.delete(key);
    }
  }

  finish(): void {
    this.touched.clear();
  }

  private withdraw(source: string): void {
    for (const { key } of this.bySource.get(source) ?? []) {
      if (!this.touched.has(key)) this.touched.set(key, this.entries.get(key));
      this.entries.delete(key);
    }
    this.bySource.delete(source);
  }

  private place(source: string): void {
    const entries = this.derive(source);
    if (entries.length === 0) return;
    this.bySource.set(source, entries);
    for (const entry of entries) {
      if (!this.touched.has(entry.key)) this.touched.set(entry.key, undefined);
      this.entries.set(entry.key, entry);
    }
  }
}
