import { WeirError } from '../base/errors.ts';
import type { Connected, DatagramCount, Endpoint, Exchanged, Requested, Transferred } from './agent-protocol.ts';
import type { Guest } from './guest.ts';
import type { Lab } from './lab.ts';
import { runScriptIn } from './namespace.ts';

/**
 * Real packets between guests. Every probe ends within its time limit and returns what it saw; whether that is what was
 * wanted is for the caller to say. Ports are listened on with `listenTcp` and `listenUdp` first.
 */

/** Something that stays open in a guest until it is stopped. */
export interface Listener {
  stop(): Promise<void>;
}

const connectTimeoutMs = 1000;
const transferTimeoutMs = 20_000;

export async function listenTcp(lab: Lab, guest: Guest, port: number, service: 'echo' | 'digest' = 'echo'): Promise<Listener> {
  return listener(lab, guest, await lab.agent(guest).ask<'tcp-listen'>({ kind: 'tcp-listen', port, service }));
}

/** Whether a TCP connection can be opened. A drop is a `timeout`. */
export function connectTcp(lab: Lab, from: Guest, to: Endpoint, timeoutMs = connectTimeoutMs): Promise<Connected> {
  return lab.agent(from).ask<'tcp-connect'>({ kind: 'tcp-connect', to, timeoutMs });
}

/** Sends random bytes to a `digest` listener: `complete` only when the SHA-256 is the same at both ends. */
export function transferTcp(lab: Lab, from: Guest, to: Endpoint, bytes: number, timeoutMs = transferTimeoutMs): Promise<Transferred> {
  return lab.agent(from).ask<'tcp-transfer'>({ kind: 'tcp-transfer', to, bytes, timeoutMs });
}

/** A connection that stays open, to an `echo` listener. */
export interface TcpConnection {
  /** Sends a token and waits for its echo. After `closed` the connection is of no more use. */
  exchange(timeoutMs?: number): Promise<Exchanged>;
  close(): Promise<void>;
}

/** Throws `not-connected` with the outcome when the connection cannot be opened. */
export async function openTcp(lab: Lab, from: Guest, to: Endpoint, timeoutMs = connectTimeoutMs): Promise<TcpConnection> {
  const agent = lab.agent(from);
  const { handle, outcome } = await agent.ask<'tcp-open'>({ kind: 'tcp-open', to, timeoutMs });
  if (outcome !== 'connected')
    throw new WeirError('not-connected', `${from.vm} cannot connect to ${to.address} port ${to.port}: ${outcome}`);
  return {
    exchange: (exchangeTimeoutMs = connectTimeoutMs) =>
      agent.ask<'tcp-exchange'>({ kind: 'tcp-exchange', handle, timeoutMs: exchangeTimeoutMs }),
    close: async () => void (await agent.ask<'stop'>({ kind: 'stop', handle })),
  };
}

/** `echo` answers each datagram with itself; a `count` listener only counts. */
export async function listenUdp(lab: Lab, guest: Guest, port: number, service: 'echo' | 'count' = 'echo'): Promise<UdpCounter> {
  return udpCounter(lab, guest, await lab.agent(guest).ask<'udp-listen'>({ kind: 'udp-listen', port, service }));
}

/** A UDP socket in a guest, with what it sent and received so far. */
export interface UdpCounter {
  count(): Promise<DatagramCount>;
  stop(): Promise<DatagramCount>;
}

/** One datagram to an `echo` listener and back. Above the MTU it travels in fragments, both ways. */
export function requestUdp(lab: Lab, from: Guest, to: Endpoint, bytes = 32, timeoutMs = connectTimeoutMs): Promise<Requested> {
  return lab.agent(from).ask<'udp-request'>({ kind: 'udp-request', to, bytes, timeoutMs });
}

export interface StreamOptions {
  readonly intervalMs?: number;
  readonly bytes?: number;
  /** Datagrams in all. Without it the stream runs until it is stopped. */
  readonly count?: number;
}

