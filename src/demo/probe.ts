import { connectTcp, ping, requestUdp } from '../lab/index.ts';
import { type Row, spell } from './act.ts';
import { cast, type Player } from './cast.ts';
import type { World } from './world.ts';

/** One question asked of the network by a real packet. A drop shows as silence. */
export interface Probe {
  readonly from: Player;
  readonly to: Player;
  readonly via: `tcp/${number}` | `udp/${number}` | 'ping';
  readonly family?: 4 | 6;
  readonly expected: 'passes' | 'silence';
  /** Why, in a word or two. */
  readonly because?: string;
}

/** How long silence is waited for, and what is to come. */
const timeoutsMs = { silence: 700, passes: 5000 } as const;

/** Asks all of them at once; rows come in the order asked. */
export function ask(world: World, probes: readonly Probe[]): Promise<Row[]> {
  return Promise.all(probes.map((probe) => askOne(world, probe)));
}

async function askOne(world: World, probe: Probe): Promise<Row> {
  const { from, to, via, family = 4, expected, because } = probe;
  const { outcome, elapsedMs } = await send(world, probe, world.address(to, family));
  const passed = ['connected', 'replied'].includes(outcome);
  const what = `${from} → ${to}  ${via}${family === 6 ? ' IPv6' : ''}  ${cast[from] === cast[to] ? cast[from] : `${cast[from]} → ${cast[to]}`}`;
  return {
    what,
    expected: because === undefined ? expected : `${expected}: ${because}`,
    seen: passed ? `passes: ${outcome} in ${spell(elapsedMs)}` : outcome === 'timeout' ? 'silence' : outcome,
    ok: expected === 'passes' ? passed : outcome === 'timeout',
  };
}

async function send(world: World, { from, via, expected }: Probe, address: string): Promise<{ outcome: string; elapsedMs: number }> {
  const { lab } = world;
  const guest = world.guest(from);
  const timeoutMs = timeoutsMs[expected];
  const [protocol, port] = via.split('/');
  const to = { address, port: Number(port) };
  if (protocol === 'tcp') return connectTcp(lab, guest, to, timeoutMs);
  if (protocol === 'udp') return requestUdp(lab, guest, to, 32, timeoutMs);
  const report = await ping(lab, guest, address, { count: 3, intervalMs: 50, timeoutMs });
  const outcome = report.received === report.sent ? 'replied' : report.received === 0 ? 'timeout' : `${report.received} of ${report.sent}`;
  return { outcome, elapsedMs: report.rttMsAverage ?? 0 };
}
