import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { sessionLimits } from '../session/index.ts';
import { SwitchDriver } from './openflow-connection.ts';
import type { OpenFlowEndCode, OpenFlowHandlers, OpenFlowOptions } from './openflow-connection.ts';
import { tlsVersionMin } from './ovsdb-tls.ts';
import type { OvsdbTls } from './ovsdb-tls.ts';

export type {
  OpenFlowEnd,
  OpenFlowEndCode,
  OpenFlowHandlers,
  OpenFlowOptions,
  OwnerHandlers,
  SwitchConnection,
} from './openflow-connection.ts';

export interface OpenFlowListenOptions extends OpenFlowOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Without it the listener speaks plain TCP. */
  readonly tls?: OvsdbTls;
  readonly connectionsMax?: number;
  /** So that one broken host cannot take every place. */
  readonly connectionsPerAddressMax?: number;
}

export interface OpenFlowListener {
  readonly host: string;
  readonly port: number;
  /** Ends the listener and all of its connections. */
  close(): Promise<void>;
}

/** A dual-stack listener shows IPv4 peers as `::ffff:10.0.0.1`. */
function addressOf(socket: Pick<Socket, 'remoteAddress'>): string {
  return (socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/i, '');
}

function createListener({ tls }: OpenFlowListenOptions, handshakeTimeoutMs: number, onSocket: (socket: Socket) => void): Server {
  if (!tls) return createServer({ noDelay: true }, onSocket);
  const { key, cert, ca } = tls;
  const verified = {
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: tlsVersionMin,
    handshakeTimeout: handshakeTimeoutMs,
  } as const;
  return createTlsServer({ key, cert, ca, ...verified }, onSocket);
}

/**
 * Waits for switches: `ovs-vsctl set-controller br-int tcp:HOST:PORT`, or `ssl:` with `tls`.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function listenOpenFlow(options: OpenFlowListenOptions, handlers: OpenFlowHandlers): Promise<OpenFlowListener> {
  const handshakeTimeoutMs = options.limits?.handshakeTimeoutMs ?? sessionLimits.handshakeTimeoutMs;
  const perAddressMax = options.connectionsPerAddressMax ?? 64;
  const sockets = new Set<Socket>();
  const drivers = new Set<SwitchDriver>();
  const perAddress = new Map<string, number>();
  const refuse = (socket: Pick<Socket, 'remoteAddress'>, code: OpenFlowEndCode, reason: string): void =>
    handlers.onEnd({ peerAddress: addressOf(socket), code, reason });

  const server = createListener(options, handshakeTimeoutMs, (socket) => {
    if (socket.destroyed) return;
    const driver = new SwitchDriver(socket, addressOf(socket), handlers, options);
    drivers.add(driver);
    socket.on('close', () => drivers.delete(driver));
    driver.start();
  });
  server.maxConnections = options.connectionsMax ?? 4096;
  server.prependListener('connection', (socket: Socket) => {
    const address = addressOf(socket);
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
    refuse(socket, 'too-many', `more than ${perAddressMax} connections from one address`);
    socket.destroy();
  });
  server.on('drop', (dropped) =>
    refuse({ remoteAddress: dropped?.remoteAddress }, 'too-many', `more than ${server.maxConnections} connections`),
  );
  server.on('tlsClientError', (error: Error, socket: Socket) => refuse(socket, 'tls', error.message));

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
      for (const driver of drivers) driver.close('the listener is closed');
      for (const socket of sockets) socket.destroy();
    });
  return { host: address, port, close };
}

/** A switch that waits for us: `ptcp:PORT`, or the `.mgmt` socket of a bridge. The end is told to the handlers, also when there is no connection. */
export function dialOpenFlow(
  target: { readonly host: string; readonly port: number } | { readonly path: string },
  handlers: OpenFlowHandlers,
  options: OpenFlowOptions = {},
): void {
  const peerAddress = 'path' in target ? 'unix' : target.host;
  const socket = connect(target);
  const onError = (error: Error): void => handlers.onEnd({ peerAddress, code: 'socket-error', reason: error.message });
  socket.once('error', onError);
  socket.once('connect', () => {
    socket.removeListener('error', onError);
    new SwitchDriver(socket, peerAddress, handlers, options).start();
  });
}
