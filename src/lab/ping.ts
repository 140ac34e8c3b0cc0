import type { ChildProcess } from 'node:child_process';
import { WeirError } from '../base/errors.ts';
import type { Guest } from './guest.ts';
import type { Lab } from './lab.ts';

export interface PingOptions {
  readonly count?: number;
  readonly intervalMs?: number;
  /** How long the last replies may take. Default 1,000. */
  readonly timeoutMs?: number;
  /** Payload. 1,422 fills an IPv4 packet of 1,450. */
  readonly bytes?: number;
  /** Packets too large for a link are refused, not fragmented. */
  readonly dontFragment?: boolean;
}

export interface PingReport {
  readonly sent: number;
  readonly received: number;
  readonly lossPercent: number;
  /** Null when nothing came back. */
  readonly rttMsMax: number | null;
  readonly rttMsAverage: number | null;
  /** Sequence numbers, from 1, without a reply. */
  readonly missing: readonly number[];
  /** The longest time between two replies. */
  readonly gapMsMax: number;
}

/**
 * Echo requests, of which the last has as long for its reply as the first: iputils' ping waits for it no longer than twice what the slowest reply took,
 * `-W` or not. Prints what that would. Socket options: 41/23 IPV6_MTU_DISCOVER, 0/10 IP_MTU_DISCOVER, 2 never to fragment. The kernel
 * fills in ICMPv6 checksums. 101 is ENETUNREACH.
 */
const echoScript = `
  use strict;
  use Socket qw(AF_INET AF_INET6 SOCK_RAW inet_pton pack_sockaddr_in pack_sockaddr_in6);
  use Time::HiRes 'time';
  my ($address, $count, $interval, $timeout, $bytes, $isWhole) = @ARGV;
  my $is6 = $address =~ /:/;
  my $binary = inet_pton($is6 ? AF_INET6 : AF_INET, $address) or die "ping: $address: no address\\n";
  my $to = $is6 ? pack_sockaddr_in6(0, $binary) : pack_sockaddr_in(0, $binary);
  my ($request, $reply) = $is6 ? (128, 129) : (8, 0);
  socket(my $socket, $is6 ? AF_INET6 : AF_INET, SOCK_RAW, $is6 ? 58 : 1) or die "ping: socket: $!\\n";
  !$isWhole or setsockopt($socket, $is6 ? 41 : 0, $is6 ? 23 : 10, 2) or die "ping: setsockopt: $!\\n";
  my $id = $$ & 0xffff;

  sub packet {
    my ($checksum, $sequence) = @_;
    return pack('C2 n3', $request, 0, $checksum, $id, $sequence) . 'w' x $bytes;
  }
  sub checksum {
    my ($data) = @_;
    my $sum = 0;
    $sum += $_ for unpack('n*', length($data) % 2 ? "$data\\0" : $data);
    $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
    return ~$sum & 0xffff;
  }

  my ($sequence, $received, $next, $end, %sentAt) = (0, 0, time);
  while ($received < $count) {
    my $now = time;
    if ($sequence < $count && $now >= $next) {
      my $packet = packet(0, ++$sequence);
      $packet = packet(checksum($packet), $sequence) unless $is6;
      $sentAt{$sequence} = $now;
      defined send($socket, $packet, 0, $to) or $! != 101 or die "ping: $!\n";
      ($next, $end) = ($now + $interval, $now + $timeout);
    }
    my $left = ($sequence < $count ? $next : $end) - time;
    vec(my $ready, fileno $socket, 1) = 1;
    if (select($ready, undef, undef, $left > 0 ? $left : 0) > 0) {
      defined recv($socket, my $frame, 65535, 0) or next;
      my ($type, undef, undef, $whose, $answered) = unpack('C2 n3', substr($frame, $is6 ? 0 : 4 * (ord($frame) & 15)));
      next unless $type == $reply && $whose == $id && exists $sentAt{$answered};
      my $rtt = 1000 * (time - delete $sentAt{$answered});
      printf "[%.6f] %d bytes from %s: icmp_seq=%d time=%.3f ms\n", time, $bytes + 8, $address, $answered, $rtt;
      $received++;
    } elsif ($sequence == $count && time >= $end) {
      last;
    }
  }
  printf "%d packets transmitted, %d received\n", $sequence, $received;`;

/** Beyond what it has to do. */
const slackMs = 30_000;

