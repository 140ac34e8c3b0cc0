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
  /** An address or a device of the guest. */
  readonly source?: string;
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

/** Sends `count` (3) echo requests and tells what came back. */
export async function ping(lab: Lab, from: Guest, address: string, options: PingOptions = {}): Promise<PingReport> {
  const { count = 3, intervalMs = 200, timeoutMs = 1000 } = options;
  const result = await lab.execInGuest(from, [...pingCommand(address, options), '-c', String(count), '-W', String(timeoutMs / 1000)], {
    timeoutMs: count * intervalMs + timeoutMs + 5000,
  });
  return readPing(result.stdout, result.stderr, false);
}

export interface RunningPing {
  /** Ends it. A last request whose reply was still on its way is not counted. */
  stop(): Promise<PingReport>;
}

/** Pings until it is stopped, every 10 ms by default. */
export function startPing(lab: Lab, from: Guest, address: string, options: Omit<PingOptions, 'count' | 'timeoutMs'> = {}): RunningPing {
  const child = lab.spawnInGuest(from, pingCommand(address, { intervalMs: 10, ...options }));
  const output = collect(child);
  return {
    stop: async () => {
      child.kill('SIGINT');
      const { stdout, stderr } = await output;
      return readPing(stdout, stderr, true);
    },
  };
}

/** `-O` reports a request that has no reply yet when the next is sent; `-D` prints the time of each reply. */
function pingCommand(address: string, options: PingOptions): string[] {
  const { intervalMs = 200, bytes = 56, dontFragment = false, source } = options;
  const flags = [...(dontFragment ? ['-M', 'do'] : []), ...(source === undefined ? [] : ['-I', source])];
  return ['ping', '-n', '-O', '-D', '-i', String(intervalMs / 1000), '-s', String(bytes), ...flags, address];
}

function collect(child: ChildProcess): Promise<{ stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve({ stdout, stderr }));
  });
}

/**
 * Reads the output of iputils' ping; `stopped` when a signal ended it, and not its count.
 * Throws `command-failed` when it could not even begin.
 */
export function readPing(stdout: string, stderr: string, stopped: boolean): PingReport {
  const summary = /(\d+) packets transmitted, \d+ received/.exec(stdout);
  if (!summary) throw new WeirError('command-failed', `ping: ${(stderr || stdout).trim()}`);
  const transmitted = Number(summary[1]);
  const replies = [...stdout.matchAll(/^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+) .*time=([\d.]+) ms$/gm)];
  const answered = new Set(replies.map((reply) => Number(reply[2])));
  const inFlight = stopped && !answered.has(transmitted) && !stdout.includes(`no answer yet for icmp_seq=${transmitted}\n`);
  const sent = inFlight ? transmitted - 1 : transmitted;
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
