import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import type { Packet } from '../../policies/index.ts';
import { parseAddress } from '../../src/base/addresses.ts';
import { Fabric, routerMac } from '../support/fabric.ts';
import type { Frame, Member } from '../support/fabric.ts';
import { frameText } from '../support/packet-text.ts';
import { asks, furniture, mixedSteps, singleSteps, underlay } from '../support/policy-cases.ts';
import type { Step } from '../support/policy-cases.ts';
import { cell } from '../support/policy-oracle.ts';
import type { Ask, Place, PolicyOracle } from '../support/policy-oracle.ts';
import { familyOf, nameOf, PolicyScene, suits } from '../support/policy-scene.ts';
import { renderHost, tunnelPort } from '../support/render-host.ts';
import { TraceBridge } from '../support/trace-bridge.ts';
import type { Traced } from '../support/trace-bridge.ts';

/**
 * The policies of `policy-cases` as flows on Open vSwitch: `ofproto/trace` is held against the oracle that reads what users wrote. One
 * bridge plays either host in turn. WEIR_CONFORMANCE_SEED and WEIR_CONFORMANCE_CLOUDS ask for more.
 */

const hosts: Readonly<Record<string, string>> = { h1: '172.16.0.1', h2: '172.16.0.2' };
const states = { original: ['trk,new', 'trk,est'], reply: ['trk,est,rpl'] } as const;

let bridge: TraceBridge;
beforeAll(async () => {
  bridge = await TraceBridge.start();
  for (const encap of Object.values(hosts)) await bridge.meet(encap);
});
afterAll(() => bridge.stop());

type Arrived = Pick<Traced, 'ports' | 'tunnels'>;

/** Compares, with everything that is needed to ask again by hand. */
function expectArrival(asked: string, traced: Traced, expected: Arrived): void {
  expect({ ports: traced.ports, tunnels: traced.tunnels }, `${asked}\n${traced.text}`).toEqual(expected);
}

/** One host with its flows on the bridge. */
class Stage {
  readonly #random: Random;
  readonly #oracle: PolicyOracle;
  readonly #fabric: Fabric;
  readonly #local: readonly Member[];

  constructor(scene: PolicyScene, random: Random, host: string) {
    this.#random = random;
    this.#oracle = scene.oracle;
    this.#fabric = new Fabric(scene.harness.admission.snapshot());
    this.#local = this.#fabric.members.filter((member) => member.host === host);
  }

  static async set(scene: PolicyScene, random: Random): Promise<Stage> {
    const host = random.chance(0.75) ? 'h1' : 'h2';
    const stage = new Stage(scene, random, host);
    const elements = [...scene.graph.elements(host).values()];
    const portOf = new Map(stage.#local.map((member) => [member.portId, stage.#portOf(member)]));
    await bridge.install(
      renderHost(elements, (portId) => portOf.get(portId)),
      elements,
    );
    return stage;
  }

  #portOf(member: Member): number {
    return this.#local.indexOf(member) + 1;
  }

