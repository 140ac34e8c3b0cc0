import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { OvsdbSession, sessionLimits } from '../ovsdb/index.ts';
import { ConnectionDriver, peerAddressOf } from './ovsdb-connection.ts';
import type { EndCode, OvsdbHandlers, OvsdbOptions } from './ovsdb-connection.ts';
import { tlsVersionMin } from './ovsdb-tls.ts';
import type { OvsdbTls } from './ovsdb-tls.ts';

export interface ListenOptions extends OvsdbOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Without it the listener speaks plain TCP. */
  readonly tls?: OvsdbTls;
  readonly connectionsMax?: number;
  /** So that one broken host cannot take every place. */
  readonly connectionsPerAddressMax?: number;
}

export interface OvsdbListener {
  readonly host: string;
  readonly port: number;
  /** Ends the listener and all of its connections. */
  close(): Promise<void>;
}

function createListener(options: ListenOptions, handshakeTimeoutMs: number, onSocket: (socket: Socket) => void): Server {
  if (!options.tls) return createServer(onSocket);
  const { key, cert, ca } = options.tls;
  const verified = {
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: tlsVersionMin,
    handshakeTimeout: handshakeTimeoutMs,
  } as const;
  return createTlsServer({ key, cert, ca, ...verified }, onSocket);
}

/**
 * Waits for switches that dial us: `ovs-vsctl set-manager tcp:HOST:PORT`, or `ssl:` with `tls`. Each connection has a session of its own:
 * ovsdb-server keeps history only for clustered databases, so a switch's own has nothing to resume from.
 * @throws the error of `listen`, such as EADDRINUSE.
 */
export async function listenOvsdb(options: ListenOptions, handlers: OvsdbHandlers): Promise<OvsdbListener> {
  const limits = { ...sessionLimits, ...options.limits };
  const perAddressMax = options.connectionsPerAddressMax ?? 256;
  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();
  const refuse = (remoteAddress: string | undefined, code: EndCode, reason: string): void =>
    handlers.onEnd({ peerAddress: peerAddressOf(remoteAddress), code, reason, synced: false });

  const server = createListener(options, limits.handshakeTimeoutMs, (socket) => {
    if (socket.destroyed) return;
    new ConnectionDriver(socket, new OvsdbSession(limits), peerAddressOf(socket.remoteAddress), handlers, options);
  });
  server.maxConnections = options.connectionsMax ?? 4096;
  server.prependListener('connection', (socket: Socket) => {
    const address = peerAddressOf(socket.remoteAddress);
    const count = (perAddress.get(address) ?? 0) + 1;
    perAddress.set(address, count);
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    });
    if (count <= perAddressMax) return;
    refuse(address, 'too-many', `more than ${perAddressMax} connections from one address`);
    socket.destroy();
  });
  server.on('drop', (dropped) => refuse(dropped?.remoteAddress, 'too-many', `more than ${server.maxConnections} connections`));
  server.on('tlsClientError', (error: Error, socket: Socket) => refuse(socket.remoteAddress, 'tls', error.message));

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
  return { host: address, port, close };
}
