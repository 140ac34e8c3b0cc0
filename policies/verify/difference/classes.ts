import type { Family } from '../../../src/base/addresses.ts';
import type { Direction } from '../../compiled.ts';
import { familyBase, familyLine, pointOf } from '../address-line.ts';
import type { AddressSet } from '../address-line.ts';
import { bigints, numbers } from '../intervals.ts';
import { protocolBase } from '../service-space.ts';
import type { ServiceSet } from '../service-space.ts';
import { sides } from './endpoints.ts';
import type { Component, Endpoint, Presence, Side } from './endpoints.ts';
import { isIn } from './program.ts';
import type { GroupCondition, Program, ProgramRule, Programs } from './program.ts';

/** What stands at one end of connections and is treated alike by all rules: endpoints of interfaces, or addresses that are nobody's. */
export interface EndClass {
  readonly family: Family;
  /** Undefined: nobody's addresses. */
  readonly tenant: string | undefined;
  readonly endpoints: readonly Endpoint[];
  /** Of nobody's. */
  readonly addresses: AddressSet;
  readonly before: ClassView | undefined;
  readonly after: ClassView | undefined;
  /** Something about itself is another: it came, went, moved, is in other groups, or declares other ports. */
  readonly isChanged: boolean;
}

/** How rules of one world see a class. */
export interface ClassView {
  /** Undefined for nobody's addresses. */
  readonly domain: string | undefined;
  /** Texts of the group conditions that hold. */
  readonly groups: ReadonlySet<string>;
  /** Texts of the sets of addresses that it is in. */
  readonly blocks: ReadonlySet<string>;
  readonly ports: Presence['ports'];
}

const directions: readonly Direction[] = ['egress', 'ingress'];

/** Everything that rules in a component can ask of an end, in either world. */
class Conditions {
  readonly groups = new Map<string, GroupCondition>();
  readonly blocks = new Map<string, AddressSet>();
  readonly portNames = new Set<string>();

  *read(programs: ProgramsOf, tenants: ReadonlySet<string>): Generator<undefined, void> {
    for (const side of sides) {
      for (const tenant of tenants) {
        for (const direction of directions) for (const rule of programs[side].of(tenant, direction).tiers.flat()) this.#add(rule);
        yield;
      }
    }
  }

  #add({ local, groups, addresses, block, named }: ProgramRule): void {
    for (const condition of [...(local ?? []), ...groups]) this.groups.set(condition.text, condition);
    if (block !== undefined) this.blocks.set(block, addresses);
    for (const { name } of named) this.portNames.add(name);
  }

  viewOf({ tenant, address }: Endpoint, presence: Presence): ClassView {
    const point = pointOf(address);
    return {
      domain: presence.domain,
      groups: new Set([...this.groups].filter(([, condition]) => isIn(condition, tenant, presence)).map(([text]) => text)),
      blocks: new Set([...this.blocks].filter(([, set]) => bigints.overlaps(set, [point, point])).map(([text]) => text)),
      ports: Object.fromEntries(Object.entries(presence.ports).filter(([name]) => this.portNames.has(name))),
    };
  }
}

/** Whether all that they hold is one interface: it is not asked about itself. */
export function isOneInterface(a: EndClass, b: EndClass): boolean {
  const [first] = a.endpoints;
  if (first === undefined || b.endpoints.length === 0) return false;
  return [a, b].every(({ endpoints }) =>
    endpoints.every((each) => each.tenant === first.tenant && each.vm === first.vm && each.interface === first.interface),
  );
}

export type ProgramsOf = Readonly<Record<Side, Programs>>;

/** Endpoints between one yield and the next. */
const endpointsAtOnce = 50;

/** The ends of a component in classes: first those of interfaces, then nobody's addresses. */
export function* classesOf(programs: ProgramsOf, component: Component): Generator<undefined, readonly EndClass[]> {
  const conditions = new Conditions();
  yield* conditions.read(programs, component.tenants);
  const found = new Map<string, EndClass & { readonly endpoints: Endpoint[] }>();
  for (const [index, endpoint] of component.endpoints.entries()) {
    if (index % endpointsAtOnce === 0) yield;
    const before = endpoint.before && conditions.viewOf(endpoint, endpoint.before);
    const after = endpoint.after && (samePresence(endpoint) ? before : conditions.viewOf(endpoint, endpoint.after));
    const { family } = endpoint.address;
    const [was, is] = [viewText(before), after === before ? viewText(before) : viewText(after)];
    const key = JSON.stringify([endpoint.tenant, family, was, is]);
    const known = found.get(key);
    if (known !== undefined) known.endpoints.push(endpoint);
    else found.set(key, { family, tenant: endpoint.tenant, endpoints: [endpoint], addresses: [], before, after, isChanged: was !== is });
  }
  yield;
  const outside = yield* outsideClasses(conditions);
  return [...found.values(), ...outside];
}

