import { captureFrames, sendFrames } from '../../lab/index.ts';
import { type Act, awaited, delay, same } from '../act.ts';
import { arpClaim, datagram, type Ends, neighbourClaim } from '../frames.ts';
import type { World } from '../world.ts';

/** Globex denies nothing here: what does not arrive was stopped at the sender's port. */
const attacker = 'globex/bulk-1';
const victim = 'globex/web-1';
const falseMac = '02:00:00:00:00:66';

interface Attempt {
  readonly what: string;
  readonly expected: 'arrives' | 'dropped';
  readonly frame: Buffer;
}

export const portSecurity: Act = {
  title: 'Port security: nobody speaks with an address that is not its own',
  async play(world) {
    const { lab } = world;
    const attempts = attemptsOf(world);
    const capture = await captureFrames(lab, world.guest(victim));
    await sendFrames(
      lab,
      world.guest(attacker),
      attempts.map(({ frame }) => frame),
    );
    const has = (frames: readonly Buffer[], frame: Buffer): boolean => frames.some((arrived) => sameClaim(arrived, frame));
    const honest = attempts.filter(({ expected }) => expected === 'arrives');
    await awaited(() => honest.every(({ frame }) => has(capture.frames(), frame)) || undefined);
    await delay(100);
    const frames = await capture.stop();
    return attempts.map(({ what, expected, frame }) => same(what, expected, has(frames, frame) ? 'arrives' : 'dropped'));
  },
};

/** From byte 26 on, which is the addresses and what they carry, nothing changes on the way; before it DSCP and a checksum may. */
const sameClaim = (arrived: Buffer, sent: Buffer): boolean => arrived.subarray(26, sent.length).equals(sent.subarray(26));

function attemptsOf(world: World): Attempt[] {
  const mac = (player: string): string => world.guest(player).interfaces[0]?.mac ?? '';
  const own: Ends = {
    sourceMac: mac(attacker),
    destinationMac: mac(victim),
    source: world.address(attacker),
    destination: world.address(victim),
  };
  const own6: Ends = { ...own, source: world.address(attacker, 6), destination: world.address(victim, 6) };
  const gateway = gatewayOf(world, 4);
  const gateway6 = gatewayOf(world, 6);
  return [
    { what: 'IPv4, all addresses its own', expected: 'arrives', frame: datagram(own, 9001, 'own') },
    { what: 'IPv6, all addresses its own', expected: 'arrives', frame: datagram(own6, 9002, 'own') },
    { what: 'IPv4 source of the gateway', expected: 'dropped', frame: datagram({ ...own, source: gateway }, 9003, 'false IPv4') },
    { what: 'IPv4 source from nowhere', expected: 'dropped', frame: datagram({ ...own, source: '192.0.2.66' }, 9004, 'nowhere') },
    { what: 'IPv6 source of the gateway', expected: 'dropped', frame: datagram({ ...own6, source: gateway6 }, 9005, 'false IPv6') },
    { what: 'MAC that is not its own', expected: 'dropped', frame: datagram({ ...own, sourceMac: falseMac }, 9006, 'false MAC') },
    { what: 'ARP: "the gateway is at my MAC"', expected: 'dropped', frame: arpClaim(own.sourceMac, gateway, own.sourceMac) },
    { what: 'ARP: "the victim is at a false MAC"', expected: 'dropped', frame: arpClaim(own.sourceMac, own.destination, falseMac) },
    { what: 'ND: "I am at my MAC"', expected: 'arrives', frame: neighbourClaim(own6, own6.source, own.sourceMac) },
    { what: 'ND: "the gateway is at my MAC"', expected: 'dropped', frame: neighbourClaim(own6, gateway6, own.sourceMac) },
    { what: 'ND: "I am at a false MAC"', expected: 'dropped', frame: neighbourClaim(own6, own6.source, falseMac) },
  ];
}

function gatewayOf(world: World, family: 4 | 6): string {
  const gateways = world.guest(attacker).interfaces[0]?.gateways ?? [];
  return gateways.find((address) => address.includes(':') === (family === 6)) ?? '';
}
