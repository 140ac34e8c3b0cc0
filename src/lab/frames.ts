import { once } from 'node:events';
import { WeirError } from '../base/errors.ts';
import type { Guest } from './guest.ts';
import type { Lab } from './lab.ts';

/**
 * Ethernet frames as a guest's own kernel would neither make nor show them. Node has no packet sockets; Perl, which every
 * Debian has, takes the numbers as they are: 17 is AF_PACKET, 3 SOCK_RAW and ETH_P_ALL, 0x8933 SIOCGIFINDEX.
 */
const openSocket = `
  use strict;
  $| = 1;
  my $device = shift;
  socket(my $socket, 17, 3, unpack('S', pack('n', 3))) or die "socket: $!";
  my $request = pack('a16 x24', $device);
  ioctl($socket, 0x8933, $request) or die "$device: $!";
  my $index = unpack('x16 i', $request);
  bind($socket, pack('S n i x12', 17, 3, $index)) or die "bind: $!";`;

const sendScript = `${openSocket}
  for my $frame (@ARGV) { defined send($socket, pack('H*', $frame), 0) or die "send: $!"; }`;

/** Packet type 4 in the address (byte 10) is what the guest itself sends. */
const captureScript = `${openSocket}
  print "ready\\n";
  while (defined(my $from = recv($socket, my $frame, 65535, 0))) {
    next if unpack('x10 C', $from) == 4;
    print unpack('H*', $frame), "\\n";
  }`;

/** Sends frames from a device of the guest, exactly as they are given. */
export async function sendFrames(lab: Lab, guest: Guest, frames: readonly Uint8Array[], device = 'eth0'): Promise<void> {
  const argv = ['perl', '-e', sendScript, device, ...frames.map((frame) => Buffer.from(frame).toString('hex'))];
  const result = await lab.execInGuest(guest, argv);
  if (result.code !== 0) throw new WeirError('command-failed', `frames cannot be sent: ${result.stderr.trim()}`);
}

export interface Capture {
  /** What arrived so far. */
  frames(): readonly Buffer[];
  /** What arrived since it began. */
  stop(): Promise<readonly Buffer[]>;
}

/** Returns once everything that arrives at the device of the guest is kept. */
export async function captureFrames(lab: Lab, guest: Guest, device = 'eth0'): Promise<Capture> {
  const child = lab.spawnInGuest(guest, ['perl', '-e', captureScript, device]);
  const closed = once(child, 'close');
  let text = '';
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (complaint += part));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      if (text.startsWith('ready\n')) resolve();
    });
    child.once('close', () => reject(new WeirError('command-failed', `frames cannot be captured: ${complaint.trim()}`)));
  });
  const frames = (): readonly Buffer[] => {
    // The first line says that it is ready, the last is being written.
    const lines = text.split('\n').slice(1, -1);
    return lines.map((line) => Buffer.from(line, 'hex'));
  };
  return {
    frames,
    stop: async () => {
      child.kill('SIGTERM');
      await closed;
      return frames();
    },
  };
}