/** Datagrams one way, to a `count` listener. */
export async function streamUdp(lab: Lab, from: Guest, to: Endpoint, options: StreamOptions = {}): Promise<UdpCounter> {
  const { intervalMs = 10, bytes = 32, count } = options;
  const request = { kind: 'udp-stream', to, intervalMs, bytes, ...(count === undefined ? {} : { count }) } as const;
  return udpCounter(lab, from, await lab.agent(from).ask<'udp-stream'>(request));
}

export interface ReplyStream {
  /** What the caller has received. */
  count(): Promise<DatagramCount>;
  stop(): Promise<DatagramCount>;
}

/**
 * A connection in which only replies flow: the caller sends a single datagram, the server answers with an endless stream.
 * `to` is the server as its caller knows it.
 */
export async function streamReplies(
  lab: Lab,
  server: Guest,
  caller: Guest,
  to: Endpoint,
  options: StreamOptions = {},
): Promise<ReplyStream> {
  const { intervalMs = 10, bytes = 32 } = options;
  const served = await lab.agent(server).ask<'udp-reply-stream'>({ kind: 'udp-reply-stream', port: to.port, intervalMs, bytes });
  const received = udpCounter(lab, caller, await lab.agent(caller).ask<'udp-subscribe'>({ kind: 'udp-subscribe', to }));
  return {
    count: () => received.count(),
    stop: async () => {
      const count = await received.stop();
      await lab.agent(server).ask<'stop'>({ kind: 'stop', ...served });
      return count;
    },
  };
}

/** Lets a guest use an address that is not its own while `probe` runs: bind to it with `source`. */
export async function withAddress<T>(guest: Guest, address: string, probe: () => Promise<T>, device = 'eth0'): Promise<T> {
  const entry = `${address}/${address.includes(':') ? '128 nodad' : '32'} dev ${device}`;
  await runScriptIn(guest.netns, [`ip address add ${entry}`]);
  try {
    return await probe();
  } finally {
    await runScriptIn(guest.netns, [`ip address delete ${entry.replace(' nodad', '')}`]);
  }
}

/** Lets a guest use a MAC that is not its own while `probe` runs. */
export async function withMac<T>(guest: Guest, mac: string, probe: () => Promise<T>, device = 'eth0'): Promise<T> {
  const own = guest.interfaces.find((item) => item.device === device)?.mac;
  if (own === undefined) throw new WeirError('malformed', `${guest.vm} has no device ${device}`);
  await runScriptIn(guest.netns, [`ip link set ${device} address ${mac}`]);
  try {
    return await probe();
  } finally {
    await runScriptIn(guest.netns, [`ip link set ${device} address ${own}`]);
  }
}

/** Sends datagrams from a source that may be false, and returns how many of them arrived. `to` must be where `receiver` is. */
export async function sendSpoofed(
  lab: Lab,
  from: Guest,
  source: string,
  receiver: Guest,
  to: Endpoint,
  count = 5,
): Promise<{ sent: number; received: number }> {
  const sink = await listenUdp(lab, receiver, to.port, 'count');
  const sent = await withAddress(from, source, async () => {
    const stream = await streamUdp(lab, from, { ...to, source }, { intervalMs: 10, count });
    await delay(count * 10 + 200);
    return (await stream.stop()).sent;
  });
  return { sent, received: (await sink.stop()).bySource[source] ?? 0 };
}

function listener(lab: Lab, guest: Guest, { handle }: { handle: number }): Listener {
  return { stop: async () => void (await lab.agent(guest).ask<'stop'>({ kind: 'stop', handle })) };
}

function udpCounter(lab: Lab, guest: Guest, { handle }: { handle: number }): UdpCounter {
  const agent = lab.agent(guest);
  return {
    count: () => agent.ask<'udp-count'>({ kind: 'udp-count', handle }),
    stop: async () => {
      const count = await agent.ask<'stop'>({ kind: 'stop', handle });
      if (!count) throw new WeirError('agent-failed', `${guest.vm} has no UDP socket ${handle}`);
      return count;
    },
  };
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
