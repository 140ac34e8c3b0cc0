import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import type { Packet } from '../../policies/index.ts';
import { parseAddress } from '../../src/base/addresses.ts';
import { Fabric, routerMac } from '../support/fabric.ts';
import type { Member } from '../support/fabric.ts';
import { frameText } from '../support/packet-text.ts';
import { PolicyScene } from '../support/policy-scene.ts';
import { reachabilityFiles, readReachability } from '../support/reachability.ts';
import type { Expected } from '../support/reachability.ts';
import type { CastEnd } from '../support/reachability-cast.ts';
import { renderHost, tunnelPort } from '../support/render-host.ts';
import { TraceBridge } from '../support/trace-bridge.ts';
import type { Traced } from '../support/trace-bridge.ts';

/**
 * The tables of test/scenarios/reachability as flows on Open vSwitch: some packets of each case, and their replies, by `ofproto/trace`.
 * WEIR_REACHABILITY_SEED chooses others.
 */

const seed = Number(process.env['WEIR_REACHABILITY_SEED'] ?? 1);
const questionsPerCase = 20;
const host = 'h1';
const encaps: Readonly<Record<string, string>> = { h1: '172.16.0.1', h2: '172.16.0.2' };

let bridge: TraceBridge;
beforeAll(async () => {
  bridge = await TraceBridge.start();
  for (const encap of Object.values(encaps)) await bridge.meet(encap);
});
afterAll(() => bridge.stop());

/** The host of most of the cast, with its flows on the bridge. */
class Stage {
  readonly #members: readonly Member[];
  readonly #local: readonly Member[];

  private constructor(scene: PolicyScene) {
    this.#members = new Fabric(scene.harness.admission.snapshot()).members.filter(({ owner }) => owner.interface === 'eth0');
    this.#local = this.#members.filter((member) => member.host === host);
  }

  static async set(scene: PolicyScene): Promise<Stage> {
    const stage = new Stage(scene);
    const elements = [...scene.graph.elements(host).values()];
    const portOf = (portId: string): number | undefined => {
      const index = stage.#local.findIndex((member) => member.portId === portId);
      return index < 0 ? undefined : index + 1;
    };
    await bridge.install(renderHost(elements, portOf), elements);
    return stage;
  }

  /** Whether the flows of this host can show what the table says: of what is refused, only where both ends are here. */
  shows({ from, to, verdict }: Expected): boolean {
    if (from.tenant === undefined || to.tenant === undefined || from === to) return false;
    const here = [from, to].filter((end) => this.#isHere(end)).length;
    return here === 2 || (here === 1 && verdict === 'allow');
  }

  /** Where the first packet of a connection gets, or a later one of it, or an answer; and where it should. */
  async ask(
    expected: Expected,
    direction: 'original' | 'reply',
    state: string,
  ): Promise<{ readonly seen: object; readonly wanted: object; readonly text: string }> {
    const { verdict, family, protocol, detail } = expected;
    const [sender, receiver] = direction === 'original' ? [expected.from, expected.to] : [expected.to, expected.from];
    const [from, to] = [this.#member(sender), this.#member(receiver)];
    const near = from.network.vni === to.network.vni;
    const leaving = this.#isHere(sender);
    const frame = {
      ethDst: near || !leaving ? to.mac : routerMac(from.network.vni),
      source: addressOf(sender, family),
      destination: addressOf(receiver, family),
      direction,
      packet: { protocol, ...detail } as Packet,
    };
    const tunnel = `in_port=${tunnelPort},tun_src=${encaps[from.host]},tun_dst=172.16.255.254,tun_id=${to.network.vni}`;
    const text = leaving
      ? `in_port=${this.#portOf(from)},${frameText(from.mac, frame)}`
      : `${tunnel},${frameText(near ? from.mac : routerMac(to.network.vni), frame)}`;
    const traced = await bridge.trace(text, [state, state]);
    const arrives: Pick<Traced, 'ports' | 'tunnels'> = this.#isHere(receiver)
      ? { ports: [this.#portOf(to)], tunnels: [] }
      : { ports: [], tunnels: [`${encaps[to.host]} ${to.network.vni}`] };
    const wanted = verdict === 'allow' ? arrives : { ports: [], tunnels: [] };
    return { seen: { ports: traced.ports, tunnels: traced.tunnels }, wanted, text: `${text} ${state}\n${traced.text}` };
  }

  #member({ tenant, name }: CastEnd): Member {
    const found = this.#members.find(({ owner }) => owner.tenant === tenant && owner.vm === name);
    if (!found) throw new Error(`${tenant}/${name} does not run`);
    return found;
  }

  #isHere(end: CastEnd): boolean {
    return this.#local.includes(this.#member(end));
  }

  #portOf(member: Member): number {
    return this.#local.indexOf(member) + 1;
  }
}

const addressOf = ({ addresses: [v4, v6] }: CastEnd, family: 4 | 6) => parseAddress(family === 4 ? v4 : v6);

/** Errors have no answers. */
const isAnswered = ({ detail }: Expected): boolean => !('type' in detail) || detail.type === 8 || detail.type === 128;

/** As many of each verdict as there are, up to half of the questions. */
function someOf(random: Random, expected: readonly Expected[]): readonly Expected[] {
  const byVerdict = Map.groupBy(expected, ({ verdict }) => verdict);
  return [...byVerdict.values()].flatMap((all) =>
    Array.from({ length: Math.min(all.length, Math.ceil(questionsPerCase / byVerdict.size)) }, () => random.pick(all) as Expected),
  );
}

test.each(reachabilityFiles)(`%s: WEIR_REACHABILITY_SEED=${seed}`, async (name) => {
  const { cast, cases } = readReachability(name);
  const random = new Random(seed);
  let scene = await PolicyScene.open(cast.documents);
  let count = 0;
  for (const [index, { title, isFresh, put, gone, expected }] of cases.entries()) {
    if (isFresh && index > 0) scene = await PolicyScene.open(cast.documents);
    await scene.take({ title, put, gone });
    const stage = await Stage.set(scene);
    for (const each of someOf(
      random,
      expected.filter((candidate) => stage.shows(candidate)),
    )) {
      const reply = isAnswered(each) && random.chance(0.3);
      const state = reply ? 'trk,est,rpl' : random.pick(['trk,new', 'trk,new', 'trk,est']);
      const { seen, wanted, text } = await stage.ask(each, reply ? 'reply' : 'original', state ?? 'trk,new');
      expect(seen, `${title}: ${each.from.name} -> ${each.to.name} ${each.verdict}, ${text}`).toEqual(wanted);
      count++;
    }
  }
  expect(count).toBeGreaterThan(200);
});
