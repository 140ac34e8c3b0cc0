import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import { tlsVersionMin } from './ovsdb-tls.ts';
import type { OvsdbTls } from './ovsdb-tls.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Without it the listener speaks plain TCP. */
  readonly tls?: OvsdbTls;
  readonly handshakeTimeoutMs: number;
  readonly connectionsMax: number;
  /** So that one broken host cannot take every place. */
  readonly connectionsPerAddressMax: number;
}

export interface ListenerHandlers {
  /** An open socket, secured if the listener is. */
  onSocket(socket: Socket, peerAddress: string): void;
  onRefused(peerAddress: string, code: 'tls' | 'too-many', reason: string): void;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** For connections from now on. Without effect where the listener speaks plain TCP. */
  renew(tls: OvsdbTls): void;
  /** Ends the listener and all of its connections. */
  close(): Promise<void>;
}

/** A dual-stack listener shows IPv4 peers as `::ffff:10.0.0.1`. */
export function peerAddressOf(remoteAddress: string | undefined): string {
  return (remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/i, '');
}

/**
 * The TLS side of one accepted socket: the client must show a certificate that the authority signed. A TLS server for each connection,
 * because one for all tells of a failed handshake when the socket no longer knows where it came from.
 */
function secure(
  raw: Socket,
  tls: OvsdbTls,
  handshakeTimeoutMs: number,
  onSecure: (socket: Socket) => void,
  onFailure: (error: Error) => void,
): void {
  const verified = {
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: tlsVersionMin,
    handshakeTimeout: handshakeTimeoutMs,
  } as const;
  const server = createTlsServer({ key: tls.key, cert: tls.cert, ca: tls.ca, ...verified }, onSecure);
  server.on('tlsClientError', (error) => {
    onFailure(error);
    raw.destroy();
  });
  server.emit('connection', raw);
}

/**
 * Where switches dial in, whatever they speak: bounds connections, in all and for each address, and secures them.
 * @throws the error of `listen`, such as EADDRINUSE, or of a key or certificate that is none.
 */
export async function listen(options: ListenerOptions, handlers: ListenerHandlers): Promise<Listener> {
  const { handshakeTimeoutMs, connectionsPerAddressMax } = options;
  let { tls } = options;
  if (tls) createSecureContext({ key: tls.key, cert: tls.cert, ca: tls.ca });
  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();

  const track = (socket: Socket, address: string): number => {
    const count = (perAddress.get(address) ?? 0) + 1;
    perAddress.set(address, count);
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    });
    return count;
  };
  const server = createServer((raw) => {
    const address = peerAddressOf(raw.remoteAddress);
    const begin = (socket: Socket): void => handlers.onSocket(socket, address);
    if (track(raw, address) > connectionsPerAddressMax) {
      handlers.onRefused(address, 'too-many', `more than ${connectionsPerAddressMax} connections from one address`);
      raw.destroy();
    } else if (tls) secure(raw, tls, handshakeTimeoutMs, begin, (error) => handlers.onRefused(address, 'tls', error.message));
    else begin(raw);
  });
  server.maxConnections = options.connectionsMax;
  server.on('drop', (dropped) =>
    handlers.onRefused(peerAddressOf(dropped?.remoteAddress), 'too-many', `more than ${server.maxConnections} connections`),
  );

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  const renew = (next: OvsdbTls): void => {
    if (tls) tls = next;
  };
  return { host: address, port, renew, close };
}
