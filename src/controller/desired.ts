import type { DesiredChange, FlowKey, FlowSource } from '../../flows/reconcile/index.ts';
import { flowKey } from '../../flows/model/index.ts';
import type { Flow, Meter } from '../../flows/model/index.ts';
import {
  baseOwner,
  LatentRenderer,
  portOwner,
  renderBase,
  renderElement,
  renderMeters,
  renderPort,
  renderTunnelPort,
  tunnelPortOwner,
} from '../../flows/render/index.ts';
import type { Clock } from '../base/clock.ts';
import { assert } from '../base/errors.ts';
import { elementKey } from '../../policies/compiled.ts';
import type { Element, ElementKey, HostChange, InterfaceElement } from '../../policies/compiled.ts';
import { Holdings, noDifference, Tally } from './holdings.ts';
import type { Wants } from './holdings.ts';

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
 * only what changed and answers what that makes different.
 */
export class HostFlows {
  readonly #elements = new Map<ElementKey, Element>();
  readonly #interfaces = new Map<string, InterfaceElement>();
  readonly #zones = new Map<number, InterfaceElement>();
  /** As long as nobody looks: what is different is told, and not in full. */
  #tally: Tally<Flow> | undefined;
  #flows: Wants<FlowKey, Flow>;
  readonly #meters = new Holdings<number, Meter>((meter) => meter.meterId);
  #ports: HostPorts = { tunnel: undefined, interfaces: new Map() };
  readonly #clock: Clock;
  readonly #renderer = new LatentRenderer();
  #unrendered: Unrendered | undefined;

  /** `isCounted`: until `list` is called flows are only counted. */
  constructor(clock: Clock, isCounted = false) {
    this.#clock = clock;
    this.#tally = isCounted ? new Tally() : undefined;
    this.#flows = this.#tally ?? new Holdings<FlowKey, Flow>(flowKey);
  }

  /** How many flows there are, as long as they are only counted. */
  get counted(): number | undefined {
    return this.#tally?.count;
  }