const samePresence = ({ before, after }: Endpoint): boolean => before === after;

const viewText = (view: ClassView | undefined): string =>
  view === undefined ? '' : JSON.stringify([view.domain, [...view.groups], [...view.blocks], view.ports]);

/** Cuts the line of addresses at every edge of a block; pieces in the same blocks are one class. */
function* outsideClasses({ blocks: all }: Conditions): Generator<undefined, readonly EndClass[]> {
  const found = new Map<
    string,
    { readonly family: Family; readonly blocks: ReadonlySet<string>; readonly ranges: (readonly [bigint, bigint])[] }
  >();
  let read = 0;
  for (const { first, last, blocks } of piecesOf(all)) {
    const family: Family = first < familyBase[6] ? 4 : 6;
    const key = JSON.stringify([family, [...blocks].sort()]);
    const known = found.get(key);
    if (known !== undefined) known.ranges.push([first, last]);
    else found.set(key, { family, blocks: new Set(blocks), ranges: [[first, last]] });
    if (++read % endpointsAtOnce === 0) yield;
  }
  return [...found.values()].map(({ family, blocks, ranges }): EndClass => {
    const view: ClassView = { domain: undefined, groups: new Set(), blocks, ports: {} };
    return { family, tenant: undefined, endpoints: [], addresses: bigints.of(ranges), before: view, after: view, isChanged: false };
  });
}

/** The whole line in pieces between two edges, each with the blocks that it is in. */
function* piecesOf(all: ReadonlyMap<string, AddressSet>): Generator<{ first: bigint; last: bigint; blocks: ReadonlySet<string> }> {
  const edges: { readonly at: bigint; readonly enters?: string; readonly leaves?: string }[] = [{ at: familyBase[6] }];
  for (const [text, set] of all) {
    for (let at = 0; at < set.length; at += 2)
      edges.push({ at: set[at] as bigint, enters: text }, { at: (set[at + 1] as bigint) + 1n, leaves: text });
  }
  edges.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const blocks = new Set<string>();
  let first = 0n;
  for (const { at, enters, leaves } of edges) {
    if (at > first) yield { first, last: at - 1n, blocks };
    first = at;
    if (enters !== undefined) blocks.add(enters);
    if (leaves !== undefined) blocks.delete(leaves);
  }
  const end = familyLine[6][1] as bigint;
  if (first <= end) yield { first, last: end, blocks };
}

export interface Decision {
  readonly services: ServiceSet;
  readonly rule: ProgramRule;
}

export function localMatches({ local }: ProgramRule, view: ClassView): boolean {
  return local === undefined || local.some(({ text }) => view.groups.has(text));
}

export function peerMatches({ isAnyPeer, groups, block }: ProgramRule, view: ClassView): boolean {
  return isAnyPeer || groups.some(({ text }) => view.groups.has(text)) || (block !== undefined && view.blocks.has(block));
}

/** The services that one side allows, and by which rules; without a rule: by the posture. */
export function allowedBy(
  program: Program,
  direction: Direction,
  local: ClassView,
  peer: ClassView,
  possible: ServiceSet,
): { readonly services: ServiceSet; readonly decisions: readonly Decision[] } {
  let services: ServiceSet = [];
  const decisions: Decision[] = [];
  let rest = possible;
  for (const tier of program.tiers) {
    let passed: ServiceSet = [];
    for (const rule of tier) {
      if (rest.length === 0) break;
      if (!localMatches(rule, local) || !peerMatches(rule, peer)) continue;
      const matched = numbers.intersect(rest, servicesFor(rule, direction === 'ingress' ? local : peer));
      if (matched.length === 0) continue;
      rest = numbers.subtract(rest, matched);
      if (rule.action === 'pass') passed = numbers.union(passed, matched);
      else if (rule.action === 'allow') {
        services = numbers.union(services, matched);
        decisions.push({ services: matched, rule });
      }
    }
    rest = numbers.union(rest, passed);
  }
  return { services: program.isOpen ? numbers.union(services, rest) : services, decisions };
}

/** A port by name is the one that the destination declares. */
function servicesFor({ services, named }: ProgramRule, { ports }: ClassView): ServiceSet {
  let all = services;
  for (const { protocol, name } of named) {
    const declared = Object.hasOwn(ports, name) ? ports[name] : undefined;
    if (declared?.protocol !== protocol) continue;
    const point = protocolBase[protocol] + declared.port;
    all = numbers.union(all, [point, point]);
  }
  return all;
}
