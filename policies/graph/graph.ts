import { assert } from '../../src/base/errors.ts';
import type { Element, ElementKey, HostChange } from '../compiled.ts';
import { hashOfSet } from '../compile/sets.ts';
import type { SetHash } from '../compile/sets.ts';
import type { Minute } from '../compile/schedule.ts';
import type { Change, Documents } from './documents.ts';
import { same } from './same.ts';
import { Wiring } from './wiring.ts';

/** Compiled policy of all hosts, kept up to date. Elements are shared between hosts and never altered. */
export interface PolicyGraph {
  /** Compiles everything. Answers what differs from what was compiled before, at first all of it. */
  load(documents: Documents, minute?: Minute): readonly HostChange[];
  /**
   * Takes one commit into account; `documents` already contain it, and may be another object each time. The work follows the
   * size of the change. `minute`: the wall clock; absent: as it was. Answers what became different, one entry for each host concerned.
   */
  update(change: Change, documents: Documents, minute?: Minute): readonly HostChange[];
  /** When schedules open or close next: an update is due then, even if nothing is written. Undefined: never. */
  dueAt(): Minute | undefined;
  /** Everything a host has, at this moment; empty for a host without running interfaces. */
  elements(host: string): ReadonlyMap<ElementKey, Element>;
  /** Hosts that have elements. */
  hosts(): Iterable<string>;
}

/** @param hash another one only to try what happens when sets collide */
export function createGraph(hash: SetHash = hashOfSet): PolicyGraph {
  let wiring: Wiring | undefined;
  return {
    load: (documents, minute = 0) => {
      const before = wiring;
      const after = (wiring = new Wiring(documents, hash, minute));
      const hosts = new Set([...(before?.hosts() ?? []), ...after.hosts()]);
      return [...hosts].flatMap((host) => difference(host, before?.elements(host), after.elements(host)) ?? []);
    },
    update: (change, documents, minute) => {
      assert(wiring, 'a graph is loaded before it is updated');
      return wiring.update(change, documents, minute);
    },
    dueAt: () => wiring?.dueAt(),
    elements: (host) => wiring?.elements(host) ?? new Map(),
    hosts: () => wiring?.hosts() ?? [],
  };
}

function difference(
  host: string,
  before: ReadonlyMap<ElementKey, Element> | undefined,
  after: ReadonlyMap<ElementKey, Element>,
): HostChange | undefined {
  if (before === undefined) return { host, put: [...after.values()], keys: [...after.keys()], removed: [] };
  const put = [...after].filter(([key, element]) => !same(before.get(key), element)).map(([, element]) => element);
  const removed = [...before.keys()].filter((key) => !after.has(key));
  return put.length + removed.length > 0 ? { host, put, removed } : undefined;
}
