import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
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
 * Waits for switches that dial us: `ovs-vsctl set-manager tcp:HOST:PORT`, or `ssl:` with `tls`. Each connection has a session of its own:
 * ovsdb-server keeps history only for clustered databases, so a switch's own has nothing to resume from.
 * @throws the error of `listen`, such as EADDRINUSE, or of a key or certificate that is none.
 */
export async function listenOvsdb(options: ListenOptions, handlers: OvsdbHandlers): Promise<OvsdbListener> {
  const limits = { ...sessionLimits, ...options.limits };
  const perAddressMax = options.connectionsPerAddressMax ?? 256;
  if (options.tls) createSecureContext({ key: options.tls.key, cert: options.tls.cert, ca: options.tls.ca });
  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();
  const refuse = (peerAddress: string, code: EndCode, reason: string): void => handlers.onEnd({ peerAddress, code, reason, synced: false });

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
    const begin = (socket: Socket): ConnectionDriver =>
      new ConnectionDriver(socket, new OvsdbSession(limits), address, handlers, options).start();
    if (track(raw, address) > perAddressMax) {
      refuse(address, 'too-many', `more than ${perAddressMax} connections from one address`);
      raw.destroy();
    } else if (options.tls) secure(raw, options.tls, limits.handshakeTimeoutMs, begin, (error) => refuse(address, 'tls', error.message));
    else begin(raw);
  });
  server.maxConnections = options.connectionsMax ?? 4096;
  server.on('drop', (dropped) =>
    refuse(peerAddressOf(dropped?.remoteAddress), 'too-many', `more than ${server.maxConnections} connections`),
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
  return { host: address, port, close };
}
