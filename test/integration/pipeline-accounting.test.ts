import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { tables } from '../../flows/pipeline/index.ts';
import type { Rule } from '../../policies/model/kinds.ts';
import { connectTcp, listenTcp, listenUdp, openTcp, requestUdp, streamUdp } from '../../src/lab/index.ts';
import { UdpCaller } from '../support/udp-caller.ts';
import { FlowLab } from '../support/flow-lab.ts';

/** What the flows of `accounting` have counted, after real packets: the connections that each rule decided. */

let net: FlowLab;
beforeAll(async () => void (net = await FlowLab.start(['red/web1', 'red/web2', 'red/web3'])));
afterAll(() => net.stop());

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.stop()));
  net.cloud.deletePolicy('red', 'counted');
  net.cloud.setPosture('red', 'open');
  await net.sync();
});

async function policy(direction: 'ingress' | 'egress', ...rules: readonly Rule[]): Promise<readonly number[]> {
  net.cloud.putPolicy('red', 'counted', { [direction]: rules });
  await net.sync();
  return (net.cloud.documents.policyNumbers('red', 'counted')?.[direction] ?? []).map(({ id }) => id);
}

/** Packets by the number of the deciding rule, those of the posture under 0. Tenants' numbers are left out: only red has guests. */
async function counted(host: string): Promise<ReadonlyMap<number, number>> {
  await net.settle(host);
  const text = await net.lab.ofctl(host, ['dump-flows', 'br-int', `table=${tables.accounting.id}`]);
  const counts = new Map<number, number>();
  for (const [, packets, rule] of text.matchAll(/n_packets=(\d+).*metadata=(\w+)\/0xffffffff/g))
    counts.set(Number(rule), (counts.get(Number(rule)) ?? 0) + Number(packets));
  return counts;
}

const tcp = (action: Rule['action'], port: number): Rule => ({ action, services: [{ protocol: 'tcp', port }], log: false });
const udp = (action: Rule['action'], port: number): Rule => ({ action, services: [{ protocol: 'udp', port }], log: false });

/** Each caller's is new: a connection is remembered for longer than a test lasts. */
let callerPort = 7000;

test.each([
  ['ingress', 'red/web2'],
  ['ingress', 'red/web3'],
  ['egress', 'red/web2'],
  ['egress', 'red/web3'],
] as const)('each connection once, however many packets it has: %s, to %s', async (direction, to) => {
  const [streams = 0, datagrams = 0, unanswered = 0, passed = 0] = await policy(
    direction,
    tcp('allow', 9000),
    udp('allow', 9001),
    udp('allow', 9002),
    tcp('pass', 9003),
  );
  open.push(await listenTcp(net.lab, net.guest(to), 9000), await listenTcp(net.lab, net.guest(to), 9003));
  open.push(await listenUdp(net.lab, net.guest(to), 9001), await listenUdp(net.lab, net.guest(to), 9002, 'count'));
  const from = net.guest('red/web1');
  const at = (port: number) => ({ address: net.address(to), port });
  for (let index = 0; index < 3; index++) {
    const connection = await openTcp(net.lab, from, at(9000));
    for (let turn = 0; turn < 4; turn++) expect((await connection.exchange()).outcome).toBe('echoed');
    await connection.close();
  }
  expect((await requestUdp(net.lab, from, at(9001), 3000)).outcome).toBe('replied');
  expect((await requestUdp(net.lab, from, at(9001))).outcome).toBe('replied');
  expect((await connectTcp(net.lab, from, at(9003))).outcome).toBe('connected');
  const host = direction === 'ingress' ? net.guest(to).host : from.host;
  // Packets that the datapath takes in one batch with the first are all of a connection that it does not know yet.
  const caller = await UdpCaller.open(net.lab, from, ++callerPort, at(9002).address, 9002);
  caller.send();
  await expect.poll(async () => (await counted(host)).get(unanswered)).toBe(1);
  for (let turn = 0; turn < 20; turn++) {
    caller.send();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  caller.close();
  const counts = await counted(host);
  expect([streams, datagrams, unanswered].map((id) => counts.get(id))).toEqual([3, 2, 1]);
  expect(counts.has(passed)).toBe(false);
});

test.each(['ingress', 'egress'] as const)('each packet that would open a connection and is refused: %s', async (direction) => {
  const [refused = 0, rejected = 0] = await policy(direction, udp('deny', 9004), udp('reject', 9005));
  const from = net.guest('red/web1');
  for (const port of [9004, 9005]) {
    const stream = await streamUdp(net.lab, from, { address: net.address('red/web3'), port }, { intervalMs: 2, count: 20 });
    await expect.poll(async () => (await stream.count()).sent).toBe(20);
    await stream.stop();
  }
  const host = direction === 'ingress' ? net.guest('red/web3').host : from.host;
  const counts = async () =>
    [refused, rejected].map(
      (
        (found) => (id: number) =>
          found.get(id)
      )(await counted(host)),
    );
  await expect.poll(counts).toEqual([20, 20]);
});

test('what no rule decides is counted for the tenant', async () => {
  await policy('ingress');
  const from = net.guest('red/web1');
  const { host } = net.guest('red/web3');
  open.push(await listenUdp(net.lab, net.guest('red/web3'), 9006));
  const asked = (timeoutMs: number) => requestUdp(net.lab, from, { address: net.address('red/web3'), port: 9006 }, 32, timeoutMs);
  const before = (await counted(host)).get(0) ?? 0;
  expect((await asked(20_000)).outcome).toBe('replied');
  expect((await counted(host)).get(0)).toBe(before + 1);
  net.cloud.setPosture('red', 'zero-trust');
  net.cloud.putPolicy('red', 'counted', { egress: [{ action: 'allow', log: false }] });
  await net.sync();
  expect((await asked(300)).outcome).toBe('timeout');
  await expect.poll(async () => (await counted(host)).get(0)).toBeGreaterThan(before + 1);
});
