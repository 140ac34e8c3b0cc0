import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  connectTcp,
  type Guest,
  injectVxlan,
  type Lab,
  listenTcp,
  listenUdp,
  measureRate,
  openTcp,
  ping,
  requestUdp,
  sendSpoofed,
  startLab,
  startPing,
  streamReplies,
  streamUdp,
  transferTcp,
  withMac,
} from '../../src/lab/index.ts';
import { measuredWithin } from '../support/measured-rate.ts';
import { block, bridgeHosts, plugNumber } from '../support/plain-bridge.ts';
import { settled } from '../support/settled.ts';
import { until } from '../support/weir-client.ts';

/** The probes tell the truth: each sees traffic that passes, and sees it stop at a flow that drops it. */

const directory = mkdtempSync(join(tmpdir(), 'weir-lab-'));
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
let lab: Lab;
let a: Guest;
let b: Guest;

beforeAll(async () => {
  lab = await startLab({ hosts: 2, directory, managers: [] });
  await bridgeHosts(lab);
  [a, b] = await Promise.all([plugNumber(lab, 1, 'hv1'), plugNumber(lab, 2, 'hv2')]);
});

afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});

describe('ping', () => {
  test('sees replies in both families, and none behind a drop', async () => {
    expect(await ping(lab, a, '10.0.0.2', { intervalMs: 20 })).toMatchObject({ sent: 3, received: 3, lossPercent: 0, missing: [] });
    expect(await ping(lab, a, 'fd00:10::2', { intervalMs: 20 })).toMatchObject({ sent: 3, received: 3 });
    const pass = await block(lab, 'hv2', 'icmp');
    expect(await ping(lab, a, '10.0.0.2', { intervalMs: 20, timeoutMs: 200 })).toMatchObject({
      sent: 3,
      received: 0,
      lossPercent: 100,
      rttMsMax: null,
      missing: [1, 2, 3],
    });
    await pass();
  });

  test('fills the MTU of 1450 and not a byte more', async () => {
    expect((await ping(lab, a, '10.0.0.2', { bytes: 1422, dontFragment: true, intervalMs: 20 })).received).toBe(3);
    expect((await ping(lab, a, '10.0.0.2', { bytes: 1423, dontFragment: true, intervalMs: 20, timeoutMs: 200 })).received).toBe(0);
  });

  test('runs until it is stopped and counts exactly what an outage cost', async () => {
    const steady = startPing(lab, a, '10.0.0.2');
    await until(() => steady.answered >= 20);
    expect(await steady.stop()).toMatchObject({ lossPercent: 0, missing: [] });
    const running = startPing(lab, a, '10.0.0.2');
    await until(() => running.answered >= 10);
    const pass = await block(lab, 'hv2', 'icmp');
    await delay(300);
    await pass();
    const before = running.answered;
    await until(() => running.answered >= before + 10);
    const report = await running.stop();
    expect(report.missing.length).toBeGreaterThan(0);
    expect(report.received).toBeGreaterThanOrEqual(20);
    expect(report.sent).toBe(report.received + report.missing.length);
    expect(report.gapMsMax).toBeGreaterThan(200);
  });
});

