import { Random } from '../../bench/workloads/random.ts';
import { FlowIndex, packetOf, trace, trackingStates } from '../../flows/trace/index.ts';
import type { Frame as Asked, Trace, TrackingState } from '../../flows/trace/index.ts';
import type { Flow } from '../../flows/model/index.ts';
import type { Element } from '../../policies/compiled.ts';
import { actions, Classifier, ends, outcomes, question, Resolver } from '../../policies/classifier/index.ts';
import type { Reader } from '../../policies/classifier/index.ts';
import { createGraph, evaluate } from '../../policies/index.ts';
import type { Packet } from '../../policies/index.ts';
import { formatAddress, parseAddress } from '../../src/base/addresses.ts';
import type { Address, Mac } from '../../src/base/addresses.ts';
import { externals, RandomCloud } from '../policies/random-cloud.ts';
import { crowd, crowdedHost } from './dense-cloud.ts';
import { Fabric, routerMac, same } from './fabric.ts';
import type { Arrival, Frame, Member } from './fabric.ts';
import { frameText, payloadOf } from './packet-text.ts';
import { renderHost, tunnelPort } from './render-host.ts';

/** The tunnel address of the switch under test. */
const ownEncap = '172.16.255.254';

/** A frame that arrives at a host, and what the documents say of it. */
export interface FrameQuestion {
  readonly frame: Asked;
  /** The same in the words of `ofproto/trace`. */
  readonly text: string;
  /** What connection tracking says, at the sender and at the receiver. */
  readonly state: TrackingState;
  readonly expected: Arrival;
  /** A frame that must be routed: the MAC of its router there and that of its receiver. */
  readonly routed: { readonly router: Mac; readonly receiver: Mac } | undefined;
  /** What a local interface's side of it decides: `undefined` where no interface judges. */
  readonly side: LocalSide | undefined;
}

interface LocalSide {
  readonly direction: 'egress' | 'ingress';
  readonly owner: Member['owner'];
  readonly domain: string;
  readonly portId: string;
  readonly peer: Address;
  readonly packet: Packet;
  readonly verdict: string;
}

/** In the words of `ofproto/trace --ct-next`. */
export const stateText: Readonly<Record<TrackingState, string>> = {
  new: 'trk,new',
  established: 'trk,est',
  reply: 'trk,est,rpl',
  related: 'trk,rel',
  invalid: 'trk,inv',
};

/** One random cloud, its most crowded host with all of its flows, and random frames for that host. One seed repeats all of it. */
export class FrameQuestions {
  readonly seed: number;
  readonly random: Random;
  readonly fabric: Fabric;
  readonly local: readonly Member[];
  readonly elements: readonly Element[];
  readonly flows: readonly Flow[];
  readonly index: FlowIndex;
  readonly #classifier: Classifier;
  readonly #reader: Reader;
  readonly #resolver: Resolver;
  readonly encaps: readonly string[];

  constructor(seed: number) {
    this.seed = seed;
    this.random = new Random(seed);
    const cloud = new RandomCloud(this.random);
    for (let step = 0; step < 60; step++) cloud.mutate();
    crowd(cloud.documents, this.random);
    const graph = createGraph();
    graph.load(cloud.documents);
    this.elements = [...graph.elements(crowdedHost).values()];
    this.fabric = new Fabric(cloud.documents);
    this.local = this.fabric.members.filter((member) => member.host === crowdedHost);
    this.encaps = [...new Set(this.elements.flatMap((element) => (element.kind === 'tunnel' ? [formatAddress(element.encap)] : [])))];
    const portOf = new Map(this.local.map((member) => [member.portId, this.portOf(member)]));
    this.flows = renderHost(this.elements, (portId) => portOf.get(portId));
    this.index = new FlowIndex(this.flows);
    this.#classifier = new Classifier(cloud.documents);
    this.#reader = this.#classifier.reader();
    this.#resolver = new Resolver(this.#classifier.interfaces);
  }

  portOf(member: Member): number {
    return this.local.indexOf(member) + 1;
  }

  /** Somebody runs on the host whose flows are asked: a cloud may have nobody there. */
  get isInhabited(): boolean {
    return this.local.length > 0;
  }

  /** Of a cloud that is inhabited. */
  next(): FrameQuestion {
    if (!this.isInhabited) throw new Error(`seed ${this.seed}: there is nobody to ask about`);
    for (;;) {
      const roll = this.random.next();
      const question = roll < 0.65 ? this.#leaving() : roll < 0.8 ? this.#entering() : this.#multicast();
      if (question) return question;
    }
  }

  /** Numbers of ports and tunnels in the way that both traces tell them. */
  arrivalText({ guests, tunnels }: Arrival): { readonly ports: readonly number[]; readonly tunnels: readonly string[] } {
    return { ports: guests.map((member) => this.portOf(member)).toSorted((a, b) => a - b), tunnels };
  }

