import type { Element, ElementKey, HostChange } from '../compiled.ts';
import { Deltas } from './deltas.ts';
import { ElementSet, visibleAt } from './element-set.ts';
import type { Content } from './element-set.ts';
import { setKey } from './set-name.ts';
import type { SetName } from './set-name.ts';

/** Which host has which sets. A set is opened for its first subscriber and dropped with its last. */
export class Subscriptions {
  private readonly contentOf: (name: SetName) => Content;
  private readonly sets = new Map<string, ElementSet<SetName>>();
  private readonly marked = new Set<ElementSet<SetName>>();
  private readonly joined = new Map<string, Set<string>>();
  private readonly left = new Map<string, Set<string>>();

  constructor(contentOf: (name: SetName) => Content) {
    this.contentOf = contentOf;
  }

  /** A set that nobody has needs no mark: it is derived anew when it is opened. */
  mark(name: SetName, sources: Iterable<string>): void {
    const set = this.sets.get(setKey(name));
    if (set === undefined) return;
    for (const source of sources) set.mark(source);
    this.marked.add(set);
  }

  /** Opens sets that are new; what they are derived from must have settled. */
  resubscribe(host: string, before: readonly SetName[], after: readonly SetName[]): void {
    const kept = new Set(before.map(setKey));
    for (const name of after) {
      const key = setKey(name);
      if (!kept.delete(key)) this.join(host, key, name);
    }
    for (const key of kept) {
      const set = this.sets.get(key);
      if (set !== undefined) set.subscribers = set.subscribers.filter((other) => other !== host);
      hostsAt(this.left, key).add(host);
    }
  }

  settle(): void {
    for (const set of this.marked) if (set.subscribers.length > 0) set.settle(this.contentOf(set.name).derive);
  }

  changes(): readonly HostChange[] {
    const deltas = new Deltas();
    const isNew = new Map([...this.joined].map(([key, hosts]) => [this.sets.get(key), hosts]));
    for (const set of this.marked) {
      for (const host of set.subscribers) if (!isNew.get(set)?.has(host)) deltas.changed(host, set);
    }
    for (const [key, hosts] of this.joined) this.tell(key, hosts, (host, set) => deltas.joined(host, set));
    for (const [key, hosts] of this.left) this.tell(key, hosts, (host, set) => deltas.left(host, set));
    return deltas.toChanges();
  }

  /** Ends the update: drops the sets that nobody has any more. */
  finish(): void {
    for (const set of this.marked) set.finish();
    for (const key of this.left.keys()) if (this.sets.get(key)?.subscribers.length === 0) this.sets.delete(key);
    this.marked.clear();
    this.joined.clear();
    this.left.clear();
  }

  elements(host: string, names: readonly SetName[]): ReadonlyMap<ElementKey, Element> {
    const elements = new Map<ElementKey, Element>();
    for (const name of names) {
      for (const entry of this.sets.get(setKey(name))?.entries() ?? []) {
        const element = visibleAt(host, entry);
        if (element !== undefined) elements.set(entry.key, element);
      }
    }
    return elements;
  }

  private join(host: string, key: string, name: SetName): void {
    let set = this.sets.get(key);
    if (set === undefined) this.sets.set(key, (set = new ElementSet(name, this.contentOf(name))));
    set.subscribers = [...set.subscribers, host];
    hostsAt(this.joined, key).add(host);
  }

  private tell(key: string, hosts: Iterable<string>, listener: (host: string, set: ElementSet<SetName>) => void): void {
    const set = this.sets.get(key);
    if (set !== undefined) for (const host of hosts) listener(host, set);
  }
}

function hostsAt(index: Map<string, Set<string>>, key: string): Set<string> {
  let hosts = index.get(key);
  if (hosts === undefined) index.set(key, (hosts = new Set()));
  return hosts;
}
