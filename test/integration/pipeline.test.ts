import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { createGraph } from '../../policies/index.ts';
import type { Packet } from '../../policies/index.ts';
import type { Element } from '../../policies/compiled.ts';
import { formatAddress, formatMac, parseAddress } from '../../src/base/addresses.ts';
import type { Address, Mac } from '../../src/base/addresses.ts';
import { externals, RandomCloud } from '../policies/random-cloud.ts';
import { Fabric, routerMac, same } from '../support/fabric.ts';
import type { Arrival, Frame, Member } from '../support/fabric.ts';
import { frameText } from '../support/packet-text.ts';
import { crowd, crowdedHost } from '../support/dense-cloud.ts';
import { renderHost, tunnelPort } from '../support/render-host.ts';
import { TraceBridge } from '../support/trace-bridge.ts';
import type { Traced } from '../support/trace-bridge.ts';

/**
 * Open vSwitch is asked what it would do with random packets on random clouds, and must say what the documents mean: the
 * reference semantics decide, reachability is read from the documents. One seed repeats one cloud with all of its questions:
 * WEIR_PIPELINE_SEED=N; WEIR_PIPELINE_CLOUDS and WEIR_PIPELINE_QUESTIONS ask for more.
 */
const wanted = (name: string, otherwise: number): number => Number(process.env[`WEIR_PIPELINE_${name}`] ?? otherwise);
const firstSeed = wanted('SEED', 1);
const questions = wanted('QUESTIONS', 800);
const seeds = Array.from({ length: wanted('CLOUDS', 24) }, (_, index) => firstSeed + index);

let bridge: TraceBridge;
beforeAll(async () => void (bridge = await TraceBridge.start()));
afterAll(() => bridge.stop());

/** A host with its flows on the bridge. */
class Host {
  readonly name: string;
  readonly fabric: Fabric;
  readonly local: readonly Member[];
  readonly random: Random;
  readonly knownEncaps: ReadonlySet<string>;

  constructor(name: string, fabric: Fabric, random: Random, elements: readonly Element[]) {
    this.name = name;
    this.fabric = fabric;
    this.random = random;
    this.local = fabric.members.filter((member) => member.host === name);
    this.knownEncaps = new Set(elements.flatMap((element) => (element.kind === 'tunnel' ? [formatAddress(element.encap)] : [])));
  }

  portOf(member: Member): number {
    return this.local.indexOf(member) + 1;
  }
}

/** Compares, with everything that is needed to ask again by hand. */
function expectArrival(host: Host, asked: string, traced: Traced, expected: Arrival): void {
  const ports = expected.guests.map((member) => host.portOf(member)).toSorted((a, b) => a - b);
  const seenAt = { ports: traced.ports, tunnels: traced.tunnels };
  expect(seenAt, `${host.name}: ${asked}\n${traced.text}`).toEqual({ ports, tunnels: expected.tunnels });
}

