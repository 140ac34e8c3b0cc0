import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { elementKey } from '../../policies/compiled.ts';
import type { Element, ElementKey, HostChange } from '../../policies/compiled.ts';
import { compileAll, createGraph, hashOfSet } from '../../policies/index.ts';
import type { PolicyGraph, SetHash } from '../../policies/index.ts';
import { same } from '../../policies/graph/same.ts';
import { expectAgreement } from '../support/agreement.ts';
import { externals, RandomCloud } from './random-cloud.ts';

type Mirror = Map<string, Map<ElementKey, Element>>;

/** What a consumer of changes holds. Refuses a removal of what it does not have and a key that is both put and removed. */
function apply(mirror: Mirror, changes: readonly HostChange[]): void {
  expect(new Set(changes.map((change) => change.host)).size).toBe(changes.length);
  for (const { host, put, removed } of changes) {
    const elements = mirror.get(host) ?? new Map<ElementKey, Element>();
    mirror.set(host, elements);
    const putKeys = new Set(put.map(elementKey));
    for (const key of removed) {
      expect(putKeys.has(key), `key ${key}`).toBe(false);
      expect(elements.delete(key), `key ${key}`).toBe(true);
    }
    for (const element of put) {
      expect(same(elements.get(elementKey(element)), element), 'an element that did not change is put').toBe(false);
      elements.set(elementKey(element), element);
    }
  }
}

/** The keys under which two hosts differ, with what each has. */
function differences(a: ReadonlyMap<ElementKey, Element>, b: ReadonlyMap<ElementKey, Element>): readonly unknown[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => !same(a.get(key), b.get(key)))
    .map((key) => ({ key, a: a.get(key), b: b.get(key) }));
}

function expectEqual(graph: PolicyGraph, mirror: Mirror, cloud: RandomCloud, hint: string, hash?: SetHash, minute?: number): void {
  const expected = compileAll(cloud.documents, hash, minute);
  expect([...graph.hosts()].toSorted(), `at ${hint}`).toEqual([...expected.keys()].toSorted());
  for (const host of ['h0', 'h1', 'h2', 'h3']) {
    const elements = expected.get(host) ?? new Map<ElementKey, Element>();
    expect(differences(graph.elements(host), elements), `${hint} ${host}`).toEqual([]);
    expect(differences(mirror.get(host) ?? new Map(), elements), `${hint} mirror of ${host}`).toEqual([]);
  }
}

const nothing = { documents: [], numbers: [] };

test.each(Array.from({ length: 6 }, (_, index) => 600 + index))('schedules open and close by themselves, seed %i', (seed) => {
  const random = new Random(seed);
  const cloud = new RandomCloud(random);
  const graph = createGraph();
  const mirror: Mirror = new Map();
  let minute = random.integer(29_000_000, 30_000_000);
  let changed = 0;
  apply(mirror, graph.load(cloud.documents, minute));
  for (let step = 0; step < 60; step++) {
    const due = graph.dueAt();
    expectEqual(graph, mirror, cloud, `seed ${seed} step ${step}`, undefined, minute);
    if (due !== undefined) expectEqual(graph, mirror, cloud, `seed ${seed} step ${step}, the minute before`, undefined, due - 1);
    // On to the minute that is due, past it, back as when a clock is set, or not at all.
    minute = random.pick([due ?? minute, minute + random.integer(0, 2000), minute - random.integer(0, 50), minute]);
    const changes = graph.update(random.chance(0.4) ? cloud.mutate() : nothing, cloud.documents, minute);
    changed += changes.length;
    apply(mirror, changes);
  }
  expect(changed).toBeGreaterThan(0);
});

test.each(Array.from({ length: 10 }, (_, seed) => seed))('after each of many changes the graph equals a recompute, seed %i', (seed) => {
  const cloud = new RandomCloud(new Random(seed));
  const graph = createGraph();
  const mirror: Mirror = new Map();
  apply(mirror, graph.load(cloud.documents));
  expectEqual(graph, mirror, cloud, 'loaded');
  for (let step = 0; step < 80; step++) {
    const change = cloud.mutate();
    apply(mirror, graph.update(change, cloud.documents));
    expectEqual(graph, mirror, cloud, `seed ${seed} step ${step}: ${JSON.stringify(change)}`);
  }
});

let totalCollisions = 0;

/** Of its 16 values sets soon have the same. */
const collidingHash: SetHash = (set, salt) => (hashOfSet(set, salt) & 15n) + 1n;

test.each(Array.from({ length: 10 }, (_, seed) => 100 + seed))('no two sets have one number when their hashes collide, seed %i', (seed) => {
  const random = new Random(seed);
  const cloud = new RandomCloud(random);
  for (const tenant of ['t0', 't1', 't2']) cloud.documents.turnView(tenant);
  cloud.documents.renumber();
  const graph = createGraph(collidingHash);
  const mirror: Mirror = new Map();
  apply(mirror, graph.load(cloud.documents));
  let collisions = 0;
  for (let step = 0; step < 60; step++) {
    const change = cloud.mutate();
    apply(mirror, graph.update(change, cloud.documents));
    expectEqual(graph, mirror, cloud, `seed ${seed} step ${step}: ${JSON.stringify(change)}`, collidingHash);
    expectAgreement(cloud.documents, graph, random, { count: 10, externals, ports: [80, 443, 5432] });
    for (const host of graph.hosts()) {
      const setOf = new Map<string, bigint>();
      for (const element of graph.elements(host).values()) {
        if (element.kind !== 'identity' || element.set === undefined) continue;
        const key = `${element.tenant} ${element.set}`;
        expect(setOf.get(key) ?? element.groups, `number ${key}`).toBe(element.groups);
        setOf.set(key, element.groups);
        if (element.groups !== 0n && element.set !== collidingHash(element.groups, 0)) collisions++;
      }
    }
  }
  totalCollisions += collisions;
});

test('hashes did collide', () => expect(totalCollisions).toBeGreaterThan(0));

test('loading again tells only what became different', () => {
  const cloud = new RandomCloud(new Random(99));
  const graph = createGraph();
  const mirror: Mirror = new Map();
  apply(mirror, graph.load(cloud.documents));
  expect(graph.load(cloud.documents)).toEqual([]);
  for (let step = 0; step < 20; step++) cloud.mutate();
  apply(mirror, graph.load(cloud.documents));
  expectEqual(graph, mirror, cloud, 'loaded again');
});

test('a change that touches nothing tells nothing', () => {
  const cloud = new RandomCloud(new Random(7));
  const graph = createGraph();
  graph.load(cloud.documents);
  const all = (['Tenant', 'Network', 'Router', 'Group', 'Service', 'Policy', 'QosPolicy', 'Vm', 'Host'] as const).flatMap((kind) =>
    [...cloud.documents.list(kind)].map(({ document: { metadata } }) => ({ kind, tenant: metadata.tenant, name: metadata.name })),
  );
  expect(graph.update({ documents: all.map((id) => ({ id })), numbers: all }, cloud.documents)).toEqual([]);
});

test('hosts share the elements that are equal', () => {
  const cloud = new RandomCloud(new Random(3));
  const graph = createGraph();
  graph.load(cloud.documents);
  const shared = new Map<ElementKey, Element>();
  for (const host of graph.hosts()) {
    for (const [key, element] of graph.elements(host)) {
      if (element.kind !== 'rule' && element.kind !== 'identity' && element.kind !== 'network' && element.kind !== 'tenant') continue;
      expect(shared.get(key) ?? element).toBe(element);
      shared.set(key, element);
    }
  }
  expect(shared.size).toBeGreaterThan(20);
});
