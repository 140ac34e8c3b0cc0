import { setImmediate } from 'node:timers/promises';
import { renderPort, renderTunnelPort } from '../../../flows/render/index.ts';
import { FlowIndex } from '../../../flows/trace/index.ts';
import type { Rule } from '../../../flows/trace/index.ts';
import { flowKey } from '../../../flows/model/index.ts';
import type { InterfaceElement } from '../../../policies/compiled.ts';
import type { Intended, Intentions } from '../../controller/ports.ts';

/** One host's flows, found by packet. Good until anything is awaited: then it may be of the past. */
export interface HostView {
  readonly index: FlowIndex;
  /** The element or port that wants a flow; undefined for a flow that is only supposed. */
  ownerOf(rule: Rule): string | undefined;
  interfaceOf(portId: string): InterfaceElement | undefined;
  ofportOf(portId: string): number | undefined;
  readonly tunnelOfport: number | undefined;
}

/** Numbers that no port has: they stand for ports that are not plugged, so that a question about them can be answered all the same. */
const supposed = { from: 0xfe01, to: 0xfe02, tunnel: 0xfe03 } as const;

export interface Ports {
  readonly from: number;
  readonly to: number;
  readonly tunnel: number;
}

/** Runs `ask` as if both interfaces and the tunnel were plugged. */
export function asIfPlugged<T>(view: HostView, from: string | undefined, to: string | undefined, ask: (ports: Ports) => T): T {
  const added: Rule[] = [];
  const suppose = (portId: string | undefined, number: number): number => {
    const present = portId === undefined ? number : view.ofportOf(portId);
    if (present !== undefined) return present;
    const element = portId === undefined ? undefined : view.interfaceOf(portId);
    if (element) added.push(...renderPort(element, number));
    return number;
  };
  const ports = { from: suppose(from, supposed.from), to: suppose(to, supposed.to), tunnel: view.tunnelOfport ?? supposed.tunnel };
  if (view.tunnelOfport === undefined) added.push(...renderTunnelPort(supposed.tunnel));
  for (const rule of added) view.index.put(rule);
  try {
    return ask(ports);
  } finally {
    for (const rule of added) view.index.remove(flowKey(rule));
  }
}

const keptMax = 16;
/** Flows taken in before others have their turn. */
const sliceFlows = 500;
/** How often a host may change while it is read, before it is read in one go. */
const retriesMax = 3;

interface Kept {
  readonly index: FlowIndex;
  version: number;
}

/** The flows of hosts that were asked about lately, kept up to date by difference: asking again about a host costs little. */
export class HostViews {
  readonly #intentions: Intentions;
  readonly #kept = new Map<string, Kept>();

  constructor(intentions: Intentions) {
    this.#intentions = intentions;
  }

  /** The host as it is now; undefined when nothing was read of it yet or it has changed since: `prepare` it. */
  view(host: string): HostView | undefined {
    const intended = this.#intentions.of(host);
    const kept = this.#kept.get(host);
    if (!intended || !kept || kept.version !== intended.version) return undefined;
    const { index } = kept;
    return {
      index,
      ownerOf: (rule) => intended.ownerOf(flowKey(rule)),
      interfaceOf: (portId) => intended.interfaceOf(portId),
      ofportOf: (portId) => intended.ofportOf(portId),
      tunnelOfport: intended.tunnelOfport,
    };
  }

  /** Whether there is anything to be known of the host. */
  knows(host: string): boolean {
    return this.#intentions.of(host) !== undefined;
  }

  /** Reads what is different, a part at a time. */
  async prepare(host: string): Promise<void> {
    const kept = this.#kept.get(host) ?? { index: new FlowIndex(), version: -1 };
    this.#kept.delete(host);
    this.#kept.set(host, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptMax && oldest !== undefined) this.#kept.delete(oldest);
    for (let attempt = 0; ; attempt++) {
      const intended = this.#intentions.of(host);
      if (!intended || kept.version === intended.version) return;
      const parts = takeIn(kept.index, intended);
      // Read whole without a break, what was read cannot have changed meanwhile.
      while (parts.next().done !== true) if (attempt < retriesMax) await setImmediate();
      if (this.#intentions.of(host)?.version === intended.version) kept.version = intended.version;
    }
  }
}

/** Makes the index what is intended; flows are equal when they are the same object. */
function* takeIn(index: FlowIndex, intended: Intended): Generator<void> {
  let count = 0;
  for (const key of intended.flowKeys()) {
    const flow = intended.flow(key);
    if (flow !== undefined && index.get(key) !== flow) index.put(flow);
    if (++count % sliceFlows === 0) yield;
  }
  if (index.size === intended.flowCount) return;
  const gone = [...index.keys()].filter((key) => intended.flow(key) === undefined);
  for (const key of gone) index.remove(key);
}