async function prepare(seed: number): Promise<Host> {
  const random = new Random(seed);
  const cloud = new RandomCloud(random);
  for (let step = 0; step < 60; step++) cloud.mutate();
  crowd(cloud.documents, random);
  const graph = createGraph();
  graph.load(cloud.documents);
  const elements = [...graph.elements(crowdedHost).values()];
  const fabric = new Fabric(cloud.documents);
  const host = new Host(crowdedHost, fabric, random, elements);
  const portOf = new Map(host.local.map((member) => [member.portId, host.portOf(member)]));
  await bridge.install(
    renderHost(elements, (portId) => portOf.get(portId)),
    elements,
  );
  for (const encap of host.knownEncaps) await bridge.meet(encap);
  return host;
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

const states = { original: ['trk,new', 'trk,est'], reply: ['trk,est,rpl'] } as const;

/** A guest sends to somebody, to an address that nobody has, or to a gateway. */
async function askLeaving(host: Host): Promise<Arrival | undefined> {
  const { random, fabric } = host;
  const from = random.pick(host.local);
  const source = from && random.pick(from.addresses);
  if (!from || !source) return undefined;
  const inFamily = (address: Address): boolean => address.family === source.family;
  const near = fabric.members.filter(({ network }) => network.vni === from.network.vni);
  const reachable = fabric.members.filter(({ network }) => network.domain === from.network.domain);
  const others = random.pick([near, near, reachable, reachable, reachable, fabric.members]).filter(({ portId }) => portId !== from.portId);
  const to = random.chance(0.85) ? random.pick(others) : undefined;
  const elsewhere = [...externals.map(parseAddress), ...fabric.networks.flatMap(({ gateways }) => gateways)];
  const destination = random.pick((to?.addresses ?? elsewhere).filter(inFamily));
  if (!destination || from.addresses.some((own) => same(own, destination))) return undefined;
  const direction = random.chance(0.6) ? 'original' : 'reply';
  const frame: Frame = {
    ethDst: ethDestination(random, from, to),
    source,
    destination,
    direction,
    packet: randomPacket(random, source.family, direction),
  };
  const state = random.pick(states[direction]);
  const asked = `in_port=${host.portOf(from)},${frameText(from.mac, frame)}`;
  const traced = await bridge.trace(asked, [state, state]);
  const expected = fabric.leaving(from, frame);
  expectArrival(host, `${asked} ${state}`, traced, expected);
  const [guest] = expected.guests;
  if (frame.ethDst === routerMac(from.network.vni) && guest !== from && (guest || expected.tunnels.length > 0))
    expectRouted(traced, fabric, from, destination);
  return expected;
}

function ethDestination(random: Random, from: Member, to: Member | undefined): Mac {
  const router = routerMac(from.network.vni);
  if (random.chance(0.05)) return random.chance(0.5) ? strangerMac : routerMac(from.network.vni + 1);
  if (!to) return router;
  if (to.network.vni === from.network.vni) return random.chance(0.75) ? to.mac : router;
  return random.chance(0.85) ? router : to.mac;
}

/** A router's frame comes from the router of the receiver's network, and is one hop older. */
function expectRouted(traced: Traced, fabric: Fabric, from: Member, destination: Address): void {
  const to = fabric.holder(from.network.domain, destination);
  expect(traced.actions).toContain(`set(eth(src=${formatMac(routerMac(to?.network.vni ?? 0))},dst=${formatMac(to?.mac ?? 0)}))`);
  expect(traced.actions).toMatch(/(ttl|hlimit)=63/);
}

async function askEntering(host: Host): Promise<Arrival | undefined> {
  const { random, fabric } = host;
  const to = random.pick(random.chance(0.9) ? host.local : fabric.members);
  const destination = to && random.pick(to.addresses);
  if (!to || !destination) return undefined;
  const sender = random.pick(fabric.members.filter(({ network, host: at }) => at !== host.name && network.domain === to.network.domain));
  const source = random.pick((sender?.addresses ?? externals.map(parseAddress)).filter(({ family }) => family === destination.family));
  if (!source) return undefined;
  const direction = random.chance(0.6) ? 'original' : 'reply';
  const vni = random.chance(0.9) ? to.network.vni : (random.pick(fabric.networks)?.vni ?? 0);
  const ethDst = random.chance(0.95) ? to.mac : strangerMac;
  const frame: Frame = { ethDst, source, destination, direction, packet: randomPacket(random, source.family, direction) };
  const known = random.chance(0.9);
  const encap = known ? random.pick([...host.knownEncaps]) : '172.16.9.9';
  if (encap === undefined) return undefined;
  const state = random.pick(states[direction]);
  const tunnel = `tun_src=${encap},tun_dst=172.16.255.254,tun_id=${vni}`;
  const asked = `in_port=${tunnelPort},${tunnel},${frameText(routerMac(vni), frame)}`;
  const expected = known ? fabric.entering(host.name, vni, frame) : { guests: [], tunnels: [] };
  expectArrival(host, `${asked} ${state}`, await bridge.trace(asked, [state]), expected);
  return expected;
}

const groupAddresses = [
  { address: parseAddress('224.0.0.251'), mac: 0x01005e_0000fb },
  { address: parseAddress('10.0.0.255'), mac: 0xffff_ffff_ffff },
  { address: parseAddress('ff02::fb'), mac: 0x3333_000000fb },
] as const satisfies readonly { address: Address; mac: Mac }[];

async function askMulticast(host: Host): Promise<Arrival | undefined> {
  const { random, fabric } = host;
  const group = random.pick<(typeof groupAddresses)[number]>(groupAddresses);
  const packet: Packet = { protocol: 'udp', port: random.pick([80, 443, 50, 9, 5353]) };
  const frameFrom = (source: Address): Frame => ({ ethDst: group.mac, source, destination: group.address, direction: 'original', packet });
  const ofFamily = (member: Member | undefined): Address | undefined =>
    member?.addresses.find(({ family }) => family === group.address.family);
  if (random.chance(0.7)) {
    const crowded = host.local.filter(({ network, portId }) =>
      host.local.some((other) => other.network === network && other.portId !== portId),
    );
    const from = random.pick(random.chance(0.7) ? crowded : host.local);
    const source = ofFamily(from);
    if (!from || !source) return undefined;
    const asked = `in_port=${host.portOf(from)},${frameText(from.mac, frameFrom(source))}`;
    const expected = fabric.leaving(from, frameFrom(source));
    expectArrival(host, asked, await bridge.trace(asked), expected);
    return expected;
  }
  const from = random.pick(fabric.members.filter((member) => member.host !== host.name));
  const [source, encap] = [ofFamily(from), random.pick([...host.knownEncaps])];
  if (!from || !source || encap === undefined) return undefined;
  const { vni } = from.network;
  const asked = `in_port=${tunnelPort},tun_src=${encap},tun_dst=172.16.255.254,tun_id=${vni},${frameText(from.mac, frameFrom(source))}`;
  const expected = fabric.entering(host.name, vni, frameFrom(source));
  expectArrival(host, asked, await bridge.trace(asked), expected);
  return expected;
}

/** How often something arrived in guests, in tunnels and nowhere, over all clouds. */
const seen = { guest: 0, tunnel: 0, dropped: 0 };

test.each(seeds)('Open vSwitch delivers what the documents let pass, and nothing else: cloud %i', async (seed) => {
  const host = await prepare(seed);
  for (let question = 0; question < questions; question++) {
    const roll = host.random.next();
    const arrival = await (roll < 0.65 ? askLeaving(host) : roll < 0.8 ? askEntering(host) : askMulticast(host));
    if (!arrival) continue;
    if (arrival.guests.length > 0) seen.guest++;
    if (arrival.tunnels.length > 0) seen.tunnel++;
    if (arrival.guests.length + arrival.tunnels.length === 0) seen.dropped++;
  }
});

test('the questions have every kind of answer', () => {
  const asked = seen.guest + seen.tunnel + seen.dropped;
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(asked / 50);
});
