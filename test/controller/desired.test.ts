import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { flowKey } from '../../flows/model/index.ts';
import type { Flow, Meter } from '../../flows/model/index.ts';
import type { DesiredChange, FlowSource } from '../../flows/reconcile/index.ts';
import {
  baseOwner,
  portOwner,
  renderBase,
  renderElement,
  renderMeters,
  renderPort,
  renderTunnelPort,
  tunnelPortOwner,
} from '../../flows/render/index.ts';
import type { Element, ElementKey, InterfaceElement } from '../../policies/compiled.ts';
import { elementKey } from '../../policies/compiled.ts';
import { createGraph } from '../../policies/index.ts';
import { HostFlows, isEmpty } from '../../src/controller/desired.ts';
import type { HostPorts } from '../../src/controller/desired.ts';
import { systemClock } from '../../src/base/clock.ts';
import { RandomCloud } from '../policies/random-cloud.ts';

/** What a switch that takes every change would hold. Of a large change it takes the first flows at once and the rest before the next. */
class Mirror {
  readonly flows = new Map<string, Flow>();
  readonly meters = new Map<number, Meter>();
  #source: FlowSource | undefined;

  apply({ put = [], remove = [], putMeters = [], removeMeters = [] }: DesiredChange): void {
    this.drain();
    if (!('left' in put)) {
      const keys = new Set(put.map(flowKey));
      assert.equal(keys.size, put.length, 'a flow is put once in a change');
      assert.ok(!remove.some((flow) => keys.has(flowKey(flow))), 'what is put is not removed');
    }
    const wanted = new Set(putMeters.map(({ meterId }) => meterId));
    assert.ok(!removeMeters.some((id) => wanted.has(id)), 'a meter that is put is not removed');
    for (const flow of remove) {
      const there = this.flows.get(flowKey(flow));
      const isShared = remove.some((other) => other.owner !== flow.owner && flowKey(other) === flowKey(flow));
      assert.ok(there || isShared, `${flowKey(flow)} was there`);
      if (there?.owner === flow.owner) this.flows.delete(flowKey(flow));
    }
    for (const id of removeMeters) assert.ok(this.meters.delete(id), `meter ${id} was there`);
    for (const meter of putMeters) this.meters.set(meter.meterId, meter);
    if ('left' in put) this.#source = put;
    else for (const flow of put) this.flows.set(flowKey(flow), flow);
    this.#take(500);
  }

  drain(): void {
    this.#take(Infinity);
    this.#source = undefined;
  }

  #take(count: number): void {
    for (let taken = 0; taken < count; taken++) {
      const flow = this.#source?.next();
      if (!flow) return;
      this.flows.set(flowKey(flow), flow);
    }
  }
}

interface Scratch {
  readonly flows: ReadonlyMap<string, Flow>;
  readonly meters: ReadonlyMap<number, Meter>;
  readonly owners: ReadonlyMap<string, string>;
}

/** Everything rendered anew. Throws when two owners want one flow: then what a host has would depend on what came first. */
function fromScratch(elements: Iterable<Element>, { tunnel, interfaces }: HostPorts): Scratch {
  const flows = new Map<string, Flow>();
  const meters = new Map<number, Meter>();
  const owners = new Map<string, string>();
  const add = (owner: string, rendered: readonly Flow[]): void => {
    for (const flow of rendered) {
      const key = flowKey(flow);
      if (owners.has(key)) throw new Error(`${owners.get(key)} and ${owner} both want ${key}`);
      flows.set(key, flow);
      owners.set(key, owner);
    }
  };
  add(baseOwner, renderBase());
  if (tunnel !== undefined) add(tunnelPortOwner, renderTunnelPort(tunnel));
  for (const element of elements) {
    add(elementKey(element), renderElement(elementKey(element), element));
    if (element.kind !== 'interface') continue;
    for (const meter of renderMeters(element)) meters.set(meter.meterId, meter);
    const ofport = interfaces.get(element.portId);
    if (ofport !== undefined) add(portOwner(element.portId), renderPort(element, ofport));
  }
  return { flows, meters, owners };
}

/** A host that is told everything, and what it answered. */
class Subject {
  readonly host = new HostFlows(systemClock);
  /** The same for a switch that is not there yet. */
  readonly counting = new HostFlows(systemClock, true);
  readonly mirror = new Mirror();
  readonly elements = new Map<ElementKey, Element>();
  ports: HostPorts = { tunnel: undefined, interfaces: new Map() };

  constructor() {
    this.mirror.apply(this.host.start());
    this.counting.start();
  }

