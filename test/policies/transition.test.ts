import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { flowKey } from '../../flows/model/index.ts';
import { renderElement } from '../../flows/render/index.ts';
import { elementKey } from '../../policies/compiled.ts';
import type {
  Direction,
  Element,
  ElementKey,
  HostChange,
  IdentityElement,
  InterfaceElement,
  RuleElement,
  ServiceMatch,
  TenantElement,
} from '../../policies/compiled.ts';
import { createGraph, evaluate, transitionsOf } from '../../policies/index.ts';
import type { Meeting, Outcome } from '../../policies/index.ts';
import { Ends } from '../../policies/transition/ends.ts';
import { sideChanges } from '../../policies/transition/side.ts';
import type { Effect } from '../../policies/transition/side.ts';
import { exactChanges } from '../../policies/transition/succession.ts';
import { transitionOf } from '../../policies/transition/transition.ts';
import { parseAddress, parsePrefix } from '../../src/base/addresses.ts';
import { RandomCloud, externals } from './random-cloud.ts';

type Elements = ReadonlyMap<ElementKey, Element>;

function applied(elements: Elements, { put, removed }: HostChange): Elements {
  const after = new Map(elements);
  for (const key of removed) after.delete(key);
  for (const element of put) after.set(elementKey(element), element);
  return after;
}

function changeBetween(before: Elements, after: Elements): HostChange {
  const put = [...after].filter(([key, element]) => JSON.stringify(element, text) !== JSON.stringify(before.get(key), text));
  return { host: 'h', put: put.map(([, element]) => element), removed: [...before.keys()].filter((key) => !after.has(key)) };
}
const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);

/** What stands one after the other on a host, and what each side's change was taken for. */
function stages(before: Elements, change: HostChange) {
  const sides = exactChanges(before, sideChanges(before, change));
  const { restriction, change: rest } = transitionOf(before, change, sides, new Ends(before, change));
  const between = applied(before, restriction);
  return { sides, between, end: applied(between, rest), after: applied(before, change) };
}

/** No two rules are judged at one place, and no two elements want one flow. */
function expectWellFormed(elements: Elements, hint: string): void {
  const rules = [...elements.values()].filter((element) => element.kind === 'rule');
  const places = rules.map(({ tenant, tier, direction, priority }) => `${tenant} ${tier} ${direction} ${priority}`);
  expect(new Set(places).size, `places, ${hint}`).toBe(places.length);
  expect(rules.every(({ priority }) => priority >= 1 && priority <= 65_535)).toBe(true);
  const flows = [...elements].flatMap(([key, element]) => (element.kind === 'rule' ? renderElement(key, element) : []));
  expect(new Set(flows.map(flowKey)).size, `flows, ${hint}`).toBe(flows.length);
}

/** @returns whether what both policies allow is allowed in between */
function expectBetween({ verdict: was }: Outcome, { verdict: is }: Outcome, { verdict: will }: Outcome, hint: string): boolean {
  const isAllowedByBoth = was === 'allow' && will === 'allow';
  expect(is !== 'allow' || isAllowedByBoth, `nothing more passes, ${hint}`).toBe(true);
  expect(!isAllowedByBoth || is === 'allow' || is === 'hold', `nothing is cut that both allow, ${hint}`).toBe(true);
  return is === 'allow';
}

/** An effect that a change has is told; one that is told need not be had. */
function expectEffect({ verdict: was }: Outcome, { verdict: will }: Outcome, effect: Effect | undefined, hint: string): void {
  expect(was !== 'allow' || will === 'allow' || effect?.restricts, `restricts, ${hint}`).toBe(true);
  expect(was === 'allow' || will !== 'allow' || effect?.permits, `permits, ${hint}`).toBe(true);
}

const group = (random: Random): number => random.integer(0, 3);
const groupSet = (random: Random): readonly number[] => [...new Set([group(random), group(random)])].toSorted((a, b) => a - b);
const prefixes = ['10.0.0.0/30', '10.0.0.0/31', '10.0.0.2/32', '192.0.2.0/24'].map(parsePrefix);
const service = (random: Random): ServiceMatch => {
  const [first, second] = [random.integer(1, 3), random.integer(1, 3)];
  const destination = random.chance(0.15) ? { destination: group(random) } : {};
  return { protocol: 'tcp', ports: { first: Math.min(first, second), last: Math.max(first, second) }, ...destination };
};

