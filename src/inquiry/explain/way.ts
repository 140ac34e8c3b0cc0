import { outOfTunnel, packetOf, trace, trackingStates } from '../../../flows/trace/index.ts';
import type { Effect, Payload, Rule, Trace } from '../../../flows/trace/index.ts';
import { gatewayMac, tables } from '../../../flows/pipeline/index.ts';
import type { Packet } from '../../../policies/index.ts';
import { formatAddress } from '../../base/addresses.ts';
import type { Address, Mac } from '../../base/addresses.ts';
import { asIfPlugged } from './host-view.ts';
import type { HostView, Ports } from './host-view.ts';
import type { Attached, Standing } from './standing.ts';

/** The packet that is asked about, as its sender makes it. */
export interface Opening {
  readonly from: Attached;
  readonly to: Standing;
  readonly packet: Packet;
  readonly source: Address;
  readonly mac: Mac;
}

/** What one host does with it. */
export interface Leg {
  readonly host: string;
  readonly role: 'sender' | 'receiver' | 'both';
  readonly trace: Trace;
  readonly ports: Ports;
}

export interface Way {
  readonly legs: readonly Leg[];
  /** Whether it comes to the receiver's port; undefined when that cannot be told. */
  readonly arrives: boolean | undefined;
}

/** Any port from which clients ask. */
const clientPort = 40_000;
const ttl = 64;

/** Follows the packet that would open the connection through the flows of its hosts. */
export function follow(
  opening: Opening,
  viewOf: (host: string) => HostView | undefined,
  encapOf: (host: string) => Address | undefined,
): Way {
  const { from, to } = opening;
  const sender = from.host === undefined ? undefined : viewOf(from.host);
  if (from.host === undefined || sender?.interfaceOf(from.portId) === undefined) return { legs: [], arrives: undefined };
  const receiver = to.kind === 'interface' ? to : undefined;
  const isOneHost = receiver === undefined || receiver.host === from.host;
  const first = asIfPlugged(sender, from.portId, isOneHost ? receiver?.portId : undefined, (ports): Leg => {
    const packet = packetOf(frameOf(opening, ports.from));
    return { host: from.host ?? '', role: isOneHost ? 'both' : 'sender', trace: ask(sender, packet, ports.tunnel), ports };
  });
  if (receiver === undefined) return { legs: [first], arrives: isOutput(first.trace.effects, first.ports.from) };
  if (isOneHost) return { legs: [first], arrives: isOutput(first.trace.effects, first.ports.to) };
  if (receiver.host === undefined) return { legs: [first], arrives: undefined };
  const encaps = [encapOf(from.host), encapOf(receiver.host)];
  const sent = first.trace.effects.find((effect) => effect.kind === 'tunnel' && isSame(effect.destination, encaps[1]));
  if (sent?.kind !== 'tunnel') return { legs: [first], arrives: encaps[1] && false };
  const there = viewOf(receiver.host);
  if (encaps[0] === undefined || encaps[1] === undefined || there?.interfaceOf(receiver.portId) === undefined)
    return { legs: [first], arrives: undefined };
  const tunnel = { source: encaps[0], destination: encaps[1], vni: sent.vni };
  const second = asIfPlugged(there, undefined, receiver.portId, (ports): Leg => {
    const packet = outOfTunnel(sent.packet, ports.tunnel, tunnel);
    return { host: receiver.host ?? '', role: 'receiver', trace: ask(there, packet, ports.tunnel), ports };
  });
  return { legs: [first, second], arrives: isOutput(second.trace.effects, second.ports.to) };
}

const ask = (view: HostView, packet: Uint32Array, tunnelPort: number): Trace =>
  trace(view.index, packet, { tunnelPort, track: () => ({ state: trackingStates.new }) });

const isOutput = (effects: readonly Effect[], port: number): boolean =>
  effects.some((effect) => effect.kind === 'output' && effect.port === port);
const isSame = (a: Address, b: Address | undefined): boolean => a.family === b?.family && a.value === b.value;

function frameOf({ from, to, packet, source, mac }: Opening, inPort: number) {
  const isNear = to.kind === 'interface' && to.network.spec.vni === from.network.spec.vni;
  return {
    inPort,
    ethSrc: mac,
    ethDst: isNear && to.kind === 'interface' ? to.mac : gatewayMac(from.network.spec.vni),
    source,
    destination: to.address,
    ttl,
    payload: payloadOf(packet),
  };
}

function payloadOf(packet: Packet): Payload {
  if ('port' in packet) return { protocol: packet.protocol, source: clientPort, destination: packet.port };
  return packet;
}

/** The flows that a leg meets, in order, each once; the clauses of a conjunction stand before the flow that it completes. */
export function flowsOf({ trace: { steps } }: Leg): readonly Rule[] {
  const met = new Set<Rule>();
  for (const { hit } of steps) {
    for (const clause of hit?.conjunction?.clauses ?? []) met.add(clause);
    if (hit) met.add(hit.rule);
  }
  return [...met];
}

/** What becomes of the packet on a host, in words. `encaps` are told to whom they are for. */
export function outcomeOf(
  { trace: { effects, steps, verdict }, ports }: Leg,
  tableName: (id: number) => string,
  tellsEncaps: boolean,
): string {
  for (const effect of effects) {
    if (effect.kind === 'tunnel')
      return `sent into the tunnel${tellsEncaps ? ` to ${formatAddress(effect.destination)}` : ''}, VNI ${effect.vni}`;
    if (effect.kind === 'output') return effect.port === ports.from ? 'answered here' : 'delivered';
  }
  if (verdict === 'controller') return 'sent to the controller';
  // A verdict is accounted for behind the table that carries it out.
  const last = steps.findLast(({ tableId }) => tableId !== tables.accounting.id);
  const why = last?.hit === undefined ? 'no flow matches' : 'dropped by a flow';
  return `dropped in table ${tableName(last?.tableId ?? 0)}: ${why}`;
}
