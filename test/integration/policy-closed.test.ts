import { afterAll, beforeAll, expect, test } from 'vitest';
import { captureFrames, fetchAttachment, listenUdp, requestUdp } from '../../src/lab/index.ts';
import type { Guest, InterfaceRequest } from '../../src/lab/index.ts';
import { Flood } from '../support/flood.ts';
import { PolicyLab } from '../support/policy-lab.ts';
import type { RawDocument } from '../support/policy-oracle.ts';
import { until } from '../support/weir-client.ts';

/**
 * Nothing is ever briefly open. The tenant trusts everybody but on two ports, so that a rule that comes late, or a posture that
 * comes early, would show; datagrams to these ports go both ways without a pause while everything that can happen happens.
 */

let net: PolicyLab;
let near: Guest;
let far: Guest;
const [openPort, closedPort, formerPort] = [5000, 5001, 5002];
const mark = 'forbidden';
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const vm = (name: string, labels: Record<string, string>, item: object = {}): RawDocument => ({
  kind: 'Vm',
  metadata: { name, tenant: 'acme', labels },
  spec: { interfaces: [{ name: 'eth0', network: 'net', ...item }] },
});
const closed = [closedPort, formerPort].map((port) => ({ protocol: 'udp', port }));

beforeAll(async () => {
  net = await PolicyLab.start();
  await net.apply(
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'open' } },
    { kind: 'Network', metadata: { name: 'net', tenant: 'acme' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }] } },
    { kind: 'Group', metadata: { name: 'special', tenant: 'acme' }, spec: { selector: { matchLabels: { role: 'special' } } } },
    {
      kind: 'Policy',
      metadata: { name: 'special', tenant: 'acme' },
      spec: { order: 10, appliesTo: ['special'], ingress: [{ action: 'allow', services: [{ protocol: 'udp', port: formerPort }] }] },
    },
    { kind: 'Policy', metadata: { name: 'closed', tenant: 'acme' }, spec: { ingress: [{ action: 'deny', services: closed }] } },
    vm('near', {}),
    vm('far', {}),
    vm('guest', { role: 'special' }),
  );
  near = await net.run('acme', 'near', 'hv1');
  far = await net.run('acme', 'far', 'hv2');
});
afterAll(() => net.stop());

/** Floods between a guest and its neighbours on both hosts, and what arrives of them. */
class Siege {
  readonly #floods: Flood[] = [];
  readonly #watches: (() => Promise<number>)[] = [];

  static async lay(guest: Guest, name: string): Promise<Siege> {
    const siege = new Siege();
    for (const [peer, peerName] of [
      [near, 'near'],
      [far, 'far'],
    ] as const) {
      await net.acquaint(peer, 'acme', name);
      await net.acquaint(guest, 'acme', peerName);
      siege.#watches.push(await net.watch(peer, mark));
    }
    siege.#watches.push(await net.watch(guest, mark));
    for (const [peer, peerName] of [
      [near, 'near'],
      [far, 'far'],
    ] as const) {
      siege.#floods.push(await Flood.start(net.lab, guest, await net.address('acme', peerName), closedPort, mark));
      for (const family of [4, 6] as const)
        siege.#floods.push(await Flood.start(net.lab, peer, await net.address('acme', name, family), closedPort, mark));
    }
    return siege;
  }