describe('TCP', () => {
  test('connects, is refused where nobody listens, and times out behind a drop', async () => {
    const listener = await listenTcp(lab, b, 8080);
    expect((await connectTcp(lab, a, { address: '10.0.0.2', port: 8080 })).outcome).toBe('connected');
    expect((await connectTcp(lab, a, { address: 'fd00:10::2', port: 8080 })).outcome).toBe('connected');
    expect((await connectTcp(lab, a, { address: '10.0.0.2', port: 8081 })).outcome).toBe('refused');
    const pass = await block(lab, 'hv1', 'tcp,tp_dst=8080');
    const blocked = await connectTcp(lab, a, { address: '10.0.0.2', port: 8080 }, 300);
    expect(blocked.outcome).toBe('timeout');
    expect((await connectTcp(lab, a, { address: 'fd00:10::2', port: 8080 })).outcome).toBe('connected');
    await pass();
    await listener.stop();
    expect((await connectTcp(lab, a, { address: '10.0.0.2', port: 8080 })).outcome).toBe('refused');
  });

  test('transfers are checked end to end', async () => {
    const listener = await listenTcp(lab, b, 8082, 'digest');
    const to = { address: '10.0.0.2', port: 8082 };
    expect(await transferTcp(lab, a, to, 20_000_000)).toMatchObject({ outcome: 'complete', bytesReceived: 20_000_000 });
    expect(await transferTcp(lab, a, to, 0)).toMatchObject({ outcome: 'complete', bytesReceived: 0 });
    const pass = await block(lab, 'hv2', 'tcp,tp_dst=8082');
    expect((await transferTcp(lab, a, to, 1000, 300)).outcome).toBe('timeout');
    await pass();
    const echo = await listenTcp(lab, b, 8083, 'echo');
    expect((await transferTcp(lab, a, { ...to, port: 8083 }, 1000)).outcome).toBe('corrupt');
    await Promise.all([listener.stop(), echo.stop()]);
  });

  test('an open connection tells when it is cut, and when it is whole again', async () => {
    const listener = await listenTcp(lab, b, 8084);
    const connection = await openTcp(lab, a, { address: '10.0.0.2', port: 8084 });
    expect((await connection.exchange()).outcome).toBe('echoed');
    const pass = await block(lab, 'hv2', 'tcp');
    expect((await connection.exchange(300)).outcome).toBe('timeout');
    await pass();
    expect((await connection.exchange(30_000)).outcome).toBe('echoed');
    await listener.stop();
    expect((await connection.exchange()).outcome).toBe('closed');
    await connection.close();
    await expect(openTcp(lab, a, { address: '10.0.0.2', port: 8084 })).rejects.toMatchObject({ code: 'not-connected' });
  });
});

describe('UDP', () => {
  test('requests are answered, whole and in fragments', async () => {
    const listener = await listenUdp(lab, b, 5300);
    for (const address of ['10.0.0.2', 'fd00:10::2']) {
      for (const bytes of [32, 4000]) expect((await requestUdp(lab, a, { address, port: 5300 }, bytes)).outcome).toBe('replied');
    }
    expect((await requestUdp(lab, a, { address: '10.0.0.2', port: 5301 })).outcome).toBe('refused');
    const pass = await block(lab, 'hv2', 'ip,nw_frag=later');
    expect((await requestUdp(lab, a, { address: '10.0.0.2', port: 5300 }, 4000, 300)).outcome).toBe('timeout');
    expect((await requestUdp(lab, a, { address: '10.0.0.2', port: 5300 }, 32)).outcome).toBe('replied');
    await pass();
    expect((await listener.stop()).received).toBeGreaterThan(4);
  });

  test('a stream one way is counted where it arrives', async () => {
    const sink = await listenUdp(lab, b, 5302, 'count');
    const stream = await streamUdp(lab, a, { address: '10.0.0.2', port: 5302 }, { count: 50, intervalMs: 2 });
    await until(async () => (await sink.count()).received >= 50);
    expect((await stream.stop()).sent).toBe(50);
    expect(await sink.stop()).toMatchObject({ received: 50, bySource: { '10.0.0.1': 50 } });
  });

  test('replies alone flow until a drop, and the timeline shows it', async () => {
    const replies = await streamReplies(lab, b, a, { address: '10.0.0.2', port: 5303 });
    await until(async () => (await replies.count()).received > 15);
    expect((await replies.count()).sent).toBe(1);
    const pass = await block(lab, 'hv1', 'udp,tp_src=5303');
    // What had passed before arrives when the guest gets its turn.
    const after = await until(async () => {
      const cut = await replies.count();
      await delay(300);
      const later = await replies.count();
      return later.received === cut.received ? later : undefined;
    });
    expect(after.idleMs).toBeGreaterThan(250);
    expect(after.timeline.at(-2)).toBe(0);
    await pass();
    await until(async () => (await replies.count()).received > after.received);
    await replies.stop();
  });

  test('a false source address and a false MAC go out as they are, and a drop stops them', async () => {
    const to = { address: '10.0.0.2', port: 5304 };
    expect(await sendSpoofed(lab, a, '10.0.0.99', b, to)).toEqual({ sent: 5, received: 5 });
    const pass = await block(lab, 'hv1', 'ip,nw_src=10.0.0.99');
    expect(await sendSpoofed(lab, a, '10.0.0.99', b, to)).toEqual({ sent: 5, received: 0 });
    expect((await ping(lab, a, '10.0.0.2', { count: 1 })).received).toBe(1);
    await pass();
    const admit = await block(lab, 'hv1', 'dl_src=02:aa:00:00:00:77');
    await withMac(a, '02:aa:00:00:00:77', async () => {
      expect((await ping(lab, a, '10.0.0.2', { count: 1, timeoutMs: 200 })).received).toBe(0);
    });
    await admit();
    expect((await ping(lab, a, '10.0.0.2', { count: 2 })).received).toBeGreaterThan(0);
  });
});

