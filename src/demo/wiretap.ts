import type { Lab } from '../lab/index.ts';
import { delay } from './act.ts';
import { openEar } from './ear.ts';

/** What a switch and its controllers said to each other while it listened. */
export interface Heard {
  readonly messages: number;
  /** Messages that change flows, groups or meters, inside bundles too. */
  readonly changes: readonly string[];
}

export interface Wiretap {
  stop(): Promise<Heard>;
}

const settleMs = 200;

/** Listens with `ovs-ofctl snoop`, which Open vSwitch hands a copy of every OpenFlow message, also across reconnections. */
export async function tapWire(lab: Lab, host: string): Promise<Wiretap> {
  const ear = openEar(lab, host, ['ovs-ofctl', 'snoop', 'br-int']);
  await delay(settleMs);
  return {
    stop: async () => {
      const text = await ear.stop();
      const names = [...text.matchAll(/^\s*((?:OFPT|OFPST|NXT|NXST|ONFT|OFPTYPE)_\w+)/gm)].map((found) => found[1] ?? '');
      return { messages: names.length, changes: names.filter((name) => /_(FLOW|GROUP|METER)_MOD$|PACKET_OUT$/.test(name)) };
    },
  };
}

/** Listens at every host. */
export async function tapWires(lab: Lab): Promise<Wiretap> {
  const taps = await Promise.all([...lab.hosts.keys()].map((host) => tapWire(lab, host)));
  return {
    stop: async () => {
      const heard = await Promise.all(taps.map((tap) => tap.stop()));
      return { messages: heard.reduce((sum, { messages }) => sum + messages, 0), changes: heard.flatMap(({ changes }) => changes) };
    },
  };
}
