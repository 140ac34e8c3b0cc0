import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { OvsdbSession, sessionLimits } from '../ovsdb/index.ts';
import { peerAddressOf } from './listener.ts';
import { ConnectionDriver } from './ovsdb-connection.ts';
import type { OvsdbHandlers, OvsdbOptions } from './ovsdb-connection.ts';
import { tlsVersionMin } from './ovsdb-tls.ts';
import type { OvsdbTls } from './ovsdb-tls.ts';

/** A passive remote of an ovsdb-server: `ptcp:`, `pssl:` or `punix:`. */
export type OvsdbTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** The server's certificate must be signed by `tls.ca`; its name is handed out for the caller to check. */
  | { readonly kind: 'ssl'; readonly host: string; readonly port: number; readonly tls: OvsdbTls }
  | { readonly kind: 'unix'; readonly path: string };

export interface DialOptions extends OvsdbOptions {
  /** Pause before the next attempt; doubles up to the longest, and starts over once a replica was whole. */
  readonly backoffMs?: { readonly first: number; readonly longest: number };
}

export interface OvsdbDialer {
  /** Ends the connection and the attempts. */
  close(): void;
}

function open(target: OvsdbTarget, onOpen: () => void): Socket {
  switch (target.kind) {
    case 'tcp':
      return connect({ host: target.host, port: target.port }, onOpen);
    case 'unix':
      return connect({ path: target.path }, onOpen);
    case 'ssl': {
      const { key, cert, ca } = target.tls;
      // Switches are known by system-id, not by host name: the chain is verified, the name is the caller's to judge.
      const verified = { rejectUnauthorized: true, checkServerIdentity: () => undefined, minVersion: tlsVersionMin } as const;
      return connectTls({ host: target.host, port: target.port, key, cert, ca, ...verified }, onOpen);
    }
  }
}

const addressOf = (target: OvsdbTarget, socket: Socket): string =>
  target.kind === 'unix' ? `unix:${target.path}` : peerAddressOf(socket.remoteAddress ?? target.host);

/**
 * Keeps one connection to an ovsdb-server that listens, dialling again whenever it ends. All connections share one session, so the
 * replica and the last transaction id outlive a disconnect.
 */
export function dialOvsdb(target: OvsdbTarget, handlers: OvsdbHandlers, options: DialOptions = {}): OvsdbDialer {
  const limits = { ...sessionLimits, ...options.limits };
  const backoff = options.backoffMs ?? { first: 200, longest: 5_000 };
  const session = new OvsdbSession(limits);
  let pauseMs = backoff.first;
  let end = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const watched: OvsdbHandlers = {
    onConnection(connection) {
      pauseMs = backoff.first;
      handlers.onConnection(connection);
    },
    onEnd(ended) {
      if (!stopped) {
        timer = setTimeout(attempt, pauseMs);
        pauseMs = Math.min(pauseMs * 2, backoff.longest);
      }
      handlers.onEnd(ended);
    },
  };
  const attempt = (): void => {
    let opened = false;
    let failure = 'the connection ended';
    const socket = open(target, () => {
      opened = true;
      clearTimeout(timer);
      const driver = new ConnectionDriver(socket, session, addressOf(target, socket), watched, options);
      end = () => driver.close();
      driver.start();
    });
    socket.on('error', (error) => (failure = error.message));
    socket.on('close', () => {
      if (opened) return;
      clearTimeout(timer);
      watched.onEnd({
        peerAddress: addressOf(target, socket),
        code: stopped ? 'closed-here' : 'socket-error',
        reason: failure,
        synced: false,
      });
    });
    timer = setTimeout(() => socket.destroy(new Error(`no connection after ${limits.handshakeTimeoutMs} ms`)), limits.handshakeTimeoutMs);
    end = () => socket.destroy();
  };
  attempt();
  return {
    close() {
      stopped = true;
      clearTimeout(timer);
      end();
    },
  };
}