  /** Whether everybody has tried hard, and what came through. */
  async lift(): Promise<{ readonly tried: boolean; readonly arrived: readonly number[] }> {
    await delay(200);
    const sent = await Promise.all(this.#floods.map((flood) => flood.stop()));
    return { tried: sent.every((count) => count > 100), arrived: await Promise.all(this.#watches.map((watch) => watch())) };
  }
}

const nothing = { tried: true, arrived: [0, 0, 0] };

async function plugged(name: string): Promise<Guest> {
  return net.lab.plugGuest(await fetchAttachment({ server: net.weir.url, tenant: 'acme', vm: name }));
}

const active = (name: string): Promise<unknown> => until(async () => (await net.weir.vm('acme', name)).status.phase === 'active');

/** What is allowed passes: the switches have done what they were told. */
async function expectOpen(guest: Guest, name: string): Promise<void> {
  const listener = await listenUdp(net.lab, guest, openPort);
  const address = await net.address('acme', name);
  for (const from of [near, far])
    await until(async () => (await requestUdp(net.lab, from, { address, port: openPort }, 32, 200)).outcome === 'replied');
  await listener.stop();
}

const port = (guest: Guest): Guest['interfaces'][number] => {
  const [item] = guest.interfaces;
  if (!item) throw new Error('a guest has an interface');
  return item;
};

async function replug(guest: Guest): Promise<void> {
  const { port: device, portId } = port(guest);
  await net.lab.vsctl(guest.host, ['del-port', 'br-int', device]);
  await delay(30);
  await net.lab.vsctl(guest.host, ['add-port', 'br-int', device, '--', 'set', 'Interface', device, `external_ids:iface-id=${portId}`]);
}

let guest: Guest;

test('a port that is there before its VM is started', async () => {
  await net.start('acme', 'guest', 'hv1');
  const request = await fetchAttachment({ server: net.weir.url, tenant: 'acme', vm: 'guest' });
  await net.weir.must('POST', '/v1/tenants/acme/vms/guest/stop');
  guest = await net.lab.plugGuest(request);
  const siege = await Siege.lay(guest, 'guest');
  await delay(100);
  await net.start('acme', 'guest', 'hv1');
  await active('guest');
  await expectOpen(guest, 'guest');
  expect(await siege.lift()).toEqual(nothing);
});

test('plugged, unplugged, stopped and started, again and again', async () => {
  const siege = await Siege.lay(guest, 'guest');
  for (let round = 0; round < 5; round++) {
    await replug(guest);
    await active('guest');
    await net.weir.must('POST', '/v1/tenants/acme/vms/guest/stop');
    await net.start('acme', 'guest', 'hv1');
    await active('guest');
  }
  await expectOpen(guest, 'guest');
  expect(await siege.lift()).toEqual(nothing);
});

test.each(['kill', 'graceful'] as const)('vswitchd started again on both hosts: %s', async (manner) => {
  const siege = await Siege.lay(guest, 'guest');
  for (const host of ['hv1', 'hv2']) await net.lab.restartVswitchd(host, manner);
  await expectOpen(guest, 'guest');
  expect(await siege.lift()).toEqual(nothing);
});

test('the controller goes and comes back, alone and with a switch that lost its flows meanwhile', async () => {
  const siege = await Siege.lay(guest, 'guest');
  await net.weir.pause();
  await delay(100);
  await net.weir.resume();
  await net.connected();
  await net.weir.pause();
  await net.lab.restartVswitchd('hv1', 'kill');
  await net.weir.resume();
  await net.connected();
  await expectOpen(guest, 'guest');
  expect(await siege.lift()).toEqual(nothing);
});

test('moved to the other host and back', async () => {
  for (const host of ['hv2', 'hv1']) {
    await net.weir.must('POST', '/v1/tenants/acme/vms/guest/stop');
    await net.lab.unplugGuest(guest);
    // The port is there first.
    await net.start('acme', 'guest', host);
    const moved = await plugged('guest');
    const siege = await Siege.lay(moved, 'guest');
    await active('guest');
    await expectOpen(moved, 'guest');
    expect(await siege.lift()).toEqual(nothing);
    guest = moved;
  }
});

test('the address and the MAC of a VM whose connections were allowed, at once with another', async () => {
  // These connections are open when their VM goes; the floods do not stop.
  const floods = await Promise.all(
    (
      [
        [near, 4],
        [near, 6],
        [far, 4],
        [far, 6],
      ] as const
    ).map(async ([from, family]) => Flood.start(net.lab, from, await net.address('acme', 'guest', family), formerPort, mark)),
  );
  const capture = await captureFrames(net.lab, guest);
  await until(() => capture.frames().filter((frame) => frame.includes(mark)).length > 50);
  await capture.stop();
  const { mac, addresses }: InterfaceRequest = port(guest);
  await net.lab.unplugGuest(guest);
  await net.weir.must('DELETE', '/v1/tenants/acme/vms/guest');
  await net.apply(vm('heir', {}, { mac, addresses: addresses.map(({ address }) => address) }));
  await net.start('acme', 'heir', 'hv1');
  const heir = await plugged('heir');
  const watch = await net.watch(heir, mark);
  const siege = await Siege.lay(heir, 'heir');
  await active('heir');
  await expectOpen(heir, 'heir');
  expect(await siege.lift()).toEqual(nothing);
  for (const flood of floods) expect(await flood.stop()).toBeGreaterThan(100);
  expect(await watch()).toBe(0);
});
