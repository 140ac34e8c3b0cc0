import { OvsdbSession, sessionLimits } from '../ovsdb/index.ts';
import { listen } from './listener.ts';
import type { Listener } from './listener.ts';
import { ConnectionDriver } from './ovsdb-connection.ts';
import type { OvsdbHandlers, OvsdbOptions } from './ovsdb-connection.ts';
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

export type OvsdbListener = Listener;

/**
 * Waits for switches that dial us: `ovs-vsctl set-manager tcp:HOST:PORT`, or `ssl:` with `tls`. Each connection has a session of its own:
 * ovsdb-server keeps history only for clustered databases, so a switch's own has nothing to resume from.
 * @throws the error of `listen`, such as EADDRINUSE, or of a key or certificate that is none.
 */
export async function listenOvsdb(options: ListenOptions, handlers: OvsdbHandlers): Promise<OvsdbListener> {
  const limits = { ...sessionLimits, ...options.limits };
  const { host, port, tls, connectionsMax = 4096, connectionsPerAddressMax = 256 } = options;
  const bounds = { handshakeTimeoutMs: limits.handshakeTimeoutMs, connectionsMax, connectionsPerAddressMax };
  return listen(
    { host, port, ...bounds, ...(tls && { tls }) },
    {
      onSocket: (socket, peerAddress) =>
        void new ConnectionDriver(socket, new OvsdbSession(limits), peerAddress, handlers, options).start(),
      onRefused: (peerAddress, code, reason) => handlers.onEnd({ peerAddress, code, reason, synced: false }),
    },
  );
}
