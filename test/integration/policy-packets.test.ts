import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Rule } from '../../policies/model/kinds.ts';
import { captureFrames, sendFrames } from '../../src/lab/index.ts';
import { until } from '../support/weir-client.ts';
import { FlowLab } from '../support/flow-lab.ts';
import {
  complaintFrame,
  extendedFrame,
  fragmentFrames,
  frameOf,
  ipPacket,
  protocols,
  synSegment,
  udpSegment,
} from '../support/raw-packets.ts';
import type { Complaint, PacketEnds } from '../support/raw-packets.ts';

/** What docs/policy.md says of fragments, extension headers and ICMP errors, packet by packet: what a receiver captures decides. */

let net: FlowLab;
beforeAll(async () => void (net = await FlowLab.start(['red/web1', 'red/web2', 'red/web3', 'red/cell1', 'red/cell2', 'red/cell3'])));
afterAll(() => net.stop());
afterEach(async () => {
  for (const name of ['some', 'cut']) net.cloud.deletePolicy('red', name);
  net.cloud.setPosture('red', 'open');
  await net.sync();
});

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const families = [4, 6] as const;
const [allowedPort, deniedPort] = [5000, 5001];
let serial = 20_000;

async function policy(name: string, posture: 'open' | 'zero-trust', ingress: readonly Rule[], egress: readonly Rule[]): Promise<void> {
  net.cloud.setPosture('red', posture);
  net.cloud.putPolicy('red', name, { ingress, egress });
  await net.sync();
}

const rule = (action: Rule['action'], services?: Rule['services']): Rule => ({
  action,
  ...(services === undefined ? {} : { services }),
  log: false,
});
const onPort = (port: number): NonNullable<Rule['services']> => (['tcp', 'udp'] as const).map((protocol) => ({ protocol, port }));

/** Nothing but one port passes. */
const onlyAllowed = (): Promise<void> =>
  policy('some', 'zero-trust', [rule('allow', onPort(allowedPort))], [rule('allow', onPort(allowedPort))]);
/** Everything but one port passes. */
const allButDenied = (): Promise<void> => policy('some', 'zero-trust', [rule('deny', onPort(deniedPort)), rule('allow')], [rule('allow')]);

function ends(from: string, to: string, family: 4 | 6): PacketEnds {
  return { ethSrc: net.mac(from), ethDst: net.mac(to), source: net.address(from, family), destination: net.address(to, family) };
}

/** Text that tells one packet from all others in a capture. */
const markOf = (): Buffer => Buffer.from(`mark-${serial++}-`);

/** Whether a datagram to the allowed port would arrive now. */
type Way = 'open' | 'closed';

/** The frames with the mark that `to` receives of those that `from` sends. */
async function arrivals(from: string, to: string, frames: readonly Buffer[], mark: Buffer, way: Way = 'open'): Promise<readonly Buffer[]> {
  const [arrived] = await allArrivals(from, to, [{ frames, mark }], way);
  return arrived ?? [];
}

interface Sent {
  readonly frames: readonly Buffer[];
  readonly mark: Buffer;
}

/**
 * Of each that is sent what arrives. Packets do not overtake each other but by the batch: once the last, which may pass, has arrived
 * there is no need to wait for more. Where nothing may pass, only time can tell.
 */
async function allArrivals(from: string, to: string, all: readonly Sent[], way: Way = 'open'): Promise<readonly (readonly Buffer[])[]> {
  const capture = await captureFrames(net.lab, net.guest(to));
  const last = datagram(from, to, 4, allowedPort);
  const frames = [...all.flatMap((sent) => sent.frames), ...(way === 'open' ? [last.frame, last.frame, last.frame] : [])];
  await sendFrames(net.lab, net.guest(from), frames);
  if (way === 'open') await until(() => capture.frames().some((frame) => frame.includes(last.mark)));
  await delay(way === 'open' ? 20 : 150);
  const captured = await capture.stop();
  return all.map(({ mark }) => captured.filter((frame) => frame.includes(mark)));
}

