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

/** What stood under a key before an update, and what stands there since. */
interface Touch {
  readonly before: Entry | undefined;
  after: Entry | undefined;
}

const untouched: ReadonlyMap<ElementKey, Touch> = new Map();

/**
 * Elements that several hosts share, kept once and only while a host subscribes. What a host has is the union of its sets. There are tens of
 * thousands of sets, most with a few sources of one entry each: between updates a set has its subscribers and its sources, and nothing else.
 * Life of an update: sources are marked, `settle` derives them again, `touched` tells what that did, `finish` forgets it.
 */
export class ElementSet<Name> {
  readonly name: Name;
  /** Most have one. */
  subscribers: readonly string[] = [];
  readonly #sources = new Map<string, Entry | readonly Entry[]>();
  #marked: Set<string> | undefined;
  #touched: Map<ElementKey, Touch> | undefined;

  constructor(name: Name, content: Content) {
    this.name = name;
    for (const source of content.sources()) this.#place(source, content.derive(source));
  }

  get touched(): ReadonlyMap<ElementKey, Touch> {
    return this.#touched ?? untouched;
  }

  *entries(): Iterable<Entry> {
    for (const entries of this.#sources.values()) {
      if (isSeveral(entries)) yield* entries;
      else yield entries;
    }
  }

  mark(source: string): void {
    this.#marked ??= new Set();
    this.#marked.add(source);
  }

  /** First all withdrawals, then all placements: in one update a key may pass from one source to another. */
  settle(derive: Content['derive']): void {
    const marked = this.#marked ?? [];
    const touched = (this.#touched ??= new Map<ElementKey, Touch>());
    for (const source of marked) this.#withdraw(source, touched);
    for (const source of marked) {
      const entries = derive(source);
      this.#place(source, entries);
      for (const entry of entries) {
        const touch = touched.get(entry.key);
        if (touch) touch.after = entry;
        else touched.set(entry.key, { before: undefined, after: entry });
      }
    }
    this.#marked = undefined;
    for (const [key, { before, after }] of touched) if (same(before, after)) touched.delete(key);
  }

  finish(): void {
    this.#marked = undefined;
    this.#touched = undefined;
  }

  #withdraw(source: string, touched: Map<ElementKey, Touch>): void {
    const entries = this.#sources.get(source) ?? [];
    for (const entry of isSeveral(entries) ? entries : [entries]) {
      const touch = touched.get(entry.key);
      if (touch) touch.after = undefined;
      else touched.set(entry.key, { before: entry, after: undefined });
    }
    this.#sources.delete(source);
  }

  #place(source: string, entries: readonly Entry[]): void {
    const [first] = entries;
    if (first !== undefined) this.#sources.set(source, entries.length === 1 ? first : entries);
  }
}

const isSeveral = (entries: Entry | readonly Entry[]): entries is readonly Entry[] => Array.isArray(entries);
