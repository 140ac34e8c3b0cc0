import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { DatagramCount, Endpoint, Requested } from './agent-protocol.ts';

const bucketMs = 100;

/** A UDP socket that counts. Unconnected it listens on both families; connected it talks to one endpoint. */
export class DatagramSocket {
  readonly #socket: Socket;
  readonly #startMs = performance.now();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #bySource: Record<string, number> = {};
  readonly #timeline: number[] = [];
  #sent = 0;
  #received = 0;
  #lastMs: number | undefined;
  #gapMsMax = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // An ICMP error for a datagram sent earlier ends nothing: what does not come back is not counted.
    socket.on('error', () => undefined);
    socket.on('message', (_, from) => this.#countReceived(from));
  }

  static async listen(port: number): Promise<DatagramSocket> {
    const socket = createSocket({ type: 'udp6', recvBufferSize: 4 << 20 });
    await bound(socket, { port, address: '::' });
    return new DatagramSocket(socket);
  }

  static async connect(to: Endpoint): Promise<DatagramSocket> {
    return new DatagramSocket(await connected(to));
  }

  echo(): void {
    this.#socket.on('message', (message, from) => this.#send(message, from));
  }

  /** From its first datagram on, every caller is sent a stream: replies of one long connection, as far as a switch can tell. */
  streamToCallers(intervalMs: number, bytes: number): void {
    const callers = new Set<string>();
    this.#socket.on('message', (_, from) => {
      const caller = `${from.address} ${from.port}`;
      if (callers.has(caller)) return;
      callers.add(caller);
      this.#repeat(intervalMs, bytes, Infinity, from);
    });
  }

  /** Sends to the connected endpoint; without a count until the socket is closed. */
  stream(intervalMs: number, bytes: number, count = Infinity): void {
    this.#repeat(intervalMs, bytes, count);
  }

  count(): DatagramCount {
    const idleMs = this.#lastMs === undefined ? null : performance.now() - this.#lastMs;
    const buckets = Math.floor((performance.now() - this.#startMs) / bucketMs) + 1;
    const timeline = Array.from({ length: buckets }, (_, index) => this.#timeline[index] ?? 0);
    return { sent: this.#sent, received: this.#received, bySource: this.#bySource, idleMs, gapMsMax: this.#gapMsMax, timeline };
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#socket.close();
  }

  /** Timers fire late under load: each tick sends all that is due by then. */
  #repeat(intervalMs: number, bytes: number, count: number, to?: RemoteInfo): void {
    const payload = randomBytes(bytes);
    const begin = performance.now();
    let sent = 0;
    const tick = (): void => {
      const due = intervalMs === 0 ? count : Math.min(count, 1 + Math.floor((performance.now() - begin) / intervalMs));
      for (; sent < due; sent++) this.#send(payload, to);
      if (sent < count) return;
      clearInterval(timer);
      this.#timers.delete(timer);
    };
    const timer = setInterval(tick, Math.max(1, intervalMs));
    this.#timers.add(timer);
    tick();
  }

  #send(payload: Uint8Array, to?: RemoteInfo): void {
    const done = (error: Error | null): void => {
      if (!error) this.#sent++;
    };
    if (to) this.#socket.send(payload, to.port, to.address, done);
    else this.#socket.send(payload, done);
  }

  #countReceived(from: RemoteInfo): void {
    const now = performance.now();
    const source = from.address.replace(/^::ffff:/, '');
    this.#received++;
    this.#bySource[source] = (this.#bySource[source] ?? 0) + 1;
    if (this.#lastMs !== undefined) this.#gapMsMax = Math.max(this.#gapMsMax, now - this.#lastMs);
    this.#lastMs = now;
    const bucket = Math.floor((now - this.#startMs) / bucketMs);
    this.#timeline[bucket] = (this.#timeline[bucket] ?? 0) + 1;
  }
}

/** Sends one datagram of random bytes and waits until just these come back. */
export async function requestUdp(to: Endpoint, bytes: number, timeoutMs: number): Promise<Requested> {
  const begin = performance.now();
  const socket = await connected(to);
  const payload = randomBytes(bytes);
  return new Promise((resolve) => {
    const finish = (outcome: Requested['outcome']): void => {
      clearTimeout(limit);
      socket.close();
      resolve({ outcome, elapsedMs: performance.now() - begin });
    };
    const fail = (error: NodeJS.ErrnoException): void => finish(error.code === 'ECONNREFUSED' ? 'refused' : 'unreachable');
    const limit = setTimeout(() => finish('timeout'), timeoutMs);
    socket.once('error', fail);
    socket.on('message', (message) => {
      if (message.equals(payload)) finish('replied');
    });
    socket.send(payload, (error) => {
      if (error) fail(error);
    });
  });
}

async function connected(to: Endpoint): Promise<Socket> {
  const socket = createSocket(isIPv6(to.address) ? 'udp6' : 'udp4');
  await bound(socket, to.source === undefined ? {} : { address: to.source });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(to.port, to.address, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return socket;
}

function bound(socket: Socket, options: { port?: number; address?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(options, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}
