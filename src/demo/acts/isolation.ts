import { captureFrames, injectVxlan, listenUdp, sendFrames, streamUdp } from '../../lab/index.ts';
import { type Act, awaited, delay, type Row, same } from '../act.ts';
import type { Player } from '../cast.ts';
import { datagram } from '../frames.ts';
import { ask } from '../probe.ts';
import type { World } from '../world.ts';

/** VMs with one address, and a caller in each tenant, which have one address too: each reaches its own. */
const twins = ['acme/web-1', 'globex/web-1'] as const;
const calls = [
  { caller: 'acme/web-2', callee: 'acme/web-1', count: 20 },
  { caller: 'globex/bulk-1', callee: 'globex/web-1', count: 30 },
] as const;
const port = 8088;

export const isolation: Act = {
  title: 'Tenants with the same addresses do not meet',
  play: async (world) => [
    same(`address of ${twins.join(' and ')}`, world.address(twins[0]), world.address(twins[1])),
    ...(await callEach(world)),
    ...(await ask(world, [
      { from: 'acme/web-1', to: 'globex/lab-1', via: 'tcp/8080', expected: 'silence', because: 'another tenant' },
      { from: 'acme/web-1', to: 'globex/lab-1', via: 'ping', expected: 'silence', because: 'another tenant' },
      { from: 'globex/web-1', to: 'globex/lab-1', via: 'ping', expected: 'silence', because: 'no router' },
    ])),
    ...(await intrude(world)),
  ],
};

async function callEach(world: World): Promise<Row[]> {
  const { lab } = world;
  const counters = await Promise.all(calls.map(({ callee }) => listenUdp(lab, world.guest(callee), port, 'count')));
  const streams = await Promise.all(
    calls.map(({ caller, callee, count }) =>
      streamUdp(lab, world.guest(caller), { address: world.address(callee), port }, { count, intervalMs: 5 }),
    ),
  );
  await awaited(async () => {
    const counted = await Promise.all(counters.map((counter) => counter.count()));
    return calls.every(({ count }, index) => (counted[index]?.received ?? 0) >= count) || undefined;
  });
  await Promise.all(streams.map((stream) => stream.stop()));
  const received = await Promise.all(counters.map((counter) => counter.stop()));
  return calls.map(({ caller, callee, count }, index) =>
    same(
      `${caller} sends ${count} datagrams to ${world.address(callee)}`,
      `${callee} gets ${count}`,
      `${callee} gets ${received[index]?.received}`,
    ),
  );
}

/** A stranger in the underlay knows VNI, MAC and addresses, and sends what a hypervisor would send. */
async function intrude(world: World): Promise<Row[]> {
  const { lab } = world;
  const [sender, victim] = ['globex/bulk-1', 'globex/web-1'] as const;
  const network = await world.api.get<{ spec: { vni: number } }>('/v1/tenants/globex/networks/front');
  const mac = (player: Player): string => world.guest(player).interfaces[0]?.mac ?? '';
  const ends = {
    sourceMac: mac(sender),
    destinationMac: mac(victim),
    source: world.address(sender),
    destination: world.address(victim),
  };
  const capture = await captureFrames(lab, world.guest(victim));
  await sendFrames(lab, world.guest(sender), [datagram(ends, 9999, 'sent by its owner')]);
  await injectVxlan(lab, world.hostOf(victim), network.spec.vni, datagram(ends, 9999, 'sent by a stranger'));
  await awaited(() => capture.frames().find((frame) => frame.includes('sent by its owner')));
  await delay(200);
  const frames = await capture.stop();
  const arrived = (text: string): string => (frames.some((frame) => frame.includes(text)) ? 'arrives' : 'silence');
  return [
    same(`a frame from ${sender} to ${victim}`, 'arrives', arrived('sent by its owner')),
    same('the same frame in a VXLAN packet from a stranger', 'silence', arrived('sent by a stranger')),
  ];
}