test('an intruder in the underlay reaches a host that takes tunnel packets from anybody', async () => {
  const sink = await listenUdp(lab, b, 5305, 'count');
  const inject = (): Promise<void> => injectVxlan(lab, 'hv2', 77, datagramTo('02:aa:00:00:00:02', '10.0.0.66', '10.0.0.2', 5305));
  await inject();
  await delay(100);
  expect((await sink.count()).received).toBe(0);
  await lab.vsctl('hv2', [
    'add-port',
    'br-int',
    'open',
    '--',
    'set',
    'Interface',
    'open',
    'type=vxlan',
    'options:remote_ip=flow',
    'options:key=flow',
  ]);
  await settled(lab, 'hv2');
  await inject();
  await until(async () => (await sink.count()).received > 0);
  await lab.vsctl('hv2', ['del-port', 'open']);
  expect((await sink.stop()).bySource).toEqual({ '10.0.0.66': 1 });
});

/** An Ethernet frame with a UDP datagram of four bytes, without a UDP checksum. */
function datagramTo(mac: string, source: string, destination: string, port: number): Buffer {
  const octets = (text: string): number[] => text.split('.').map(Number);
  const ip = Buffer.from([0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, ...octets(source), ...octets(destination)]);
  let sum = 0;
  for (let offset = 0; offset < ip.length; offset += 2) sum += ip.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  ip.writeUInt16BE(~sum & 0xffff, 10);
  const udp = Buffer.from([0x80, 0, port >> 8, port & 255, 0, 12, 0, 0, 1, 2, 3, 4]);
  return Buffer.concat([Buffer.from(mac.replaceAll(':', ''), 'hex'), Buffer.from('02ee000000010800', 'hex'), ip, udp]);
}

describe('rate', () => {
  test('TCP in both directions, and UDP as offered', async () => {
    expect((await measureRate(lab, a, b, '10.0.0.2', { seconds: 1 })).receivedMbps).toBeGreaterThan(0);
    expect((await measureRate(lab, a, b, '10.0.0.2', { seconds: 1, reverse: true })).receivedMbps).toBeGreaterThan(0);
    await measuredWithin(lab, a, b, '10.0.0.2', { seconds: 1, protocol: 'udp', offeredMbps: 20 }, [15, 25]);
  });

  test('a meter shows', async () => {
    await lab.ofctl('hv1', ['-O', 'OpenFlow13', 'add-meter', 'br-int', 'meter=1,kbps,burst,band=type=drop,rate=10000,burst_size=1000']);
    await lab.ofctl('hv1', [
      '-O',
      'OpenFlow13',
      'add-flow',
      'br-int',
      `priority=100,in_port=${a.interfaces[0]?.port},udp,actions=meter:1,NORMAL`,
    ]);
    const metered = await measuredWithin(lab, a, b, '10.0.0.2', { seconds: 2, protocol: 'udp', offeredMbps: 60 }, [8, 13]);
    expect(metered.lostPercent).toBeGreaterThan(0);
  });

  test('nothing gets through a drop', async () => {
    const pass = await block(lab, 'hv1', 'tcp');
    await expect(measureRate(lab, a, b, '10.0.0.2', { seconds: 1 })).rejects.toMatchObject({ code: 'command-failed' });
    await pass();
  });
});
