import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Rule } from '../../policies/model/kinds.ts';
import {
  connectTcp,
  injectVxlan,
  listenTcp,
  listenUdp,
  openTcp,
  ping,
  requestUdp,
  startPing,
  streamReplies,
  transferTcp,
} from '../../src/lab/index.ts';
import type { Listener } from '../../src/lab/index.ts';
import { until } from '../support/weir-client.ts';
import { measuredWithin } from '../support/measured-rate.ts';
import { FlowLab } from '../support/flow-lab.ts';
import { arpAnnouncementFrame, portUnreachableFrame, udpFrame } from '../support/raw-frames.ts';
import { UdpCaller } from '../support/udp-caller.ts';

/** Real packets through the rendered flows, on two hosts, without a controller. */

let net: FlowLab;
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => void (net = await FlowLab.start(['red/web1', 'red/web2', 'red/web3', 'red/db2', 'blue/web1', 'blue/web2'])));
afterAll(() => net.stop());

const echoPort = 5000;
const listening: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(listening.splice(0).map((listener) => listener.stop()));
  for (const name of policies.splice(0)) net.cloud.deletePolicy('red', name);
  net.cloud.setPosture('red', 'open');
  await net.sync();
});

async function serveUdp(name: string, port = echoPort): Promise<void> {
  listening.push(await listenUdp(net.lab, net.guest(name), port));
}
async function serveTcp(name: string, port: number, service?: 'digest'): Promise<Listener> {
  const listener = await listenTcp(net.lab, net.guest(name), port, service);
  listening.push(listener);
  return listener;
}

const policies: string[] = [];
async function policy(name: string, rules: { readonly ingress?: readonly Rule[]; readonly egress?: readonly Rule[] }): Promise<void> {
  net.cloud.putPolicy('red', name, rules);
  policies.push(name);
  await net.sync();
}
async function lift(name: string): Promise<void> {
  net.cloud.deletePolicy('red', name);
  policies.splice(policies.indexOf(name), 1);
  await net.sync();
}
const denied: readonly Rule[] = [{ action: 'deny', log: false }];
const allowed = (protocol: 'udp' | 'tcp', port: number): readonly Rule[] => [
  { action: 'allow', services: [{ protocol, port }], log: false },
];
const sides = ['egress', 'ingress'] as const;

const ask = (from: string, to: string, options: { readonly family?: 4 | 6; readonly bytes?: number; readonly port?: number } = {}) =>
  requestUdp(net.lab, net.guest(from), { address: net.address(to, options.family), port: options.port ?? echoPort }, options.bytes);

describe('reach', () => {
  test.each([4, 6] as const)('on one host, on two, and routed, IPv%i', async (family) => {
    for (const to of ['red/web2', 'red/web3', 'red/db2']) {
      await serveUdp(to);
      expect((await ask('red/web1', to, { family })).outcome).toBe('replied');
      expect((await ping(net.lab, net.guest('red/web1'), net.address(to, family), { intervalMs: 20 })).received).toBe(3);
    }
  });

  test('tenants with the same addresses stay apart', async () => {
    await serveUdp('red/web2');
    expect((await ask('red/web1', 'red/web2')).outcome).toBe('replied');
    // Blue's has the same address, but nobody listens there.
    expect((await ask('blue/web1', 'blue/web2')).outcome).toBe('refused');
  });

  test.each([4, 6] as const)('a router takes one hop off, IPv%i', async (family) => {
    const ttl = async (to: string): Promise<string | undefined> => {
      const result = await net.lab.execInGuest(net.guest('red/web1'), ['ping', '-n', '-c', '1', '-W', '1', net.address(to, family)]);
      return /ttl=(\d+)/.exec(result.stdout)?.[1];
    };
    expect(await ttl('red/web3')).toBe('64');
    expect(await ttl('red/db2')).toBe('63');
  });

  test('a packet of one hop is dropped at the router, and nothing else suffers', async () => {
    const oneHop = await net.lab.execInGuest(net.guest('red/web1'), [
      'ping',
      '-n',
      '-c',
      '2',
      '-t',
      '1',
      '-W',
      '0.5',
      net.address('red/db2'),
    ]);
    expect(oneHop.stdout).toContain(' 0 received');
    expect((await ping(net.lab, net.guest('red/web1'), net.address('red/db2'), { intervalMs: 20 })).received).toBe(3);
  });

  test('the gateway answers echo requests', async () => {
    for (const gateway of ['10.0.1.1', 'fd00:0:0:1::1', '10.0.2.1'])
      expect((await ping(net.lab, net.guest('red/web1'), gateway, { intervalMs: 20 })).received).toBe(3);
  });

  test.each(['red/web2', 'red/web3', 'red/db2'])('full-size TCP to %s arrives whole', async (to) => {
    await serveTcp(to, 8082, 'digest');
    const sent = await transferTcp(net.lab, net.guest('red/web1'), { address: net.address(to), port: 8082 }, 20_000_000);
    expect(sent).toMatchObject({ outcome: 'complete', bytesReceived: 20_000_000 });
    expect(
      (await ping(net.lab, net.guest('red/web1'), net.address(to), { bytes: 1422, dontFragment: true, intervalMs: 20 })).received,
    ).toBe(3);
  });
});

