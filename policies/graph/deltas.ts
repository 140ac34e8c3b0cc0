import type { Element, ElementKey, HostChange } from '../compiled.ts';
import { visibleAt } from './element-set.ts';
import type { ElementSet } from './element-set.ts';
import { same } from './same.ts';

interface Delta {
  before: Element | undefined;
  after: Element | undefined;
}

/**
 * Collects what an update changes on each host. A key may leave one set and enter another in the same update, so that its
 * end is known only when all sets have told.
 */
export class Deltas {
  private readonly hosts = new Map<string, Map<ElementKey, Delta>>();

  /** The host had the set before and has it still. */
  changed(host: string, set: ElementSet<unknown>): void {
    for (const [key, { before, after }] of set.touched) this.record(host, key, visibleAt(host, before), visibleAt(host, after));
  }

  joined(host: string, set: ElementSet<unknown>): void {
    for (const entry of set.entries()) this.record(host, entry.key, undefined, visibleAt(host, entry));
  }

  left(host: string, set: ElementSet<unknown>): void {
    for (const entry of set.entries()) if (!set.touched.has(entry.key)) this.record(host, entry.key, visibleAt(host, entry), undefined);
    for (const [key, { before }] of set.touched) this.record(host, key, visibleAt(host, before), undefined);
  }

  toChanges(): readonly HostChange[] {
    return [...this.hosts].flatMap(([host, deltas]) => {
      const put: Element[] = [];
      const keys: ElementKey[] = [];
      const removed: ElementKey[] = [];
      for (const [key, { before, after }] of deltas) {
        if (after === undefined) removed.push(key);
        else if (!same(before, after)) {
          put.push(after);
          keys.push(key);
        }
      }
      return put.length + removed.length > 0 ? [{ host, put, keys, removed }] : [];
    });
  }

  private record(host: string, key: ElementKey, before: Element | undefined, after: Element | undefined): void {
    if (before === undefined && after === undefined) return;
    let deltas = this.hosts.get(host);
    if (deltas === undefined) this.hosts.set(host, (deltas = new Map()));
    const known = deltas.get(key);
    if (known === undefined) deltas.set(key, { before, after });
    else {
      known.before ??= before;
      known.after ??= after;
    }
  }
}