/** Sends `count` (3) echo requests and tells what came back. */
export async function ping(lab: Lab, from: Guest, address: string, options: PingOptions = {}): Promise<PingReport> {
  const { count = 3, intervalMs = 200, timeoutMs = 1000, bytes = 56, dontFragment = false } = options;
  const asked = [count, intervalMs / 1000, timeoutMs / 1000, bytes, dontFragment ? 1 : 0].map(String);
  const result = await lab.execInGuest(from, ['perl', '-e', echoScript, address, ...asked], {
    timeoutMs: count * intervalMs + timeoutMs + slackMs,
  });
  return readPing(result.stdout, result.stderr);
}

export interface RunningPing {
  /** How many requests were answered so far. */
  readonly answered: number;
  /** It goes on: the sequence numbers so far without a reply, of which `stop` would tell. */
  lost(): Promise<readonly number[]>;
  /** Ends it. The report is of the requests before: of each either the reply has come, or one that was sent behind it was faster. */
  stop(): Promise<PingReport>;
}

/** How long a stopped ping waits for a reply to a request that was sent after it was told to stop. */
const settleMs = 5000;

/** Pings until it is stopped, every 10 ms by default. */
export function startPing(lab: Lab, from: Guest, address: string, { intervalMs = 10 }: Pick<PingOptions, 'intervalMs'> = {}): RunningPing {
  // `-O` reports a request that has no reply yet when the next is sent; `-D` prints the time of each reply.
  const child = lab.spawnInGuest(from, ['ping', '-n', '-O', '-D', '-i', String(intervalMs / 1000), address]);
  const output = new PingOutput(child);
  return {
    get answered() {
      return output.answered.length;
    },
    lost: async () => {
      const last = output.lastSequence;
      await output.replyBehind(last, settleMs);
      const answered = new Set(output.answered);
      return Array.from({ length: last }, (_, index) => index + 1).filter((sequence) => !answered.has(sequence));
    },
    stop: async () => {
      const last = output.lastSequence;
      await output.replyBehind(last, settleMs);
      child.kill('SIGINT');
      await output.ended;
      return readPing(output.stdout, output.stderr, last);
    },
  };
}

/** What a ping prints, as it does. */
class PingOutput {
  stdout = '';
  stderr = '';
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => resolve());
    });
  }

  /** The last request that was told of, with its reply or without; 0 before the first. */
  get lastSequence(): number {
    return sequencesIn(this.stdout, /icmp_seq=(\d+)/g).reduce((last, sequence) => Math.max(last, sequence), 0);
  }

  get answered(): readonly number[] {
    return sequencesIn(this.stdout, /bytes from .*icmp_seq=(\d+) /g);
  }

  /** Returns when a request behind this one was answered, at the latest when `timeoutMs` are over or the ping has ended. */
  replyBehind(sequence: number, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.answered.some((answered) => answered > sequence)) finish();
      };
      const finish = (): void => {
        clearTimeout(timer);
        this.#child.stdout?.off('data', look);
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      this.#child.stdout?.on('data', look);
      void this.ended.then(finish, finish);
      look();
    });
  }
}

const sequencesIn = (text: string, pattern: RegExp): number[] => [...text.matchAll(pattern)].map(([, sequence]) => Number(sequence));

/**
 * Reads the output of iputils' ping; `last`: the last request that is looked at, where a signal ended it and not its count.
 * Throws `command-failed` when it could not even begin.
 */
export function readPing(stdout: string, stderr: string, last = Infinity): PingReport {
  const summary = /(\d+) packets transmitted, \d+ received/.exec(stdout);
  if (!summary) throw new WeirError('command-failed', `ping: ${(stderr || stdout).trim()}`);
  const sent = Math.min(Number(summary[1]), last);
  const replies = [...stdout.matchAll(/^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+) .*time=([\d.]+) ms$/gm)].filter(
    ([, , sequence]) => Number(sequence) <= sent,
  );
  const answered = new Set(replies.map((reply) => Number(reply[2])));
  const missing = Array.from({ length: sent }, (_, index) => index + 1).filter((sequence) => !answered.has(sequence));
  const rtts = replies.map((reply) => Number(reply[3]));
  const times = replies.map((reply) => Number(reply[1]) * 1000);
  return {
    sent,
    received: sent - missing.length,
    lossPercent: sent === 0 ? 0 : (missing.length / sent) * 100,
    rttMsMax: rtts.length === 0 ? null : Math.max(...rtts),
    rttMsAverage: rtts.length === 0 ? null : rtts.reduce((total, rtt) => total + rtt, 0) / rtts.length,
    missing,
    gapMsMax: times.reduce((longest, time, index) => Math.max(longest, time - (times[index - 1] ?? time)), 0),
  };
}