describe('a connection that is denied is cut, and goes on when it is allowed', () => {
  test.each(sides)('TCP, by %s', async (side) => {
    await serveTcp('red/web3', 8084);
    const connection = await openTcp(net.lab, net.guest('red/web1'), { address: net.address('red/web3'), port: 8084 });
    expect((await connection.exchange()).outcome).toBe('echoed');
    await policy('cut', { [side]: denied });
    expect((await connection.exchange(400)).outcome).toBe('timeout');
    await lift('cut');
    expect((await connection.exchange(30_000)).outcome).toBe('echoed');
    await connection.close();
  });

  test.each(sides.flatMap((side) => (['red/web2', 'red/web3'] as const).map((server) => [side, server] as const)))(
    'UDP of which only replies flow, by %s, from %s',
    async (side, server) => {
      const to = { address: net.address(server), port: 5100 };
      const stream = await streamReplies(net.lab, net.guest(server), net.guest('red/web1'), to);
      const received = async (): Promise<number> => (await stream.count()).received;
      const flows = async (): Promise<void> => {
        const before = await received();
        await until(async () => (await received()) > before + 10);
      };
      await flows();
      await policy('cut', { [side]: denied });
      // What had passed before arrives when the guest gets its turn.
      await until(async () => {
        const before = await received();
        await delay(300);
        return (await received()) === before;
      });
      await lift('cut');
      await flows();
      await stream.stop();
    },
  );
});

describe('ICMP errors', () => {
  test.each(['red/web2', 'red/web3', 'red/db2'])('a closed port of %s is told to an allowed sender, and to no other', async (to) => {
    net.cloud.setPosture('red', 'zero-trust');
    await policy('some', { egress: allowed('udp', echoPort), ingress: allowed('udp', echoPort) });
    expect((await ask('red/web1', to)).outcome).toBe('refused');
    expect((await ask('red/web1', to, { family: 6 })).outcome).toBe('refused');
    expect((await ask('red/web1', to, { port: echoPort + 1 })).outcome).toBe('timeout');
  });

  test.each(sides)('are cut with their connection, by %s', async (side) => {
    const [from, to] = ['red/web1', 'red/web3'] as const;
    const ends = { ethSrc: net.mac(to), ethDst: net.mac(from), source: net.address(to), destination: net.address(from) };
    const complain = (): Promise<void> => net.inject(to, portUnreachableFrame(ends, 7777, echoPort));
    await serveUdp(to);
    const caller = await UdpCaller.open(net.lab, net.guest(from), 7777, net.address(to), echoPort);
    caller.send();
    expect(await caller.sees('reply')).toBe(true);
    await complain();
    expect(await caller.sees('ECONNREFUSED')).toBe(true);
    await policy('cut', { [side]: denied });
    caller.send();
    expect(await caller.sees('reply', 300)).toBe(false);
    await complain();
    expect(await caller.sees('ECONNREFUSED', 300)).toBe(false);
    await lift('cut');
    caller.send();
    expect(await caller.sees('reply')).toBe(true);
    await complain();
    expect(await caller.sees('ECONNREFUSED')).toBe(true);
    caller.close();
  });
});

