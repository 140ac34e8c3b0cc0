import { afterAll, beforeAll, expect, test } from 'vitest';
import { listenTcp, listenUdp, ping, requestUdp, transferTcp } from '../../src/lab/index.ts';
import { FlowLab } from '../support/flow-lab.ts';

/** Two hosts whose tunnels run over IPv6. */

let net: FlowLab;
beforeAll(async () => void (net = await FlowLab.start(['red/web1', 'red/web2', 'red/web3', 'red/db2'], 6)));
afterAll(() => net.stop());

test.each(['red/web2', 'red/web3', 'red/db2'])('%s is reached in both families', async (to) => {
  const listener = await listenUdp(net.lab, net.guest(to), 5000);
  for (const family of [4, 6] as const) {
    const address = net.address(to, family);
    expect((await ping(net.lab, net.guest('red/web1'), address, { intervalMs: 20 })).received).toBe(3);
    expect((await requestUdp(net.lab, net.guest('red/web1'), { address, port: 5000 }, 4000)).outcome).toBe('replied');
  }
  await listener.stop();
});

test('full-size TCP arrives whole', async () => {
  const listener = await listenTcp(net.lab, net.guest('red/web3'), 8082, 'digest');
  const to = { address: net.address('red/web3'), port: 8082 };
  expect((await transferTcp(net.lab, net.guest('red/web1'), to, 20_000_000)).outcome).toBe('complete');
  await listener.stop();
});

test('only hosts are believed', async () => {
  const stranger = net.lab.plan.underlay.address6;
  const { host } = net.guest('red/web1');
  net.cloud.putHost(host, stranger);
  await net.sync();
  const report = await ping(net.lab, net.guest('red/web1'), net.address('red/web3'), { intervalMs: 20, timeoutMs: 300 });
  expect(report.received).toBe(0);
  net.cloud.putHost(host, net.lab.host(host).encapIp);
  await net.sync();
  expect((await ping(net.lab, net.guest('red/web1'), net.address('red/web3'), { intervalMs: 20 })).received).toBe(3);
});