  #memberAt(place: Place): Member {
    const found = this.#fabric.members.find(({ owner }) => owner.tenant === place.tenant && owner.vm === place.vm);
    if (!found) throw new Error(`${nameOf(place)} does not run`);
    return found;
  }

  /** One packet between two interfaces, of which at least one is here: it gets as far as the oracle says. Answers how far. */
  async ask(title: string): Promise<'guest' | 'tunnel' | 'nowhere'> {
    const random = this.#random;
    const { places } = this.#oracle;
    const here = places.filter((place) => this.#local.includes(this.#memberAt(place)));
    const local = random.pick(here);
    const other = random.pick(
      places.filter(({ item, address }) => local && item !== local.item && familyOf(address) === familyOf(local.address)),
    );
    const ask = random.pick(asks.filter((candidate) => local && suits(candidate, familyOf(local.address))));
    if (!local || !other || !ask) throw new Error('there is always somebody to ask');
    // An answer by itself is told from a question by connection tracking: errors have none.
    const answered = !ask.protocol.startsWith('icmp') || [8, 13, 128].includes(Math.floor(ask.port / 256));
    const direction = answered && random.chance(0.35) ? 'reply' : 'original';
    const leaving = here.includes(other) || random.chance(0.6);
    const [sender, receiver] = leaving ? [local, other] : [other, local];
    const [opener, opened] = direction === 'original' ? [sender, receiver] : [receiver, sender];
    const sides = { out: this.#verdict('egress', opener, opened, ask), into: this.#verdict('ingress', opened, opener, ask) };
    const [first, second] = direction === 'original' ? [sides.out, sides.into] : [sides.into, sides.out];
    const expected = leaving ? this.#expectLeaving(receiver, first, second) : this.#expectArrival(receiver, second);
    const state = random.pick(states[direction]);
    const asked = this.#text(sender, receiver, ask, direction, leaving);
    const traced = await bridge.trace(asked, [state, state]);
    expectArrival(`${title}: ${nameOf(sender)} to ${nameOf(receiver)}, ${state}: ${asked}`, traced, expected);
    return expected.ports.length > 0 ? 'guest' : expected.tunnels.length > 0 ? 'tunnel' : 'nowhere';
  }

  #verdict(way: 'ingress' | 'egress', local: Place, other: Place, ask: Ask): boolean {
    return this.#oracle.side(way, local, [other], [ask]).get(cell(other, ask)) === 'allow';
  }

  #expectLeaving(receiver: Place, first: boolean, second: boolean): Arrived {
    const member = this.#memberAt(receiver);
    if (this.#local.includes(member)) return this.#expectArrival(receiver, first && second);
    return { ports: [], tunnels: first ? [`${hosts[member.host]} ${member.network.vni}`] : [] };
  }

  #expectArrival(receiver: Place, passes: boolean): Arrived {
    return { ports: passes ? [this.#portOf(this.#memberAt(receiver))] : [], tunnels: [] };
  }

  #text(sender: Place, receiver: Place, { protocol, port }: Ask, direction: Frame['direction'], leaving: boolean): string {
    const [from, to] = [this.#memberAt(sender), this.#memberAt(receiver)];
    const packet = (
      protocol.startsWith('icmp') ? { protocol, type: Math.floor(port / 256), code: port % 256 } : { protocol, port }
    ) as Packet;
    const near = from.network.vni === to.network.vni;
    const ethDst = near || !leaving ? to.mac : routerMac(from.network.vni);
    const frame: Frame = { ethDst, source: parseAddress(sender.address), destination: parseAddress(receiver.address), direction, packet };
    if (leaving) return `in_port=${this.#portOf(from)},${frameText(from.mac, frame)}`;
    const tunnel = `tun_src=${hosts[from.host]},tun_dst=172.16.255.254,tun_id=${to.network.vni}`;
    return `in_port=${tunnelPort},${tunnel},${frameText(near ? from.mac : routerMac(to.network.vni), frame)}`;
  }
}

async function walk(
  scene: PolicyScene,
  steps: Iterable<Step>,
  random: Random,
  questions: number,
): Promise<Readonly<Record<string, number>>> {
  const seen: Record<string, number> = { guest: 0, tunnel: 0, nowhere: 0 };
  for (const step of steps) {
    await scene.take(step);
    const stage = await Stage.set(scene, random);
    for (let question = 0; question < questions; question++) {
      const how = await stage.ask(step.title);
      seen[how] = (seen[how] ?? 0) + 1;
    }
  }
  return seen;
}

const firstSeed = Number(process.env['WEIR_CONFORMANCE_SEED'] ?? 1);
const seeds = Array.from({ length: Number(process.env['WEIR_CONFORMANCE_CLOUDS'] ?? 4) }, (_, index) => firstSeed + index);

test('each feature by itself', async () => {
  const scene = await PolicyScene.open([...furniture(), ...underlay()]);
  const seen = await walk(scene, singleSteps(), new Random(firstSeed), 12);
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(200);
});

const seen: Record<string, number> = {};

test.each(seeds)('policies that overlap, updates and new labels: WEIR_CONFORMANCE_SEED=%i', async (seed) => {
  const random = new Random(seed);
  const found = await walk(await PolicyScene.open(furniture()), mixedSteps(random, 40), random, 15);
  for (const [how, count] of Object.entries(found)) seen[how] = (seen[how] ?? 0) + count;
  expect(found['nowhere']).toBeGreaterThan(0);
});

test('the questions have every kind of answer', () => {
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});