/** A datagram of a new connection; the mark is what it carries. */
function datagram(
  from: string,
  to: string,
  family: 4 | 6,
  port: number,
): { readonly mark: Buffer; readonly frame: Buffer; readonly packet: Buffer; readonly source: number } {
  const [mark, source, at] = [markOf(), serial, ends(from, to, family)];
  const packet = ipPacket(at, protocols.udp, udpSegment(at, source, port, mark));
  return { mark, packet, source, frame: frameOf(at, packet) };
}

describe.each(['red/web2', 'red/web3'])('IPv6 extension headers, to %s', (to) => {
  const from = 'red/web1';
  /** The chains of headers with which a datagram arrives at the port. */
  const passing = async (chains: readonly (readonly number[])[], port: number): Promise<readonly (readonly number[])[]> => {
    const at = ends(from, to, 6);
    const sent = chains.map((headers): Sent => {
      const mark = markOf();
      return { mark, frames: [extendedFrame(at, headers, protocols.udp, udpSegment(at, serial, port, mark))] };
    });
    const arrived = await allArrivals(from, to, sent);
    return chains.filter((_, index) => (arrived[index]?.length ?? 0) > 0);
  };

  test('are looked through where their form is known: what is behind them decides', async () => {
    const chains = [[], [0], [60], [43], [51], [44], [0, 43, 60], [0, 60, 44, 60], [0, 51, 60]];
    for (const wanted of [onlyAllowed, allButDenied]) {
      await wanted();
      expect(await passing(chains, allowedPort)).toEqual(chains);
      expect(await passing(chains, deniedPort)).toEqual([]);
    }
  });

  test('that nobody can look through hide nothing from a rule', async () => {
    const chains = [135, 139, 140, 253, 254].flatMap((header) => [[header], [0, header], [header, 0], [44, header]]);
    for (const wanted of [onlyAllowed, allButDenied]) {
      await wanted();
      expect(await passing([[0], ...chains], allowedPort)).toEqual([[0]]);
      expect(await passing(chains, deniedPort)).toEqual([]);
    }
  });

  test('ESP and numbers that are nobody’s pass only where everything does', async () => {
    await onlyAllowed();
    expect(await passing([[50], [200], []], allowedPort)).toEqual([[]]);
    await allButDenied();
    expect(await passing([[50], [200], []], allowedPort)).toEqual([[50], [200], []]);
  });

  test('TCP is found behind them too', async () => {
    await onlyAllowed();
    const syn = async (headers: readonly number[], port: number): Promise<number> => {
      const at = ends(from, to, 6);
      const segment = synSegment(at, serial++, port);
      return (await arrivals(from, to, [extendedFrame(at, headers, protocols.tcp, segment)], segment)).length;
    };
    expect(await syn([0, 60], allowedPort)).toBe(1);
    expect(await syn([0, 60], deniedPort)).toBe(0);
    expect(await syn([140], allowedPort)).toBe(0);
  });
});

describe.each(['red/web2', 'red/web3'])('fragments, to %s', (to) => {
  const from = 'red/web1';
  const orders: Readonly<Record<string, (frames: readonly Buffer[]) => readonly Buffer[]>> = {
    'in order': (frames) => frames,
    reversed: (frames) => frames.toReversed(),
    'the first in the middle': ([first, ...others]) => [...others.slice(0, 1), ...(first ? [first] : []), ...others.slice(1)],
  };
  /** How many bytes of the mark's repetitions arrive. */
  const bytesArrived = async (family: 4 | 6, port: number, order: (frames: readonly Buffer[]) => readonly Buffer[]): Promise<number> => {
    const [mark, at] = [markOf(), ends(from, to, family)];
    const payload = Buffer.concat(Array.from({ length: 380 }, () => mark));
    const frames = fragmentFrames(at, protocols.udp, udpSegment(at, serial, port, payload), 1280, serial);
    const arrived = await arrivals(from, to, order(frames), mark);
    return arrived.reduce((sum, frame) => sum + frame.toString('latin1').split(mark.toString('latin1')).length - 1, 0);
  };

  test.each(families)('are judged with their datagram, whatever their order, IPv%i', async (family) => {
    await onlyAllowed();
    for (const [name, order] of Object.entries(orders)) {
      expect(await bytesArrived(family, allowedPort, order), `fragments ${name}`).toBeGreaterThan(370);
      expect(await bytesArrived(family, deniedPort, order), `fragments ${name}`).toBe(0);
    }
    await allButDenied();
    for (const [name, order] of Object.entries(orders)) {
      expect(await bytesArrived(family, allowedPort, order), `fragments ${name}`).toBeGreaterThan(370);
      expect(await bytesArrived(family, deniedPort, order), `fragments ${name}`).toBe(0);
    }
  });

  test.each(families)('without a first go nowhere, IPv%i', async (family) => {
    await allButDenied();
    expect(await bytesArrived(family, allowedPort, (frames) => frames.slice(1))).toBe(0);
  });
});

