import type { ChildProcess } from 'node:child_process';
import { WeirError } from '../base/errors.ts';
import type { Guest } from './guest.ts';
import type { Lab } from './lab.ts';

export interface RateOptions {
  readonly protocol?: 'tcp' | 'udp';
  readonly seconds?: number;
  /** What UDP offers; TCP takes what it gets. Default 100. */
  readonly offeredMbps?: number;
  /** TCP and, on the control connection, UDP too. Default 5201. */
  readonly port?: number;
  /** The server sends. */
  readonly reverse?: boolean;
}

export interface Rate {
  readonly sentMbps: number;
  readonly receivedMbps: number;
  /** Of the datagrams; 0 for TCP. */
  readonly lostPercent: number;
  /** Of TCP segments; 0 for UDP. */
  readonly retransmits: number;
}

/** Measures with iperf3 what gets through. Throws `command-failed` when client and server do not find each other. */
export async function measureRate(lab: Lab, client: Guest, server: Guest, address: string, options: RateOptions = {}): Promise<Rate> {
  const { protocol = 'tcp', seconds = 3, offeredMbps = 100, port = 5201, reverse = false } = options;
  const served = lab.spawnInGuest(server, ['iperf3', '-s', '-1', '--forceflush', '-p', String(port)]);
  const closed = new Promise((resolve) => served.once('close', resolve));
  try {
    await awaitOutput(served, 'Server listening', 3000);
    const datagrams = protocol === 'udp' ? ['-u', '-l', '1350', '-b', `${offeredMbps}M`] : [];
    const argv = [
      'iperf3',
      '-c',
      address,
      '-p',
      String(port),
      '-t',
      String(seconds),
      '-J',
      '--connect-timeout',
      '3000',
      ...datagrams,
      ...(reverse ? ['-R'] : []),
    ];
    const result = await lab.execInGuest(client, argv, { timeoutMs: seconds * 1000 + 10_000 });
    return readRate(result.stdout, protocol);
  } finally {
    // The next measurement may want the same port.
    served.kill('SIGKILL');
    await closed;
  }
}

interface IperfSum {
  readonly bits_per_second: number;
  readonly retransmits?: number;
  readonly lost_percent?: number;
}

function readRate(text: string, protocol: 'tcp' | 'udp'): Rate {
  const report = (text === '' ? {} : JSON.parse(text)) as {
    error?: string;
    end?: { sum?: IperfSum; sum_sent?: IperfSum; sum_received?: IperfSum };
  };
  const { sum, sum_sent: sent, sum_received: received } = report.end ?? {};
  if (report.error !== undefined) throw new WeirError('command-failed', `iperf3: ${report.error}`);
  if (protocol === 'udp' && sum) {
    const lostPercent = sum.lost_percent ?? 0;
    return {
      sentMbps: sum.bits_per_second / 1e6,
      receivedMbps: (sum.bits_per_second / 1e6) * (1 - lostPercent / 100),
      lostPercent,
      retransmits: 0,
    };
  }
  if (!sent || !received) throw new WeirError('command-failed', 'iperf3 did not finish');
  return {
    sentMbps: sent.bits_per_second / 1e6,
    receivedMbps: received.bits_per_second / 1e6,
    lostPercent: 0,
    retransmits: sent.retransmits ?? 0,
  };
}

function awaitOutput(child: ChildProcess, text: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = '';
    const fail = (): void => reject(new WeirError('command-failed', `${child.spawnargs.join(' ')} did not say "${text}": ${seen.trim()}`));
    const limit = setTimeout(fail, timeoutMs);
    const read = (chunk: Buffer): void => {
      seen += chunk.toString();
      if (!seen.includes(text)) return;
      clearTimeout(limit);
      resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('close', () => {
      clearTimeout(limit);
      fail();
    });
  });
}