describe('datagrams in fragments', () => {
  test.each(['red/web2', 'red/web3', 'red/db2'])('of 4,000 bytes pass to a port that is allowed at %s, and to no other', async (to) => {
    net.cloud.setPosture('red', 'zero-trust');
    await policy('some', { egress: allowed('udp', echoPort), ingress: allowed('udp', echoPort) });
    await serveUdp(to);
    await serveUdp(to, echoPort + 1);
    for (const family of [4, 6] as const) {
      expect((await ask('red/web1', to, { family, bytes: 4000 })).outcome).toBe('replied');
      const arrived = await countAtReceiver(to, family === 4 ? 'ip' : 'ipv6');
      expect((await ask('red/web1', to, { family, bytes: 4000, port: echoPort + 1 })).outcome).toBe('timeout');
      expect(await arrived()).toBe(0);
      expect((await ask('red/web1', to, { family })).outcome).toBe('replied');
    }
  });
});

describe('QoS', () => {
  test.each(sides)('20 Mbit/s of %s are 20 Mbit/s', async (side) => {
    const [from, to] = side === 'egress' ? ['red/web1', 'red/web3'] : ['red/web3', 'red/web1'];
    net.cloud.putGroup('red', 'slow', 'web1');
    net.cloud.putQos('red', 'slow', { appliesTo: ['slow'], [side]: { maxMbps: 20 } });
    await net.sync();
    const options = { protocol: 'udp', offeredMbps: 60, seconds: 3 } as const;
    await measuredWithin(net.lab, net.guest(from ?? ''), net.guest(to ?? ''), net.address(to ?? ''), options, [17, 23]);
    net.cloud.putQos('red', 'slow', { appliesTo: ['slow'] });
  });

  test('DSCP is on the packets, the guest’s own is not', async () => {
    net.cloud.putGroup('red', 'voice', 'web1');
    net.cloud.putQos('red', 'voice', { appliesTo: ['voice'], dscp: 46 });
    await net.sync();
    const counted = await countAtReceiver('red/web3', 'ip,nw_tos=184');
    const marked = ['ping', '-n', '-c', '5', '-i', '0.05', '-W', '1', '-Q', '32', net.address('red/web3')];
    await net.lab.execInGuest(net.guest('red/web1'), marked);
    expect(await counted()).toBe(5);
    net.cloud.putQos('red', 'voice', { appliesTo: ['voice'] });
    await net.sync();
    const own = await countAtReceiver('red/web3', 'ip,nw_tos=32');
    await net.lab.execInGuest(net.guest('red/web1'), marked);
    expect(await own()).toBe(5);
  });
});

/** Counts packets of a kind where the receiver's host hands them over, from now on. */
async function countAtReceiver(name: string, match: string): Promise<() => Promise<number>> {
  const { host } = net.guest(name);
  const output = `table=50,${match},metadata=0/0,dl_dst=${net.mac(name)}`;
  const count = async (): Promise<number> => {
    await net.settle(host);
    const text = await net.lab.ofctl(host, ['dump-flows', 'br-int', output]);
    return Number(/n_packets=(\d+)/.exec(text)?.[1]);
  };
  await net.lab.ofctl(host, ['add-flow', 'br-int', `priority=100,${output},actions=output:${net.port(name)}`]);
  // The datapath counts by the flows that it knew when the packets passed.
  const before = await count();
  return async () => {
    const counted = (await count()) - before;
    await net.lab.ofctl(host, ['--strict', 'del-flows', 'br-int', `priority=100,${output}`]);
    return counted;
  };
}

