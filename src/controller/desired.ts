import type { DesiredChange, FlowKey, FlowSource } from '../../flows/reconcile/index.ts';
import { flowKey } from '../../flows/model/index.ts';
import type { Flow, Meter } from '../../flows/model/index.ts';
import { LatentRenderer, renderBase, renderMeters, renderTunnelPort } from '../../flows/render/index.ts';
import type { Clock } from '../base/clock.ts';
import { assert } from '../base/errors.ts';
import { elementKey } from '../../policies/compiled.ts';
import type { Element, ElementKey, HostChange, InterfaceElement } from '../../policies/compiled.ts';
import { Holdings, noDifference } from './holdings.ts';

/** What of a host's ports ends up inside flows: the VXLAN port's number, and the ports that are bound, by `iface-id`. */
export interface HostPorts {
  readonly tunnel: number | undefined;
  readonly interfaces: ReadonlyMap<string, number>;
}

export interface Applied {
  readonly desired: DesiredChange;
  /** Zones that an interface has left, whoever has them now. */
  readonly freedZones: readonly number[];
  /** Milliseconds spent on meters. */
  readonly qosMs: number;
}

/**
 * The flows and meters that one host should have, by who owns them: an element, a port, or the pipeline itself. Each call renders
 * only what changed and answers what that makes different. Of flows nothing is held: those that an owner had are rendered again when they go.
 */
export class HostFlows {
  readonly #elements = new Map<ElementKey, Element>();
  readonly #interfaces = new Map<string, InterfaceElement>();
  readonly #zones = new Map<number, InterfaceElement>();
  /** As long as nobody looks: how many flows there are. */
  #counted: number | undefined;
  readonly #meters = new Holdings<number, Meter>((meter) => meter.meterId);
  #ports: HostPorts = { tunnel: undefined, interfaces: new Map() };
  readonly #clock: Clock;
  readonly #renderer = new LatentRenderer();
  #unrendered: Unrendered | undefined;

  /** `isCounted`: until `list` is called flows are only counted. */
  constructor(clock: Clock, isCounted = false) {
    this.#clock = clock;
    this.#counted = isCounted ? 0 : undefined;
  }

  /** How many flows there are, as long as they are only counted. */
  get counted(): number | undefined {
    return this.#counted;
  }

