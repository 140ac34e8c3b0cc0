import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connectTcp, listenTcp, listenUdp, openTcp, requestUdp } from '../../src/lab/index.ts';
import { RejectLab } from '../support/reject-lab.ts';
import { UdpCaller } from '../support/udp-caller.ts';
import { until } from '../support/weir-client.ts';

/** What the sender of a rejected packet is told, by real packets. */

let net: RejectLab;
beforeAll(async () => void (net = await RejectLab.start()));
afterAll(() => net.stop());

const open: { stop(): Promise<unknown> }[] = [];
const policies: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.stop()));
  for (const name of policies.splice(0)) await net.lift(name);
});

async function policy(name: string, spec: object): Promise<void> {
  await net.policy(name, spec);
  policies.push(name);
}

const reject = (protocol: 'tcp' | 'udp' | 'sctp', port: number): object => ({ action: 'reject', services: [{ protocol, port }] });
const destinations = ['beside', 'away', 'routed', 'routed-beside'] as const;
const sides = ['ingress', 'egress'] as const;
const cases = sides.flatMap((side) => destinations.flatMap((to) => ([4, 6] as const).map((family) => [side, to, family] as const)));

describe('at once', () => {
  test.each(cases)('a TCP connection is refused: %s, to %s, IPv%i', async (side, to, family) => {
    await policy('refuse', { [side]: [reject('tcp', 7000)] });
    open.push(await listenTcp(net.lab, net.guest(to), 7000), await listenTcp(net.lab, net.guest(to), 7001));
    const at = (port: number) => ({ address: net.address(to, family), port });
    expect((await connectTcp(net.lab, net.guest('asker'), at(7000))).outcome).toBe('refused');
    expect((await connectTcp(net.lab, net.guest('asker'), at(7001))).outcome).toBe('connected');
    // Again, although the connection tracker may remember the first.
    expect((await connectTcp(net.lab, net.guest('asker'), at(7000))).outcome).toBe('refused');
  });

  test.each(cases)('a datagram is "administratively prohibited": %s, to %s, IPv%i', async (side, to, family) => {
    await policy('refuse', { [side]: [reject('udp', 7002)] });
    open.push(await listenUdp(net.lab, net.guest(to), 7002));
    const caller = await UdpCaller.open(net.lab, net.guest('asker'), 6000, net.address(to, family), 7002);
    try {
      caller.send();
      // What Linux makes of ICMP's code 13 and ICMPv6's code 1 (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1).
      expect(await caller.sees(family === 4 ? 'EHOSTUNREACH' : 'EACCES')).toBe(true);
    } finally {
      caller.close();
    }
  });
});

test.each(sides)('an echo request is told too, from the address that was asked: %s', async (side) => {
  await policy('refuse', { [side]: [{ action: 'reject', services: [{ protocol: 'icmp', type: 8 }] }] });
  const asked = net.address('routed');
  const { stdout } = await net.lab.execInGuest(net.guest('asker'), ['ping', '-n', '-c', '1', '-W', '20', asked]);
  expect(stdout).toMatch(new RegExp(`From ${asked.replaceAll('.', '\\.')} icmp_seq=1 Packet filtered`));
});

test.each(sides)('an open connection that comes to be rejected is reset at its opener: %s', async (side) => {
  open.push(await listenTcp(net.lab, net.guest('away'), 7003));
  const connection = await openTcp(net.lab, net.guest('asker'), { address: net.address('away'), port: 7003 });
  expect((await connection.exchange()).outcome).toBe('echoed');
  await policy('refuse', { [side]: [reject('tcp', 7003)] });
  expect((await connection.exchange(30_000)).outcome).toBe('closed');
  await connection.close();
});

test('what is allowed beside it goes on', async () => {
  open.push(await listenTcp(net.lab, net.guest('away'), 7004));
  const connection = await openTcp(net.lab, net.guest('asker'), { address: net.address('away'), port: 7004 });
  await policy('refuse', { ingress: [reject('tcp', 7005)] });
  for (let turn = 0; turn < 5; turn++) {
    expect((await connectTcp(net.lab, net.guest('asker'), { address: net.address('away'), port: 7005 })).outcome).toBe('refused');
    expect((await connection.exchange()).outcome).toBe('echoed');
  }
  await connection.close();
});

test('without a controller a reject is a deny', async () => {
  await policy('refuse', { ingress: [reject('tcp', 7006), reject('udp', 7006)] });
  open.push(await listenTcp(net.lab, net.guest('away'), 7006), await listenUdp(net.lab, net.guest('away'), 7006));
  const at = { address: net.address('away'), port: 7006 };
  await net.weir.pause();
  try {
    expect((await connectTcp(net.lab, net.guest('asker'), at)).outcome).toBe('timeout');
    expect((await requestUdp(net.lab, net.guest('asker'), at)).outcome).toBe('timeout');
  } finally {
    await net.weir.resume();
    await net.connected();
  }
  await expect.poll(async () => (await connectTcp(net.lab, net.guest('asker'), at)).outcome).toBe('refused');
});

test('without meters, and so without the flows that use them, a reject is a deny', async () => {
  await policy('refuse', { ingress: [reject('tcp', 7007)] });
  open.push(await listenTcp(net.lab, net.guest('away'), 7007), await listenTcp(net.lab, net.guest('away'), 7008));
  const connect = (port: number) => connectTcp(net.lab, net.guest('asker'), { address: net.address('away'), port });
  expect((await connect(7007)).outcome).toBe('refused');
  await net.weir.pause();
  try {
    await net.lab.ofctl('hv2', ['-O', 'OpenFlow15', 'del-meters', 'br-int']);
    expect((await connect(7007)).outcome).toBe('timeout');
    expect((await connect(7008)).outcome).toBe('connected');
  } finally {
    await net.weir.resume();
    await net.connected();
  }
  await expect.poll(async () => (await connect(7007)).outcome).toBe('refused');
});

test('what came up is counted by what became of it', async () => {
  await until(async () => (await net.weir.metric('weir_raised_packets_total', 'host="hv2",kind="reject",outcome="answered"')) > 0);
});
