import type { DesiredChange, FlowKey } from '../../flows/reconcile/index.ts';
import { flowKey } from '../../flows/model/index.ts';
import type { Flow, Meter } from '../../flows/model/index.ts';
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
import type { Clock } from '../base/clock.ts';
import { elementKey } from '../../policies/compiled.ts';
import type { Element, ElementKey, HostChange, InterfaceElement } from '../../policies/compiled.ts';

/** What of a host's ports ends up inside flows: the VXLAN port's number, and the ports that are plugged, by `iface-id`. */
export interface HostPorts {
  readonly tunnel: number | undefined;
  readonly interfaces: ReadonlyMap<string, number>;
}

/**
 * The flows that one host should have, by who owns them: an element, a port, or the pipeline itself. Each call renders only what
 * changed and answers what that makes different. Two owners may want the same key for a moment (an address that moves from one
 * interface to another); the later one has it, and the earlier one's leaving does not take it away.
 */
export class HostFlows {
  readonly #elements = new Map<ElementKey, Element>();
  readonly #interfaces = new Map<string, InterfaceElement>();
  readonly #owned = new Map<string, readonly FlowKey[]>();
  readonly #ownerOf = new Map<FlowKey, string>();
  readonly #meters = new Map<ElementKey, readonly Meter[]>();
  #ports: HostPorts = { tunnel: undefined, interfaces: new Map() };
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The flows of a host that nothing runs on. To be put once, before anything else. */
  start(): DesiredChange {
    const draft = new Draft();
    this.#own(baseOwner, renderBase(), draft);
    return draft;
  }

  get elements(): ReadonlyMap<ElementKey, Element> {
    return this.#elements;
  }

  /** The element or port that wants a flow; undefined for a flow that nobody wants. */
  ownerOf(key: FlowKey): string | undefined {
    return this.#ownerOf.get(key);
  }

  interfaceOf(portId: string): InterfaceElement | undefined {
    return this.#interfaces.get(portId);
  }

  /** @returns the difference, the zones that no interface uses any more, and the milliseconds spent on meters */
  apply(change: HostChange): { readonly desired: DesiredChange; readonly freedZones: readonly number[]; readonly qosMs: number } {
    const draft = new Draft();
    const freedZones: number[] = [];
    for (const key of change.removed) {
      const element = this.#elements.get(key);
      this.#elements.delete(key);
      this.#disown(key, draft);
      if (element?.kind !== 'interface') continue;
      freedZones.push(element.zone);
      this.#interfaces.delete(element.portId);
      this.#disown(portOwner(element.portId), draft);
      this.#meter(key, [], draft);
    }
    for (const element of change.put) this.#put(element, freedZones, draft);
    return { desired: draft, freedZones, qosMs: draft.qosMs };
  }

  #put(element: Element, freedZones: number[], draft: Draft): void {
    const key = elementKey(element);
    const before = this.#elements.get(key);
    this.#elements.set(key, element);
    this.#own(key, renderElement(key, element), draft);
    if (element.kind !== 'interface') return;
    if (before?.kind === 'interface' && before.zone !== element.zone) freedZones.push(before.zone);
    this.#interfaces.set(element.portId, element);
    const startedMs = this.#clock.nowMs();
    this.#meter(key, renderMeters(element), draft);
    draft.qosMs += this.#clock.nowMs() - startedMs;
    const ofport = this.#ports.interfaces.get(element.portId);
    if (ofport !== undefined) this.#own(portOwner(element.portId), renderPort(element, ofport), draft);
  }

  /** Ports were plugged, unplugged or renumbered. Unplugged ones lose their flows at once, so that a number used again lets nobody else in. */
  setPorts(ports: HostPorts): DesiredChange {
    const draft = new Draft();
    const before = this.#ports;
    this.#ports = ports;
    if (ports.tunnel !== before.tunnel) this.#own(tunnelPortOwner, ports.tunnel === undefined ? [] : renderTunnelPort(ports.tunnel), draft);
    for (const portId of before.interfaces.keys()) if (!ports.interfaces.has(portId)) this.#disown(portOwner(portId), draft);
    for (const [portId, ofport] of ports.interfaces) {
      const element = this.#interfaces.get(portId);
      if (element && before.interfaces.get(portId) !== ofport) this.#own(portOwner(portId), renderPort(element, ofport), draft);
    }
    return draft;
  }

  #own(owner: string, flows: readonly Flow[], draft: Draft): void {
    const before = this.#owned.get(owner);
    const keys: FlowKey[] = [];
    for (const flow of flows) {
      const key = flowKey(flow);
      keys.push(key);
      this.#ownerOf.set(key, owner);
      draft.put.push(flow);
      draft.removing.delete(key);
    }
    if (before) {
      const kept = new Set(keys);
      for (const key of before) if (!kept.has(key)) this.#release(key, owner, draft);
    }
    if (keys.length > 0) this.#owned.set(owner, keys);
    else this.#owned.delete(owner);
  }

  #disown(owner: string, draft: Draft): void {
    for (const key of this.#owned.get(owner) ?? []) this.#release(key, owner, draft);
    this.#owned.delete(owner);
  }

  #release(key: FlowKey, owner: string, draft: Draft): void {
    if (this.#ownerOf.get(key) !== owner) return;
    this.#ownerOf.delete(key);
    draft.removing.add(key);
  }

  #meter(key: ElementKey, meters: readonly Meter[], draft: Draft): void {
    const wanted = new Set(meters.map((meter) => meter.meterId));
    for (const { meterId } of this.#meters.get(key) ?? []) if (!wanted.has(meterId)) draft.removeMeters.push(meterId);
    draft.putMeters.push(...meters);
    if (meters.length > 0) this.#meters.set(key, meters);
    else this.#meters.delete(key);
  }
}

/** A difference being put together. Removals come before puts when it is carried out, so that a key in both ends up put. */
class Draft implements DesiredChange {
  readonly put: Flow[] = [];
  readonly removing = new Set<FlowKey>();
  readonly putMeters: Meter[] = [];
  readonly removeMeters: number[] = [];
  qosMs = 0;

  get remove(): readonly FlowKey[] {
    return [...this.removing];
  }
}

export function isEmpty(change: DesiredChange): boolean {
  return [change.put, change.remove, change.putMeters, change.removeMeters].every((list) => list === undefined || list.length === 0);
}