function ask(random: Random): Pick<RuleElement, 'local' | 'peers' | 'services'> {
  const some = random.chance(0.5) ? [random.pick(prefixes) ?? prefixes[0]].filter((prefix) => prefix !== undefined) : [];
  return {
    local: random.chance(0.4) ? groupSet(random) : undefined,
    peers: random.chance(0.6) ? { groups: some.length > 0 && random.chance(0.5) ? [] : groupSet(random), prefixes: some } : undefined,
    services: random.chance(0.6) ? [service(random), ...(random.chance(0.3) ? [service(random)] : [])] : undefined,
  };
}

const room = { platform: 8, tenant: 20, baseline: 8 } as const;

class RandomHost {
  readonly #random: Random;
  #nextId = 1;
  rules: readonly RuleElement[] = [];
  posture: TenantElement['posture'];
  groups: readonly bigint[];

  constructor(random: Random) {
    this.#random = random;
    this.posture = random.pick(['open', 'zero-trust']);
    this.groups = Array.from({ length: 4 }, () => BigInt(random.integer(0, 15)));
    for (let count = random.integer(0, 12); count > 0; count--) this.#add();
  }

  #free(tier: RuleElement['tier'], direction: Direction): number | undefined {
    const taken = new Set(this.rules.filter((rule) => rule.tier === tier && rule.direction === direction).map(({ priority }) => priority));
    // Up to the last priority that there is: room above is not to be had everywhere.
    const free = Array.from({ length: room[tier] }, (_, index) => 65_535 - index).filter((priority) => !taken.has(priority));
    return this.#random.pick(free);
  }

  #add(): void {
    const random = this.#random;
    const tier = random.pick(['platform', 'tenant', 'tenant', 'tenant', 'baseline']);
    const direction = random.pick(['egress', 'ingress']);
    const priority = this.#free(tier, direction);
    if (priority === undefined) return;
    const action = random.pick(['allow', 'allow', 'allow', 'deny', 'reject', 'pass']);
    this.rules = [
      ...this.rules,
      { kind: 'rule', id: this.#nextId++, tenant: 1, tier, direction, priority, action, log: false, ...ask(random) },
    ];
  }

  /** A rule is altered; in admission's way under another id, or under its own, as when a group of blocks changes. */
  #alter(rule: RuleElement): RuleElement {
    const random = this.#random;
    const id = random.chance(0.6) ? this.#nextId++ : rule.id;
    const priority = random.chance(0.4) ? (this.#free(rule.tier, rule.direction) ?? rule.priority) : rule.priority;
    const action = id !== rule.id && random.chance(0.3) ? random.pick(['allow', 'deny', 'reject', 'pass']) : rule.action;
    const { local, peers, services } = random.chance(0.3) ? ask(random) : rule;
    const more = services && random.chance(0.5) ? [...services, service(random)] : services;
    return { ...rule, id, priority, action, local, peers, services: more && random.chance(0.2) ? more.slice(1) : more };
  }

  change(): void {
    const random = this.#random;
    for (let count = random.integer(1, 4); count > 0; count--) {
      const rule = random.pick(this.rules);
      const kind = random.pick(['add', 'remove', 'alter', 'alter', 'alter']);
      if (kind === 'add' || !rule) this.#add();
      else {
        const others = this.rules.filter((other) => other !== rule);
        this.rules = others;
        if (kind === 'alter') this.rules = [...others, this.#alter(rule)];
      }
    }
    if (random.chance(0.15)) this.posture = random.pick(['open', 'zero-trust']);
    if (random.chance(0.25)) this.groups = this.groups.map((groups) => (random.chance(0.4) ? BigInt(random.integer(0, 15)) : groups));
  }

  elements(): Elements {
    const [first = 0n, second = 0n, ...others] = this.groups;
    const local = (zone: number, groups: bigint): InterfaceElement => ({
      kind: 'interface',
      portId: `p${zone}`,
      zone,
      tenant: 1,
      domain: 1,
      vni: 1,
      mac: zone,
      addresses: [parseAddress(`10.0.0.${zone}`)],
      groups,
      egress: undefined,
      ingress: undefined,
      dscp: undefined,
    });
    const other = (number: number, groups: bigint): IdentityElement => ({
      kind: 'identity',
      domain: 1,
      tenant: 1,
      address: parseAddress(`10.0.0.${number}`),
      vni: 1,
      mac: number,
      groups,
    });
    const all: readonly Element[] = [
      { kind: 'tenant', tenant: 1, posture: this.posture },
      local(11, first),
      local(12, second),
      ...others.map((groups, index) => other(index + 1, groups)),
      ...this.rules,
    ];
    return new Map(all.map((element) => [elementKey(element), element]));
  }
}

const meetings: readonly Meeting[] = (['egress', 'ingress'] as const).flatMap((direction) =>
  ['p11', 'p12'].flatMap((portId) =>
    ['10.0.0.1', '10.0.0.2', '192.0.2.7'].flatMap((peer) =>
      [1, 2, 3, 4].map((port) => ({ direction, portId, peer: parseAddress(peer), packet: { protocol: 'tcp' as const, port } })),
    ),
  ),
);