  /** All flows and meters, which were only counted until now. */
  list(): DesiredChange {
    assert(this.#counted !== undefined, 'what was counted is listed once');
    this.#counted = undefined;
    const meters = noDifference<number, Meter>();
    for (const [key, element] of this.#elements) if (element.kind === 'interface') this.#meters.own(key, renderMeters(element), meters);
    this.#unrendered = new Unrendered(this.#all(), this.#elements.size + 1);
    return { put: this.#unrendered, putMeters: [...meters.put.values()] };
  }

  *#all(): Generator<Flow> {
    yield* baseFlows();
    yield* tunnelPortFlows(this.#ports.tunnel);
    for (const [key, element] of this.#elements) {
      yield* this.#renderer.element(key, element);
      if (element.kind === 'interface') yield* this.#portFlows(element.portId);
    }
  }

  /** The flows of a host that nothing runs on. To be put once, before anything else. */
  start(): DesiredChange {
    const draft = new Draft();
    this.#replace([], baseFlows(), draft);
    return draft.change();
  }

  /** Nobody is about to look at flows: what they are made of is held, and they are rendered again for who does. */
  rest(): void {
    this.#renderer.rest();
  }

  /** The same where there may be more to look at, such as the rest of an element that has many flows: that one stays. */
  restSmall(): void {
    this.#renderer.restSmall();
  }

  get elements(): ReadonlyMap<ElementKey, Element> {
    return this.#elements;
  }

  /** The interface that wants a meter. */
  ownerOfMeter(meterId: number): ElementKey | undefined {
    return this.#meters.ownerOf(meterId);
  }

  interfaceOf(portId: string): InterfaceElement | undefined {
    return this.#interfaces.get(portId);
  }

  interfaceAt(zone: number): InterfaceElement | undefined {
    return this.#zones.get(zone);
  }

  /** A large change is rendered as its flows are asked for, so that the switch has work while the rest is still made. */
  apply(change: HostChange): Applied {
    this.#unrendered?.finish();
    const draft = new Draft();
    for (const key of change.removed) this.#remove(key, draft);
    const isLarge = this.#counted === undefined && change.put.length > largeChangeElements;
    const later = new Map<Element['kind'], Keyed[]>(reachedLast.map((kind) => [kind, []]));
    let laterCount = 0;
    for (const [at, element] of change.put.entries()) {
      const key = change.keys?.[at] ?? elementKey(element);
      const ofKind = isLarge ? later.get(element.kind) : undefined;
      if (ofKind === undefined || this.#elements.has(key)) this.#put(key, element, draft);
      else laterCount = ofKind.push({ key, element });
    }
    const desired = draft.change();
    if (laterCount === 0) return { desired, freedZones: draft.freedZones, qosMs: draft.qosMs };
    this.#unrendered = new Unrendered(this.#renderLater(later.values(), [...draft.flows.put.values()]), change.put.length);
    return { desired: { ...desired, put: this.#unrendered }, freedZones: draft.freedZones, qosMs: draft.qosMs };
  }

  /** New elements, those that packets reach last first, and behind them what was rendered at once. */
  *#renderLater(later: Iterable<readonly Keyed[]>, rendered: Iterable<Flow>): Generator<Flow> {
    for (const elements of later) {
      for (const { key, element } of elements) {
        this.#elements.set(key, element);
        for (const flow of this.#renderer.element(key, element)) yield flow;
      }
    }
    yield* rendered;
  }

  #remove(key: ElementKey, draft: Draft): void {
    const element = this.#elements.get(key);
    if (!element) return;
    this.#replace(this.#renderer.element(key, element), [], draft);
    if (element.kind === 'interface') {
      draft.freedZones.push(element.zone);
      this.#replace(this.#portFlows(element.portId), [], draft);
      this.#interfaces.delete(element.portId);
      this.#leaveZone(element);
      this.#meters.disown(key, draft.meters);
    }
    this.#elements.delete(key);
  }

  /** Another interface may have the zone already. */
  #leaveZone(element: InterfaceElement): void {
    if (this.#zones.get(element.zone) === element) this.#zones.delete(element.zone);
  }

  #put(key: ElementKey, element: Element, draft: Draft): void {
    const before = this.#elements.get(key);
    this.#elements.set(key, element);
    this.#replace(before ? this.#renderer.element(key, before) : [], this.#renderer.element(key, element), draft);
    if (element.kind !== 'interface') return;
    if (before?.kind === 'interface') this.#leaveZone(before);
    if (before?.kind === 'interface' && before.zone !== element.zone) draft.freedZones.push(before.zone);
    this.#zones.set(element.zone, element);
    const startedMs = this.#clock.nowMs();
    if (this.#counted === undefined) this.#meters.own(key, renderMeters(element), draft.meters);
    draft.qosMs += this.#clock.nowMs() - startedMs;
    const ported = this.#portFlows(element.portId);
    this.#interfaces.set(element.portId, element);
    this.#replace(ported, this.#portFlows(element.portId), draft);
  }

  /** Of an interface that is known, on a port that is plugged. */
  #portFlows(portId: string): readonly Flow[] {
    const element = this.#interfaces.get(portId);
    const ofport = this.#ports.interfaces.get(portId);
    return element === undefined || ofport === undefined ? [] : this.#renderer.port(element, ofport);
  }

  /** One owner wants other flows than before. */
  #replace(before: readonly Flow[], after: readonly Flow[], draft: Draft): void {
    if (this.#counted === undefined) return draft.replace(before, after);
    this.#counted += after.length - before.length;
    // That there is a difference is told, and not in full.
    draft.replace(before.slice(0, 1), after.slice(0, 1));
  }

  /** Ports were plugged, unplugged or renumbered. Unplugged ones lose their flows at once, so that a number used again lets nobody else in. */
  setPorts(ports: HostPorts): DesiredChange {
    this.#unrendered?.finish();
    const draft = new Draft();
    const before = this.#ports;
    const changed = [...new Set([...before.interfaces.keys(), ...ports.interfaces.keys()])].filter(
      (portId) => before.interfaces.get(portId) !== ports.interfaces.get(portId),
    );
    const flowsBefore = changed.map((portId) => this.#portFlows(portId));
    this.#ports = ports;
    if (ports.tunnel !== before.tunnel) this.#replace(tunnelPortFlows(before.tunnel), tunnelPortFlows(ports.tunnel), draft);
    for (const [index, portId] of changed.entries()) this.#replace(flowsBefore[index] ?? [], this.#portFlows(portId), draft);
    return draft.change();
  }
}

/** The same on all hosts. */
let base: readonly Flow[] | undefined;
const baseFlows = (): readonly Flow[] => (base ??= renderBase());

const tunnelPortFlows = (ofport: number | undefined): readonly Flow[] => (ofport === undefined ? [] : renderTunnelPort(ofport));

interface Keyed {
  readonly key: ElementKey;
  readonly element: Element;
}

/** From how many elements on a change is rendered bit by bit. */
const largeChangeElements = 2_000;

/** What is rendered later, by the place in the pipeline of what it is rendered to. */
const reachedLast: readonly Element['kind'][] = ['rule', 'tenant', 'flood', 'neighbour', 'identity', 'network', 'tunnel'];

/** Flows that are rendered as they are taken, or all at once when something else is about to change. */
class Unrendered implements FlowSource {
  readonly #source: Iterator<Flow>;
  #finished: Flow[] | undefined;
  #taken = 0;
  left: number;

  constructor(source: Iterator<Flow>, elements: number) {
    this.#source = source;
    this.left = elements;
  }

  next(): Flow | undefined {
    if (this.#finished) return this.#fromFinished(this.#finished);
    const { done, value } = this.#source.next();
    if (done === true) {
      this.left = 0;
      return undefined;
    }
    this.left = Math.max(1, this.left - 1);
    return value;
  }

  #fromFinished(flows: readonly Flow[]): Flow | undefined {
    const flow = flows[this.#taken++];
    this.left = Math.max(0, flows.length - this.#taken);
    return flow;
  }

  finish(): void {
    if (this.#finished) return;
    const flows: Flow[] = [];
    for (let { done, value } = this.#source.next(); done !== true; { done, value } = this.#source.next()) flows.push(value);
    this.#finished = flows;
    this.left = flows.length;
  }
}

/**
 * A difference being put together. Two owners may want the same flow meanwhile, such as an address that moves from one interface to another: the later
 * one has it, and the earlier one's leaving does not take it away. When both leave, each does: whose it is now is not known here.
 */
class Draft {
  readonly flows = { put: new Map<FlowKey, Flow>(), removed: new Map<FlowKey, Flow[]>() };
  readonly meters = noDifference<number, Meter>();
  readonly freedZones: number[] = [];
  qosMs = 0;

  replace(before: readonly Flow[], after: readonly Flow[]): void {
    const { put, removed } = this.flows;
    const kept = new Set(after.map(flowKey));
    for (const flow of before) {
      const key = flowKey(flow);
      const other = put.get(key);
      if (kept.has(key) || (other && other.owner !== flow.owner)) continue;
      put.delete(key);
      const others = removed.get(key);
      if (others === undefined) removed.set(key, [flow]);
      else others.push(flow);
    }
    for (const flow of after) {
      put.set(flowKey(flow), flow);
      removed.delete(flowKey(flow));
    }
  }

  change(): DesiredChange {
    return {
      put: [...this.flows.put.values()],
      remove: [...this.flows.removed.values()].flat(),
      putMeters: [...this.meters.put.values()],
      removeMeters: [...this.meters.removed],
    };
  }
}

export function isEmpty(change: DesiredChange): boolean {
  const { put, remove, putMeters, removeMeters } = change;
  if (put !== undefined && 'left' in put) return false;
  return [put, remove, putMeters, removeMeters].every((list) => list === undefined || list.length === 0);
}
