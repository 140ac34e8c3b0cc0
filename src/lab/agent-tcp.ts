import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server, Socket } from 'node:net';
import type { Connected, ConnectOutcome, Endpoint, Exchanged, Transferred } from './agent-protocol.ts';

export class TcpService {
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Listens on both families. `echo` returns what it gets; `digest` answers with size and SHA-256 once the caller has sent all. */
export function listenTcp(port: number, service: 'echo' | 'digest'): Promise<TcpService> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A caller that is cut off is what the probes are for: the caller's side reports it.
    socket.on('error', () => socket.destroy());
    if (service === 'echo') socket.pipe(socket);
    else answerDigest(socket);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '::' }, () => resolve(new TcpService(server, sockets)));
  });
}

function answerDigest(socket: Socket): void {
  const hash = createHash('sha256');
  let bytes = 0;
  socket.on('data', (chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  socket.once('end', () => socket.end(`${bytes} ${hash.digest('hex')}`));
}

/** A connection to an echo service. Once it has failed or ended it stays `closed`. */
export class OpenConnection {
  readonly socket: Socket;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const markClosed = (): void => void (this.closed = true);
    socket.on('error', markClosed).on('close', markClosed).on('end', markClosed);
  }

  close(): void {
    this.socket.destroy();
  }
}

export function connectTcp(to: Endpoint, timeoutMs: number): Promise<Connected & { connection?: OpenConnection }> {
  const begin = performance.now();
  return new Promise((resolve) => {
    const socket = new Socket();
    const connection = new OpenConnection(socket);
    const finish = (outcome: ConnectOutcome): void => {
      clearTimeout(limit);
      if (outcome !== 'connected') socket.destroy();
      const connected = { outcome, elapsedMs: performance.now() - begin };
      resolve(outcome === 'connected' ? { ...connected, connection } : connected);
    };
    const limit = setTimeout(() => finish('timeout'), timeoutMs);
    socket.once('error', (error) => finish(outcomeOf(error)));
    socket.once('connect', () => finish('connected'));
    socket.connect({ host: to.address, port: to.port, ...(to.source === undefined ? {} : { localAddress: to.source }) });
    socket.setNoDelay(true);
  });
}

function outcomeOf(error: NodeJS.ErrnoException): Exclude<ConnectOutcome, 'connected'> {
  if (error.code === 'ECONNREFUSED') return 'refused';
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return 'reset';
  return error.code === 'ETIMEDOUT' ? 'timeout' : 'unreachable';
}

/** Sends random bytes to a digest service and compares its digest with ours. */
export async function transferTcp(to: Endpoint, bytes: number, timeoutMs: number): Promise<Transferred> {
  const begin = performance.now();
  const { connection, outcome } = await connectTcp(to, timeoutMs);
  if (!connection) return { outcome: outcome === 'connected' ? 'reset' : outcome, elapsedMs: performance.now() - begin, bytesReceived: 0 };
  const { socket } = connection;
  const hash = createHash('sha256');
  const block = randomBytes(Math.min(bytes, 65_536));
  return new Promise((resolve) => {
    let answer = '';
    const finish = (result: Transferred['outcome']): void => {
      clearTimeout(limit);
      socket.destroy();
      resolve({ outcome: result, elapsedMs: performance.now() - begin, bytesReceived: Number(answer.split(' ')[0] ?? 0) });
    };
    const limit = setTimeout(() => finish('timeout'), Math.max(0, timeoutMs - (performance.now() - begin)));
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.once('error', (error) => finish(outcomeOf(error)));
    socket.once('end', () => finish(answer === `${bytes} ${hash.digest('hex')}` ? 'complete' : 'corrupt'));
    let left = bytes;
    const send = (): void => {
      while (left > 0) {
        const part = block.subarray(0, Math.min(left, block.length));
        hash.update(part);
        left -= part.length;
        if (!socket.write(part)) return void socket.once('drain', send);
      }
      socket.end();
    };
    send();
  });
}

/** Sends a token over an open connection and waits for its echo. Tokens of exchanges that timed out may come late and are skipped. */
export function exchangeTcp(connection: OpenConnection, timeoutMs: number): Promise<Exchanged> {
  const begin = performance.now();
  const token = `${randomBytes(16).toString('hex')}\n`;
  return new Promise((resolve) => {
    const { socket } = connection;
    let text = '';
    const finish = (outcome: Exchanged['outcome']): void => {
      clearTimeout(limit);
      socket.off('data', receive).off('close', closed).off('end', closed);
      resolve({ outcome, elapsedMs: performance.now() - begin });
    };
    const receive = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (text.includes(token)) finish('echoed');
    };
    const closed = (): void => finish('closed');
    const limit = setTimeout(() => finish('timeout'), timeoutMs);
    if (connection.closed) return finish('closed');
    socket.on('data', receive).once('close', closed).once('end', closed);
    socket.write(token);
  });
}