describe.each(['red/web2', 'red/web3'])('ICMP errors from %s', (to) => {
  const from = 'red/web1';
  const cases = families.flatMap((family) => (['port unreachable', 'too big'] as const).map((about) => [family, about] as const));

  /** A connection of one datagram, and what sends an error about it. */
  const open = async (
    family: 4 | 6,
  ): Promise<{ readonly complain: (about: Complaint, way?: Way) => Promise<number>; readonly again: (way?: Way) => Promise<number> }> => {
    const { mark, packet, frame } = datagram(from, to, family, allowedPort);
    const again = async (way?: Way): Promise<number> => (await arrivals(from, to, [frame], mark, way)).length;
    expect(await again()).toBe(1);
    const complain = async (about: Complaint, way?: Way): Promise<number> =>
      (await arrivals(to, from, [complaintFrame(ends(to, from, family), about, packet)], mark, way)).length;
    return { complain, again };
  };

  test.each(cases)('IPv%i %s passes with its connection, and is cut with it', async (family, about) => {
    await onlyAllowed();
    const { complain, again } = await open(family);
    expect(await complain(about)).toBe(1);
    net.cloud.putPolicy('red', 'cut', { ingress: [rule('deny')] });
    net.cloud.deletePolicy('red', 'some');
    await net.sync();
    // Before any packet of the connection has met the new policy.
    expect(await complain(about, 'closed')).toBe(0);
    expect(await again('closed')).toBe(0);
    expect(await complain(about, 'closed')).toBe(0);
    net.cloud.deletePolicy('red', 'cut');
    await onlyAllowed();
    expect(await again()).toBe(1);
    expect(await complain(about)).toBe(1);
  });

  test.each(families)('IPv%i about nothing that was sent go nowhere', async (family) => {
    await onlyAllowed();
    const { mark, packet } = datagram(from, to, family, allowedPort);
    for (const about of ['port unreachable', 'too big'] as const)
      expect(await arrivals(to, from, [complaintFrame(ends(to, from, family), about, packet)], mark)).toEqual([]);
  });
});

test.each(families)('members of a private network reach each other by no way, IPv%i', async (family) => {
  const router = '0e:57:00:00:03:ec';
  for (const to of ['red/cell2', 'red/cell3']) {
    const { mark, frame } = datagram('red/cell1', to, family, allowedPort);
    expect(await arrivals('red/cell1', to, [frame], mark, 'closed')).toEqual([]);
    const routed = { ...ends('red/cell1', to, family), ethDst: router };
    const packet = ipPacket(routed, protocols.udp, udpSegment(routed, serial, allowedPort, mark));
    expect(await arrivals('red/cell1', to, [frameOf(routed, packet)], mark, 'closed')).toEqual([]);
  }
  // What is behind the gateway is reached.
  const outward = { ...ends('red/cell1', 'red/web3', family), ethDst: router };
  const mark = markOf();
  const packet = ipPacket(outward, protocols.udp, udpSegment(outward, serial, allowedPort, mark));
  await until(async () => (await arrivals('red/cell1', 'red/web3', [frameOf(outward, packet)], mark, 'closed')).length === 1);
});