  /** What our own trace says. */
  traced({ frame, state }: Pick<FrameQuestion, 'frame' | 'state'>): Trace {
    return trace(this.index, packetOf(frame), { tunnelPort, track: () => ({ state: trackingStates[state] }) });
  }

  /** What the compiled rules say of the local side. */
  compiled({ direction, portId, peer, packet }: LocalSide): string | undefined {
    return evaluate(this.elements, { direction, portId, peer, packet })?.verdict;
  }

  /** What the compiled classifier says of it. */
  classified({ direction, owner, domain, peer, packet }: LocalSide): string | undefined {
    const [local, other] = [`${owner.tenant}/${owner.vm}/${owner.interface}`, formatAddress(peer)];
    const between = direction === 'egress' ? { from: local, to: other } : { from: other, to: local };
    const words = new Int32Array(question.size);
    this.#resolver.resolve(undefined, { ...between, ...packet, family: peer.family }, words, 0);
    // Who has the address but does not run is nobody to the flows.
    if (this.fabric.holder(domain, peer) === undefined) words[direction === 'egress' ? question.to : question.from] = ends.nobody;
    const answers = new Int32Array(2);
    this.#reader.decide(words, 1, answers);
    const outcome = answers[direction === 'egress' ? 0 : 1] ?? outcomes.none;
    if (outcome === outcomes.none) return undefined;
    if (outcome < 0) return outcome === outcomes.allowed ? 'allow' : 'deny';
    return actions[outcome & 3];
  }

  /** A guest sends to somebody, to an address that nobody has, or to a gateway. */
  #leaving(): FrameQuestion | undefined {
    const { random, fabric } = this;
    const from = random.pick(this.local);
    const source = from && random.pick(from.addresses);
    if (!from || !source) return undefined;
    const inFamily = (address: Address): boolean => address.family === source.family;
    const near = fabric.members.filter(({ network }) => network.vni === from.network.vni);
    const reachable = fabric.members.filter(({ network }) => network.domain === from.network.domain);
    const others = random
      .pick([near, near, reachable, reachable, reachable, fabric.members])
      .filter(({ portId }) => portId !== from.portId);
    const to = random.chance(0.85) ? random.pick(others) : undefined;
    const elsewhere = [...externals.map(parseAddress), ...fabric.networks.flatMap(({ gateways }) => gateways)];
    const destination = random.pick((to?.addresses ?? elsewhere).filter(inFamily));
    if (!destination || from.addresses.some((own) => same(own, destination))) return undefined;
    const direction = random.chance(0.6) ? 'original' : 'reply';
    const packet = randomPacket(random, source.family, direction);
    const frame: Frame = { ethDst: ethDestination(random, from, to), source, destination, direction, packet };
    const expected = fabric.leaving(from, frame);
    const [guest] = expected.guests;
    const arrives = guest !== undefined || expected.tunnels.length > 0;
    const isRouted = frame.ethDst === routerMac(from.network.vni) && guest !== from && arrives;
    const receiver = isRouted ? fabric.holder(from.network.domain, destination) : undefined;
    return {
      ...this.#asked(this.portOf(from), from.mac, frame),
      expected,
      routed: receiver && { router: routerMac(receiver.network.vni), receiver: receiver.mac },
      side: this.#side(from, frame, destination, direction === 'original' ? 'egress' : 'ingress'),
    };
  }

  #entering(): FrameQuestion | undefined {
    const { random, fabric } = this;
    const to = random.pick(random.chance(0.9) ? this.local : fabric.members);
    const destination = to && random.pick(to.addresses);
    if (!to || !destination) return undefined;
    const sender = random.pick(fabric.members.filter(({ network, host }) => host !== crowdedHost && network.domain === to.network.domain));
    const source = random.pick((sender?.addresses ?? externals.map(parseAddress)).filter(({ family }) => family === destination.family));
    if (!source) return undefined;
    const direction = random.chance(0.6) ? 'original' : 'reply';
    const vni = random.chance(0.9) ? to.network.vni : (random.pick(fabric.networks)?.vni ?? 0);
    const ethDst = random.chance(0.95) ? to.mac : strangerMac;
    const frame: Frame = { ethDst, source, destination, direction, packet: randomPacket(random, source.family, direction) };
    const known = random.chance(0.9);
    const encap = known ? random.pick(this.encaps) : '172.16.9.9';
    if (encap === undefined) return undefined;
    return {
      ...this.#asked(tunnelPort, routerMac(vni), frame, { encap, vni }),
      expected: known ? fabric.entering(crowdedHost, vni, frame) : { guests: [], tunnels: [] },
      routed: undefined,
      side: this.local.includes(to) ? this.#side(to, frame, source, direction === 'original' ? 'ingress' : 'egress') : undefined,
    };
  }

  #multicast(): FrameQuestion | undefined {
    const { random, fabric } = this;
    const group = random.pick<(typeof groupAddresses)[number]>(groupAddresses);
    const packet: Packet = { protocol: 'udp', port: random.pick([80, 443, 50, 9, 5353]) };
    const frameFrom = (source: Address): Frame => ({
      ethDst: group.mac,
      source,
      destination: group.address,
      direction: 'original',
      packet,
    });
    const ofFamily = (member: Member | undefined): Address | undefined =>
      member?.addresses.find(({ family }) => family === group.address.family);
    if (random.chance(0.7)) {
      const crowded = this.local.filter(({ network, portId }) =>
        this.local.some((other) => other.network === network && other.portId !== portId),
      );
      const from = random.pick(random.chance(0.7) ? crowded : this.local);
      const source = ofFamily(from);
      if (!from || !source) return undefined;
      const frame = frameFrom(source);
      return {
        ...this.#asked(this.portOf(from), from.mac, frame),
        expected: fabric.leaving(from, frame),
        routed: undefined,
        side: this.#side(from, frame, group.address, 'egress'),
      };
    }
    const from = random.pick(fabric.members.filter((member) => member.host !== crowdedHost));
    const [source, encap] = [ofFamily(from), random.pick(this.encaps)];
    if (!from || !source || encap === undefined) return undefined;
    const { vni } = from.network;
    const frame = frameFrom(source);
    return {
      ...this.#asked(tunnelPort, from.mac, frame, { encap, vni }),
      expected: fabric.entering(crowdedHost, vni, frame),
      routed: undefined,
      side: undefined,
    };
  }

  #asked(inPort: number, ethSrc: Mac, frame: Frame, from?: { readonly encap: string; readonly vni: number }) {
    const state: TrackingState = frame.direction === 'reply' ? 'reply' : this.random.pick(['new', 'established']);
    const { ethDst, source, destination } = frame;
    const tunnel = from && { source: parseAddress(from.encap), destination: parseAddress(ownEncap), vni: from.vni };
    const outer = from ? `tun_src=${from.encap},tun_dst=${ownEncap},tun_id=${from.vni},` : '';
    const asked: Asked = { inPort, ethSrc, ethDst, source, destination, ttl: 64, payload: payloadOf(frame), ...(tunnel && { tunnel }) };
    return { frame: asked, text: `in_port=${inPort},${outer}${frameText(ethSrc, frame)}`, state };
  }

  /** The opener's egress rules, or the opened one's ingress rules, of an interface here. */
  #side(local: Member, frame: Frame, peer: Address, direction: 'egress' | 'ingress'): LocalSide | undefined {
    const verdict = this.fabric.sideOf(local, peer, frame.packet, direction);
    return verdict === undefined
      ? undefined
      : { direction, owner: local.owner, domain: local.network.domain, portId: local.portId, peer, packet: frame.packet, verdict };
  }
}

