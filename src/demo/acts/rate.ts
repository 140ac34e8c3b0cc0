import { captureFrames, measureRate, type RateOptions, requestUdp } from '../../lab/index.ts';
import { type Act, awaited, type Row, same } from '../act.ts';
import type { Player } from '../cast.ts';
import type { World } from '../world.ts';

/** `bulk-limit` of Globex: what its members send, at most. A burst of 200 ms comes on top, once. */
const limitMbps = 20;
const dscp = 10;
const triesMax = 5;

interface Measurement {
  readonly from: Player;
  readonly to: Player;
  readonly options: RateOptions;
  readonly atLeastMbps: number;
  readonly atMostMbps: number;
}

const measurements: readonly Measurement[] = [
  { from: 'globex/bulk-1', to: 'globex/web-1', options: { protocol: 'udp', seconds: 2, offeredMbps: 60 }, atLeastMbps: 16, atMostMbps: 23 },
  { from: 'globex/bulk-1', to: 'globex/web-1', options: { protocol: 'tcp', seconds: 3 }, atLeastMbps: 8, atMostMbps: 23 },
  { from: 'globex/web-1', to: 'globex/bulk-1', options: { protocol: 'udp', seconds: 1, offeredMbps: 60 }, atLeastMbps: 35, atMostMbps: 70 },
];

export const rate: Act = {
  title: `Rate limit: group bulk may send ${limitMbps} Mbit/s, marked with DSCP ${dscp} (iperf3)`,
  async play(world, note) {
    const rows: Row[] = [await mark(world)];
    for (const measurement of measurements) {
      note(`iperf3 ${measurement.from} → ${measurement.to}`);
      rows.push(await measure(world, measurement));
    }
    return rows;
  },
};

async function measure(world: World, { from, to, options, atLeastMbps, atMostMbps }: Measurement): Promise<Row> {
  let receivedMbps = 0;
  // A machine that is busy may not let the sender offer enough, or not evenly.
  for (let turn = 0; turn < triesMax && receivedMbps < atLeastMbps; turn++)
    ({ receivedMbps } = await measureRate(world.lab, world.guest(from), world.guest(to), world.address(to), options));
  const { protocol, offeredMbps } = options;
  return {
    what: `${from} → ${to}  ${protocol === 'tcp' ? 'TCP, as much as it gets' : `UDP, ${offeredMbps} Mbit/s offered`}`,
    expected: `${atLeastMbps} to ${atMostMbps} Mbit/s`,
    seen: `${receivedMbps.toFixed(1)} Mbit/s`,
    ok: receivedMbps >= atLeastMbps && receivedMbps <= atMostMbps,
  };
}

/** The second byte of the IPv4 header, as the receiver finds it; a neighbour's stays as it was. */
async function mark(world: World): Promise<Row> {
  const [from, to] = ['globex/bulk-1', 'globex/web-1'] as const;
  const capture = await captureFrames(world.lab, world.guest(to));
  await requestUdp(world.lab, world.guest(from), { address: world.address(to), port: 8080 });
  const frame = await awaited(() => capture.frames().find((each) => each.readUInt16BE(12) === 0x0800 && each[23] === 17));
  await capture.stop();
  return same(`${from} → ${to}  mark of a datagram`, `DSCP ${dscp}`, frame ? `DSCP ${(frame[15] ?? 0) >>> 2}` : 'no datagram');
}