const verdictAt = (elements: Elements, meeting: Meeting): Outcome => {
  const outcome = evaluate([...elements.values()], meeting);
  if (!outcome) throw new Error('the interface is there');
  return outcome;
};

test.each(Array.from({ length: 24 }, (_, seed) => 4000 + seed))(
  'in between passes only what passes before and after, and nothing is cut that passes in both, seed %i',
  (seed) => {
    const random = new Random(seed);
    let [stayed, opposed] = [0, 0];
    for (let round = 0; round < 40; round++) {
      const host = new RandomHost(random);
      const before = host.elements();
      host.change();
      const change = changeBetween(before, host.elements());
      const { sides, between, end, after } = stages(before, change);
      const hint = `seed ${seed} round ${round}`;
      expect(changeBetween(end, after)).toEqual({ host: 'h', put: [], removed: [] });
      expectWellFormed(between, hint);
      if (transitionsOf([{ elements: before, change }])) opposed++;
      const isSomebodyElse = change.put.some((element) => element.kind === 'interface' || element.kind === 'identity');
      for (const meeting of meetings) {
        const [was, is, will] = [before, between, after].map((elements) => verdictAt(elements, meeting)) as [Outcome, Outcome, Outcome];
        const what = `${hint} ${JSON.stringify({ meeting, was, is, will }, text)}`;
        if (expectBetween(was, is, will, what)) stayed++;
        const effect = sides.find((side) => side.direction === meeting.direction)?.effect;
        if (!isSomebodyElse) expectEffect(was, will, effect, what);
      }
    }
    expect(stayed, 'much of what both allow goes on').toBeGreaterThan(60);
    expect(opposed, 'changes that need two stages').toBeGreaterThan(5);
  },
);

const interfacesOf = (elements: Elements): readonly InterfaceElement[] =>
  [...elements.values()].filter((element) => element.kind === 'interface');

/** Of an end that comes, goes or turns to another view, and of numbered sets that change, nothing is promised here. */
const isAlike = (elements: readonly (Element | undefined)[]): boolean => {
  const known = elements.filter((element) => element?.kind === 'interface' || element?.kind === 'identity');
  if (known.length === 0) return elements.every((element) => element === undefined);
  const facts = known.map(({ domain, view, set }) => `${domain} ${view} ${set}`);
  return known.length === elements.length && new Set(facts).size === 1;
};

test.each(Array.from({ length: 8 }, (_, seed) => 5000 + seed))('so it is on hosts of a cloud that changes, seed %i', (seed) => {
  const random = new Random(seed);
  const cloud = new RandomCloud(random);
  const graph = createGraph();
  graph.load(cloud.documents);
  let asked = 0;
  for (let step = 0; step < 40; step++) {
    const earlier = new Map([...graph.hosts()].map((host) => [host, new Map(graph.elements(host))]));
    for (const change of graph.update(cloud.mutate(), cloud.documents)) {
      const before = earlier.get(change.host) ?? new Map<ElementKey, Element>();
      const { between, end, after } = stages(before, change);
      const hint = `seed ${seed} step ${step} ${change.host}`;
      expect(changeBetween(end, after)).toEqual({ host: 'h', put: [], removed: [] });
      expectWellFormed(between, hint);
      const states = [before, between, after];
      for (let question = 0; question < 30; question++) {
        const local = random.pick(interfacesOf(before));
        const peers = [...before.values()].flatMap((element) => (element.kind === 'identity' ? [element.address] : []));
        const peer = random.chance(0.8) ? random.pick(peers) : parseAddress(random.pick(externals));
        if (!local || !peer) continue;
        const key = `identity/${local.domain}/${local.tenant}/${peer.family}/${peer.value.toString(16)}`;
        if (!isAlike(states.map((elements) => elements.get(elementKey(local))))) continue;
        if (!isAlike(states.map((elements) => elements.get(key)))) continue;
        const packet = { protocol: random.pick(['tcp', 'udp']), port: random.pick([80, 443, 5432, 53, 9]) };
        const meeting: Meeting = { direction: random.pick(['egress', 'ingress']), portId: local.portId, peer, packet };
        const [was, is, will] = states.map((elements) => verdictAt(elements, meeting)) as [Outcome, Outcome, Outcome];
        expectBetween(was, is, will, `${hint} ${JSON.stringify({ meeting, was, is, will }, text)}`);
        asked++;
      }
    }
  }
  expect(asked).toBeGreaterThan(300);
});
