import { connect } from 'node:net';
import { sessionLimits } from '../session/index.ts';
import { listen } from './listener.ts';
import type { Listener } from './listener.ts';
import { SwitchDriver } from './openflow-connection.ts';
import type { OpenFlowHandlers, OpenFlowOptions } from './openflow-connection.ts';
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

export type OpenFlowListener = Listener;

/**
 * Waits for switches: `ovs-vsctl set-controller br-int tcp:HOST:PORT`, or `ssl:` with `tls`.
 * @throws the error of `listen`, such as EADDRINUSE, or of a key or certificate that is none
 */
export async function listenOpenFlow(options: OpenFlowListenOptions, handlers: OpenFlowHandlers): Promise<OpenFlowListener> {
  const { host, port, tls, connectionsMax = 4096, connectionsPerAddressMax = 64 } = options;
  const handshakeTimeoutMs = options.limits?.handshakeTimeoutMs ?? sessionLimits.handshakeTimeoutMs;
  const drivers = new Set<SwitchDriver>();
  const listener = await listen(
    { host, port, handshakeTimeoutMs, connectionsMax, connectionsPerAddressMax, ...(tls && { tls }) },
    {
      onSocket: (socket, peerAddress) => {
        const driver = new SwitchDriver(socket, peerAddress, handlers, options);
        drivers.add(driver);
        socket.on('close', () => drivers.delete(driver));
        driver.start();
      },
      onRefused: (peerAddress, code, reason) => handlers.onEnd({ peerAddress, code, reason }),
    },
  );
  const close = (): Promise<void> => {
    for (const driver of drivers) driver.close('the listener is closed');
    return listener.close();
  };
  return { ...listener, close };
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