  change(put: readonly Element[], removed: readonly ElementKey[] = []): ReturnType<HostFlows['apply']> {
    for (const key of removed) this.elements.delete(key);
    for (const element of put) this.elements.set(elementKey(element), element);
    const applied = this.host.apply({ host: 'h', put, removed });
    const counted = this.counting.apply({ host: 'h', put, removed });
    assert.equal(isEmpty(counted.desired), isEmpty(applied.desired), 'something is different for both or for neither');
    assert.deepEqual(counted.freedZones, applied.freedZones);
    this.mirror.apply(applied.desired);
    return applied;
  }

  setPorts(ports: HostPorts): void {
    this.ports = ports;
    this.counting.setPorts(ports);
    this.mirror.apply(this.host.setPorts(ports));
  }
}

/** What a flow says, whether it is rendered or will be. */
const told = (flow: Flow | undefined): unknown =>
  flow && {
    key: flow.key,
    owner: flow.owner,
    tableId: flow.tableId,
    priority: flow.priority,
    cookie: flow.cookie,
    match: flow.match,
    instructions: flow.instructions,
  };

function expectRight({ counting, mirror, elements, ports }: Subject, hint: string): void {
  const expected = fromScratch(elements.values(), ports);
  expect(counting.counted, `flows counted ${hint}`).toBe(expected.flows.size);
  expectFlows(mirror, expected, hint);
}

function expectFlows(mirror: Mirror, expected: Scratch, hint: string): void {
  mirror.drain();
  const wrong = [...new Set([...expected.flows.keys(), ...mirror.flows.keys()])].filter(
    (key) =>
      mirror.flows.get(key)?.owner !== expected.owners.get(key) ||
      !isDeepStrictEqual(told(mirror.flows.get(key)), told(expected.flows.get(key))),
  );
  expect(wrong, `flows ${hint}`).toEqual([]);
  const byId = (meters: ReadonlyMap<number, Meter>): unknown => [...meters].toSorted(([a], [b]) => a - b);
  expect(byId(mirror.meters), `meters ${hint}`).toEqual(byId(expected.meters));
}

const ipv4 = (value: number) => ({ family: 4, value: BigInt(value) }) as const;

const interfaceWith = (name: string, changed: Partial<InterfaceElement> = {}): InterfaceElement => ({
  kind: 'interface',
  portId: name,
  zone: 1,
  tenant: 1,
  domain: 1000,
  vni: 1000,
  mac: 0x02_00_00_00_00_01,
  addresses: [ipv4(0x0a000002)],
  groups: 1n,
  egress: undefined,
  ingress: undefined,
  dscp: undefined,
  ...changed,
});

const plugged = (...ports: readonly (readonly [string, number])[]): HostPorts => ({ tunnel: 1, interfaces: new Map(ports) });

describe('a host', () => {
  test('has the flows of the pipeline before anything else, and nothing is different when nothing is', () => {
    const subject = new Subject();
    expectRight(subject, 'step 1');
    expect(isEmpty(subject.host.setPorts(subject.ports))).toBe(true);
    expect(isEmpty(subject.host.apply({ host: 'h', put: [], removed: [] }).desired)).toBe(true);
  });

  test('ports that swap their numbers', () => {
    const subject = new Subject();
    subject.change([interfaceWith('a'), interfaceWith('b', { zone: 2, mac: 2 })]);
    subject.setPorts(plugged(['a', 5], ['b', 6]));
    expectRight(subject, 'step 2');
    subject.setPorts(plugged(['a', 6], ['b', 5]));
    expectRight(subject, 'step 3');
    subject.setPorts(plugged(['b', 6]));
    expectRight(subject, 'step 4');
  });

  test('a port that is plugged before its interface is known, and after', () => {
    const subject = new Subject();
    subject.setPorts(plugged(['a', 5]));
    expectRight(subject, 'step 5');
    subject.change([interfaceWith('a')]);
    expectRight(subject, 'step 6');
    subject.change([], ['interface/a']);
    expectRight(subject, 'step 7');
    subject.change([interfaceWith('a', { zone: 9 })]);
    expectRight(subject, 'step 8');
  });

  test('zone and meters of one interface go to another in the same change', () => {
    const subject = new Subject();
    const limit = { maxKbps: 1000, burstKb: 100 };
    subject.change([interfaceWith('a', { zone: 5, egress: limit, ingress: limit })]);
    expect(subject.host.ownerOfMeter(20)).toBe('interface/a');
    const moved = subject.change([interfaceWith('b', { zone: 5, egress: limit, mac: 2 }), interfaceWith('a', { zone: 6, ingress: limit })]);
    expect(moved.freedZones).toEqual([5]);
    expectRight(subject, 'step 9');
    expect(subject.host.ownerOfMeter(20)).toBe('interface/b');
    const swapped = subject.change([interfaceWith('c', { zone: 6, mac: 3, ingress: limit })], ['interface/a']);
    expect(swapped.freedZones).toEqual([6]);
    expectRight(subject, 'step 10');
  });

  test('an address goes from one owner to another in the same change, whichever comes first', () => {
    const at = { kind: 'local', zone: 1 } as const;
    const neighbour = (mac: number, addresses: readonly number[]): Element => ({
      kind: 'neighbour',
      vni: 1000,
      mac,
      addresses: addresses.map(ipv4),
      at,
      answered: true,
    });
    const subject = new Subject();
    subject.change([neighbour(1, [10, 11]), neighbour(2, [12])]);
    subject.change([neighbour(2, [12, 11]), neighbour(1, [10])]);
    expectRight(subject, 'step 11');
    subject.change([neighbour(2, [12]), neighbour(1, [10, 11])]);
    expectRight(subject, 'step 12');
    subject.change([neighbour(2, [10, 11, 12])], [elementKey(neighbour(1, []))]);
    expectRight(subject, 'step 13');
  });

  test.each([
    [1, 2],
    [2, 1],
  ])('two owners that both want an address for a while leave nothing when they leave at once, %i first', (first, second) => {
    const at = { kind: 'local', zone: 1 } as const;
    const neighbour = (mac: number): Element => ({ kind: 'neighbour', vni: 1000, mac, addresses: [ipv4(10)], at, answered: true });
    const subject = new Subject();
    subject.change([neighbour(1)]);
    subject.change([neighbour(2)]);
    subject.change(
      [],
      [first, second].map((mac) => elementKey(neighbour(mac))),
    );
    expectRight(subject, 'step 14');
  });
});