  /** All flows and meters, which were only counted until now. */
  list(): DesiredChange {
    assert(this.#tally, 'what was counted is listed once');
    this.#tally = undefined;
    this.#flows = new Holdings<FlowKey, Flow>(flowKey);
    const draft = new Draft();
    this.#flows.own(baseOwner, (base ??= renderBase()), draft.flows);
    for (const [key, element] of this.#elements) this.#put(key, element, draft);
    const { tunnel } = this.#ports;
    if (tunnel !== undefined) this.#flows.own(tunnelPortOwner, renderTunnelPort(tunnel), draft.flows);
    return draft.change();
  }

  /** The flows of a host that nothing runs on. To be put once, before anything else. */
  start(): DesiredChange {
    const draft = new Draft();
    this.#flows.own(baseOwner, (base ??= renderBase()), draft.flows);
    return draft.change();
  }

  /** Nobody is about to look at flows: what they are made of is held, and they are rendered again for who does. */
  rest(): void {
    this.#renderer.rest();
  }

  get elements(): ReadonlyMap<ElementKey, Element> {
    return this.#elements;
  }

  /** The element or port that wants a flow; undefined for a flow that nobody wants. */
  ownerOf(key: FlowKey): string | undefined {
    return this.#flows.ownerOf(key);
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
    const isLarge = !this.#tally && change.put.length > largeChangeElements;
    const later: { readonly key: ElementKey; readonly element: Element }[] = [];
    for (const [at, element] of change.put.entries()) {
      const key = change.keys?.[at] ?? elementKey(element);
      if (isLarge && element.kind !== 'interface' && !this.#elements.has(key)) later.push({ key, element });
      else this.#put(key, element, draft);
    }
    const desired = draft.change();
    if (later.length === 0) return { desired, freedZones: draft.freedZones, qosMs: draft.qosMs };
    this.#unrendered = new Unrendered(this.#renderLater(later, [...draft.flows.put.values()]), later.length);
    return { desired: { ...desired, put: this.#unrendered }, freedZones: draft.freedZones, qosMs: draft.qosMs };
  }

  /** New elements, those that packets reach last first, and behind them what was rendered at once. */
  *#renderLater(elements: readonly { readonly key: ElementKey; readonly element: Element }[], rendered: Iterable<Flow>): Generator<Flow> {
    const ordered = elements.toSorted((a, b) => reachedLast[a.element.kind] - reachedLast[b.element.kind]);
    for (const { key, element } of ordered) {
      const flows = this.#renderer.element(key, element);
      this.#elements.set(key, element);
      this.#flows.add(key, flows);
      for (const flow of flows) yield flow;
    }
    yield* rendered;
  }

  #remove(key: ElementKey, draft: Draft): void {
    const element = this.#elements.get(key);
    this.#elements.delete(key);
    this.#flows.disown(key, draft.flows);
    if (element?.kind !== 'interface') return;
    draft.freedZones.push(element.zone);
    this.#interfaces.delete(element.portId);
    this.#leaveZone(element);
    this.#flows.disown(portOwner(element.portId), draft.flows);
    this.#meters.disown(key, draft.meters);
  }

  /** Another interface may have the zone already. */
  #leaveZone(element: InterfaceElement): void {
    if (this.#zones.get(element.zone) === element) this.#zones.delete(element.zone);
  }

  #put(key: ElementKey, element: Element, draft: Draft): void {
    const before = this.#elements.get(key);
    this.#elements.set(key, element);
    this.#flows.own(key, this.#rendered(key, element), draft.flows);
    if (element.kind !== 'interface') return;
    if (before?.kind === 'interface') this.#leaveZone(before);
    if (before?.kind === 'interface' && before.zone !== element.zone) draft.freedZones.push(before.zone);
    this.#zones.set(element.zone, element);
    this.#interfaces.set(element.portId, element);
    const startedMs = this.#clock.nowMs();
    if (!this.#tally) this.#meters.own(key, renderMeters(element), draft.meters);
    draft.qosMs += this.#clock.nowMs() - startedMs;
    const ofport = this.#ports.interfaces.get(element.portId);
    if (ofport !== undefined) this.#flows.own(portOwner(element.portId), this.#renderedPort(element, ofport), draft.flows);
  }

  #rendered(key: ElementKey, element: Element): readonly Flow[] {
    return this.#tally ? renderElement(key, element) : this.#renderer.element(key, element);
  }

  #renderedPort(element: InterfaceElement, ofport: number): readonly Flow[] {
    return this.#tally ? renderPort(element, ofport) : this.#renderer.port(element, ofport);
  }

  /** Ports were plugged, unplugged or renumbered. Unplugged ones lose their flows at once, so that a number used again lets nobody else in. */
  setPorts(ports: HostPorts): DesiredChange {
    this.#unrendered?.finish();
    const { flows, change } = new Draft();
    const before = this.#ports;
    this.#ports = ports;
    if (ports.tunnel !== before.tunnel)
      this.#flows.own(tunnelPortOwner, ports.tunnel === undefined ? [] : renderTunnelPort(ports.tunnel), flows);
    for (const portId of before.interfaces.keys()) if (!ports.interfaces.has(portId)) this.#flows.disown(portOwner(portId), flows);
    for (const [portId, ofport] of ports.interfaces) {
      const element = this.#interfaces.get(portId);
      if (element && before.interfaces.get(portId) !== ofport)
        this.#flows.own(portOwner(portId), this.#renderedPort(element, ofport), flows);
    }
    return change();
  }
}

/** The same on all hosts. */
let base: readonly Flow[] | undefined;

/** From how many elements on a change is rendered bit by bit. */
const largeChangeElements = 2_000;

/** By the place in the pipeline of what an element is rendered to. */
const reachedLast: Readonly<Record<Element['kind'], number>> = {
  rule: 0,
  tenant: 1,
  flood: 2,
  neighbour: 3,
  identity: 4,
  network: 5,
  tunnel: 6,
  interface: 7,
};

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

/** A difference being put together. */
class Draft {
  readonly flows = noDifference<FlowKey, Flow>();
  readonly meters = noDifference<number, Meter>();
  readonly freedZones: number[] = [];
  qosMs = 0;

  readonly change = (): DesiredChange => ({
    put: [...this.flows.put.values()],
    remove: [...this.flows.removed],
    putMeters: [...this.meters.put.values()],
    removeMeters: [...this.meters.removed],
  });
}

export function isEmpty(change: DesiredChange): boolean {
  const { put, remove, putMeters, removeMeters } = change;
  if (put !== undefined && 'left' in put) return false;
  return [put, remove, putMeters, removeMeters].every((list) => list === undefined || list.length === 0);
}