test('a VXLAN packet is taken from hosts only', async () => {
  const ends = {
    ethSrc: net.mac('red/web1'),
    ethDst: net.mac('red/web3'),
    source: net.address('red/web1'),
    destination: net.address('red/web3'),
  };
  const sink = await listenUdp(net.lab, net.guest('red/web3'), 5200, 'count');
  const intrude = async (): Promise<() => Promise<number>> => {
    const before = (await sink.count()).received;
    for (let packet = 0; packet < 3; packet++) await injectVxlan(net.lab, net.guest('red/web3').host, 1001, udpFrame(ends, 7000, 5200));
    await delay(200);
    return async () => (await sink.count()).received - before;
  };
  expect(await (await intrude())()).toBe(0);
  // The same packets of the same sender, once its address is that of the sender's host.
  const { host } = net.guest('red/web1');
  net.cloud.putHost(host, net.lab.plan.underlay.address);
  await net.sync();
  await expect.poll(await intrude()).toBe(3);
  net.cloud.putHost(host, net.lab.host(host).encapIp);
  await net.sync();
  expect(await (await intrude())()).toBe(0);
  await sink.stop();
});

describe('neighbours', () => {
  test('are asked again and again, by unicast too, and never lost', async () => {
    const guest = net.guest('red/web1');
    const hasty = ['ipv4', 'ipv6'].flatMap((family) => [
      `echo 500 > /proc/sys/net/${family}/neigh/eth0/base_reachable_time_ms`,
      `echo 1 > /proc/sys/net/${family}/neigh/eth0/delay_first_probe_time`,
    ]);
    await net.lab.execInGuest(guest, ['sh', '-c', hasty.join(';')]);
    const pings = ([4, 6] as const).flatMap((family) =>
      ['red/web2', 'red/web3', 'red/db2'].map((to) => startPing(net.lab, guest, net.address(to, family), { intervalMs: 100 })),
    );
    await delay(8_000);
    for (const running of pings) expect(await running.stop()).toMatchObject({ missing: [] });
    const known = (await net.lab.execInGuest(guest, ['ip', 'neigh', 'show', 'dev', 'eth0'])).stdout;
    expect(known).not.toMatch(/FAILED|INCOMPLETE/);
  });

  test('a guest that makes sure of its own address keeps it', async () => {
    const guest = net.guest('red/web2');
    const address = `${net.address('red/web2', 6)}/64`;
    const script = [
      'echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_dad',
      `ip address delete ${address} dev eth0`,
      `ip address add ${address} dev eth0`,
      'for turn in $(seq 300); do ip -6 address show dev eth0 | grep -q tentative || break; sleep 0.1; done',
      'ip -6 address show dev eth0',
    ];
    const { stdout } = await net.lab.execInGuest(guest, ['sh', '-c', script.join(';')]);
    expect(stdout).toContain(address);
    expect(stdout).not.toMatch(/tentative|dadfailed/);
    expect((await ping(net.lab, guest, net.address('red/web3', 6), { intervalMs: 20 })).received).toBe(3);
  });

  test('a guest that announces itself goes on, and so do the others', async () => {
    const running = startPing(net.lab, net.guest('red/web1'), net.address('red/web2'), { intervalMs: 20 });
    for (let count = 0; count < 5; count++) {
      await net.inject('red/web2', arpAnnouncementFrame(net.mac('red/web2'), net.address('red/web2')));
      await delay(50);
    }
    expect(await running.stop()).toMatchObject({ missing: [] });
    expect((await ping(net.lab, net.guest('red/web2'), net.address('red/web3'), { intervalMs: 20 })).received).toBe(3);
  });
});

test('what is not allowed stays silent: TCP', async () => {
  net.cloud.setPosture('red', 'zero-trust');
  await policy('some', { egress: allowed('tcp', 8090), ingress: allowed('tcp', 8090) });
  await serveTcp('red/web3', 8090);
  await serveTcp('red/web3', 8091);
  const to = (port: number) => ({ address: net.address('red/web3'), port });
  expect((await connectTcp(net.lab, net.guest('red/web1'), to(8090))).outcome).toBe('connected');
  expect((await connectTcp(net.lab, net.guest('red/web1'), to(8091), 500)).outcome).toBe('timeout');
});