test('a large change is rendered while it is taken; what comes meanwhile finds all of it', () => {
  const subject = new Subject();
  const identity = (index: number, groups = 1n): Element => ({
    kind: 'identity',
    domain: 1000,
    tenant: 1,
    address: ipv4(0x0a000000 + index),
    vni: 1000,
    mac: index,
    groups,
  });
  const many = Array.from({ length: 5_000 }, (_, index) => identity(index));
  subject.setPorts(plugged(['a', 5]));
  subject.change([identity(3, 7n), interfaceWith('a')]);
  subject.change([...many, interfaceWith('b', { zone: 2, mac: 2 })]);
  subject.change([identity(4_999, 2n)], [elementKey(identity(4_998)), elementKey(identity(0))]);
  expectRight(subject, 'step 14');
  subject.change(many.map((_, index) => identity(index + 10_000)));
  subject.setPorts(plugged(['b', 5]));
  expectRight(subject, 'step 15');
});

test.each(Array.from({ length: 8 }, (_, seed) => seed))('all changes together equal everything rendered from scratch, seed %i', (seed) => {
  const random = new Random(seed);
  const cloud = new RandomCloud(random);
  const graph = createGraph();
  const subjects = new Map(['h0', 'h1', 'h2', 'h3'].map((host) => [host, new Subject()]));
  const subjectOf = (host: string): Subject => {
    const subject = subjects.get(host);
    if (!subject) throw new Error(`there is no ${host}`);
    return subject;
  };
  for (const { host, put, removed } of graph.load(cloud.documents)) subjectOf(host).change(put, removed);
  for (let step = 0; step < 60; step++) {
    if (random.chance(0.6)) {
      for (const { host, put, removed } of graph.update(cloud.mutate(), cloud.documents)) subjectOf(host).change(put, removed);
    } else {
      const subject = subjectOf(random.pick(['h0', 'h1', 'h2', 'h3'] as const));
      subject.setPorts(anyPorts(random, subject));
    }
    if (random.chance(0.3)) random.pick([...subjects.values()])?.host.rest();
    for (const [host, subject] of subjects) expectRight(subject, `seed ${seed} step ${step} ${host}`);
  }
  for (const [host, { counting, elements, ports }] of subjects) {
    const mirror = new Mirror();
    mirror.apply(counting.list());
    expectFlows(mirror, fromScratch(elements.values(), ports), `seed ${seed}, listed, ${host}`);
  }
});

/** Some interfaces are plugged, on numbers that they had or that others had; so is a port that nobody knows. */
function anyPorts(random: Random, { elements, ports }: Subject): HostPorts {
  const numbers = Array.from({ length: 60 }, (_, index) => index + 2);
  const interfaces = new Map<string, number>();
  for (const element of elements.values()) {
    if (element.kind !== 'interface' || random.chance(0.3)) continue;
    const kept = ports.interfaces.get(element.portId);
    const number = kept !== undefined && numbers.includes(kept) && random.chance(0.5) ? kept : (random.pick(numbers) ?? 0);
    numbers.splice(numbers.indexOf(number), 1);
    interfaces.set(element.portId, number);
  }
  if (random.chance(0.3)) interfaces.set('nobody-eth0', 1000);
  return { tunnel: random.chance(0.2) ? undefined : 1, interfaces };
}
