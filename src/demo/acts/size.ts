import { type PingReport, ping, requestUdp, transferTcp } from '../../lab/index.ts';
import { type Act, type Row, spell } from '../act.ts';
import type { Player } from '../cast.ts';
import type { World } from '../world.ts';

const transferBytes = 10_000_000;
const datagramBytes = 4000;
const headerBytes = { 4: 28, 6: 48 } as const;

interface Way {
  readonly from: Player;
  readonly to: Player;
  readonly family: 4 | 6;
  readonly because: string;
}

/** Fragments have no ports to be judged by: one that follows a denied one must not slip through. */
const deniedWay: Way = { from: 'acme/client-1', to: 'acme/web-1', family: 4, because: 'nothing allows it' };

const ways: readonly Way[] = [
  { from: 'acme/web-1', to: 'acme/web-2', family: 4, because: 'same network' },
  { from: 'acme/web-1', to: 'acme/web-2', family: 6, because: 'same network' },
  { from: 'acme/db-1', to: 'acme/web-2', family: 4, because: 'routed' },
  { from: 'acme/db-1', to: 'acme/web-2', family: 6, because: 'routed' },
];

export const size: Act = {
  title: 'Full-size packets: the MTU is right, fragments arrive',
  async play(world, note) {
    note('sending fragments');
    const datagrams = await Promise.all([
      ...ways.map((way) => datagramOver(world, way, 8080, 'replied')),
      datagramOver(world, deniedWay, 53, 'timeout'),
    ]);
    const pings = (await Promise.all(ways.filter((way) => way.because === 'same network').map((way) => fill(world, way)))).flat();
    const transfers: Row[] = [];
    for (const way of ways) {
      note(`TCP ${way.from} → ${way.to}`);
      transfers.push(await transfer(world, way));
    }
    return [...transfers, ...pings, ...datagrams];
  },
};

/** Segments as large as the guest's MTU lets them be: with a wrong one nothing arrives but the handshake. */
async function transfer(world: World, { from, to, family, because }: Way): Promise<Row> {
  const target = { address: world.address(to, family), port: 8081 };
  const { outcome, elapsedMs } = await transferTcp(world.lab, world.guest(from), target, transferBytes);
  const rate = ((transferBytes * 8) / elapsedMs / 1000).toFixed(0);
  return {
    what: `${from} → ${to}  ${transferBytes / 1_000_000} MB by TCP over IPv${family}`,
    expected: `complete: ${because}`,
    seen: outcome === 'complete' ? `complete, same SHA-256, ${spell(elapsedMs)}, ${rate} Mbit/s` : outcome,
    ok: outcome === 'complete',
  };
}

/** A packet that fills the MTU passes; with a byte more it does not even leave the guest. */
async function fill(world: World, { from, to, family }: Way): Promise<Row[]> {
  const mtu = world.guest(from).interfaces[0]?.mtu ?? 0;
  const send = (packetBytes: number): Promise<PingReport> =>
    ping(world.lab, world.guest(from), world.address(to, family), {
      bytes: packetBytes - headerBytes[family],
      dontFragment: true,
      intervalMs: 20,
      timeoutMs: 300,
    });
  const [full, over] = await Promise.all([send(mtu), send(mtu + 1)]);
  const what = (bytes: number): string => `${from} → ${to}  ping of ${bytes} bytes, unfragmented, IPv${family}`;
  return [
    { what: what(mtu), expected: 'passes', seen: `${full.received} of ${full.sent}`, ok: full.received === full.sent },
    { what: what(mtu + 1), expected: 'refused by the guest', seen: `${over.received} of ${over.sent}`, ok: over.received === 0 },
  ];
}

async function datagramOver(world: World, { from, to, family, because }: Way, port: number, expected: 'replied' | 'timeout'): Promise<Row> {
  const target = { address: world.address(to, family), port };
  const { outcome, elapsedMs } = await requestUdp(world.lab, world.guest(from), target, datagramBytes, expected === 'timeout' ? 700 : 5000);
  return {
    what: `${from} → ${to}  udp/${port} of ${datagramBytes} bytes in fragments, IPv${family}`,
    expected: `${expected}: ${because}`,
    seen: outcome === 'replied' ? `replied in ${spell(elapsedMs)}` : outcome,
    ok: outcome === expected,
  };
}