function randomPacket(random: Random, family: 4 | 6, direction: Frame['direction']): Packet {
  if (random.chance(0.2)) {
    const requests = family === 4 ? [8, 13] : [128];
    const type = random.pick(direction === 'reply' || random.chance(0.6) ? requests : [3, 1]) ?? 8;
    return { protocol: family === 4 ? 'icmp' : 'icmpv6', type, code: random.pick([0, 0, 1]) };
  }
  return { protocol: random.pick(['tcp', 'udp', 'sctp']), port: random.pick([80, 443, 5432, 53, 49, 50, 63, 64, 500, 501, 9]) };
}

const strangerMac: Mac = 0x02_0000_00ffff;

function ethDestination(random: Random, from: Member, to: Member | undefined): Mac {
  const router = routerMac(from.network.vni);
  if (random.chance(0.05)) return random.chance(0.5) ? strangerMac : routerMac(from.network.vni + 1);
  if (!to) return router;
  if (to.network.vni === from.network.vni) return random.chance(0.75) ? to.mac : router;
  return random.chance(0.85) ? router : to.mac;
}

const groupAddresses = [
  { address: parseAddress('224.0.0.251'), mac: 0x01005e_0000fb },
  { address: parseAddress('10.0.0.255'), mac: 0xffff_ffff_ffff },
  { address: parseAddress('ff02::fb'), mac: 0x3333_000000fb },
] as const satisfies readonly { address: Address; mac: Mac }[];

/** Where our own trace says that a frame ends, in the words of the switch's. */
export function endsOf({ effects }: Trace): { readonly ports: readonly number[]; readonly tunnels: readonly string[] } {
  return {
    ports: [...new Set(effects.flatMap((effect) => (effect.kind === 'output' ? [effect.port] : [])))].toSorted((a, b) => a - b),
    tunnels: effects
      .flatMap((effect) => (effect.kind === 'tunnel' ? [`${formatAddress(effect.destination)} ${effect.vni}`] : []))
      .toSorted(),
  };
}
