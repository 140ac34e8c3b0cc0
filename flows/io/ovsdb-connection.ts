import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { systemClock } from '../../src/base/clock.ts';
import type { Clock } from '../../src/base/clock.ts';
import { DecodeError } from '../../src/base/errors.ts';
import { configured, JsonStream } from '../ovsdb/index.ts';
import type {
  CloseCode,
  JsonLimits,
  Operations,
  OvsdbSession,
  Replica,
  RowChange,
  SessionEffect,
  SessionEvent,
  SessionLimits,
  TransactResult,
} from '../ovsdb/index.ts';
import { peerAddressOf } from './listener.ts';
import { certificateNames } from './ovsdb-tls.ts';

/** Why a connection ended: a code of the session, or of the transport. */
export type EndCode = CloseCode | 'closed-here' | 'peer-closed' | 'socket-error' | 'tls' | 'too-many';

export interface OvsdbEnd {
  readonly peerAddress: string;
  readonly certificateName?: string;
  readonly code: EndCode;
  readonly reason: string;
  /** Whether a connection object had been handed out. */
  readonly synced: boolean;
}

/** One switch over one connection. It is handed out when the replica is whole and lives until `onClosed`. */
export interface OvsdbConnection {
  /** IP address of the other side without a port, IPv4 unmapped; `unix:PATH` for a Unix socket. */
  readonly peerAddress: string;
  /** Our own end: where the switch can reach this process. */
  readonly localAddress: string;
  /** Subject name of the peer's certificate; only over TLS. */
  readonly certificateName?: string;
  /** That name and every DNS name and IP address of the certificate: the switch's system-id must be among them. */
  readonly certificateNames: readonly string[];
  readonly replica: Replica;
  /** Never rejects: what went wrong is in the result. */
  transact(operations: Operations): Promise<TransactResult>;
  /** Resolves to true when vswitchd has carried out `nextCfg`, to false when not within the time or when the connection ends. */
  configured(nextCfg: number, timeoutMs: number): Promise<boolean>;
  /** Called behind each update with the rows that changed. Returns what takes the listener away. */
  onChange(listener: (changes: readonly RowChange[]) => void): () => void;
  onClosed(listener: (end: OvsdbEnd) => void): void;
  close(): void;
}

export interface OvsdbOptions {
  readonly limits?: Partial<SessionLimits>;
  readonly jsonLimits?: JsonLimits;
  readonly clock?: Clock;
}

export interface OvsdbHandlers {
  onConnection(connection: OvsdbConnection): void;
  /** Every connection's end, also of those that never came so far: to be logged and counted. */
  onEnd(end: OvsdbEnd): void;
}

/** Carries out what one session says on one open socket. The only place that writes to it, reads it or sets its timer. */
export class ConnectionDriver implements OvsdbConnection {
  readonly peerAddress: string;
  readonly localAddress: string;
  readonly certificateName?: string;
  readonly certificateNames: readonly string[];
  readonly replica: Replica;
  readonly #socket: Socket;
  readonly #session: OvsdbSession;
  readonly #handlers: OvsdbHandlers;
  readonly #clock: Clock;
  readonly #stream: JsonStream;
  readonly #waiting = new Map<number, (result: TransactResult) => void>();
  readonly #changeListeners = new Set<(changes: readonly RowChange[]) => void>();
  readonly #closedListeners = new Set<(end: OvsdbEnd) => void>();
  #nextToken = 1;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;
  #synced = false;
  #end: { code: EndCode; reason: string } | undefined;
  #closed = false;

  constructor(socket: Socket, session: OvsdbSession, peerAddress: string, handlers: OvsdbHandlers, options: OvsdbOptions) {
    this.peerAddress = peerAddress;
    this.localAddress = peerAddressOf(socket.localAddress);
    this.certificateNames = socket instanceof TLSSocket ? certificateNames(socket) : [];
    if (this.certificateNames[0] !== undefined) this.certificateName = this.certificateNames[0];
    this.replica = session.replica;
    this.#socket = socket;
    this.#session = session;
    this.#handlers = handlers;
    this.#clock = options.clock ?? systemClock;
    this.#stream = new JsonStream(options.jsonLimits);
  }

  /** To be called once, when the socket is open. */
  start(): this {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#step({ kind: 'queued', bytes: socket.writableLength }));
    socket.on('error', (error) => this.#shut('socket-error', error.message));
    socket.on('end', () => this.#shut('peer-closed', 'the peer closed the connection'));
    socket.on('close', () => this.#finish());
    this.#step({ kind: 'connected' });
    return this;
  }

  transact(operations: Operations): Promise<TransactResult> {
    if (this.#closed) return Promise.resolve({ kind: 'unsent', reason: 'closed' });
    const token = this.#nextToken++;
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve);
      this.#step({ kind: 'transact', token, operations });
    });
  }

  configured(nextCfg: number, timeoutMs: number): Promise<boolean> {
    if (configured(this.replica, nextCfg)) return Promise.resolve(true);
    if (this.#closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (done: boolean): void => {
        clearTimeout(timer);
        forget();
        this.#closedListeners.delete(onClosed);
        resolve(done);
      };
      const onClosed = (): void => settle(false);
      const timer = setTimeout(settle, timeoutMs, false);
      const forget = this.onChange(() => {
        if (configured(this.replica, nextCfg)) settle(true);
      });
      this.#closedListeners.add(onClosed);
    });
  }

  onChange(listener: (changes: readonly RowChange[]) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onClosed(listener: (end: OvsdbEnd) => void): void {
    if (this.#closed) listener(this.#ending());
    else this.#closedListeners.add(listener);
  }

  close(): void {
    this.#shut('closed-here', 'closed on this side');
  }

  #read(chunk: Buffer): void {
    try {
      for (const value of this.#stream.push(chunk)) {
        this.#step({ kind: 'message', value });
        if (this.#end) return;
      }
      this.#step({ kind: 'bytes', bytes: chunk.length, partial: this.#stream.partial });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#step({ kind: 'broken', error });
    }
  }

  #step(event: SessionEvent): void {
    if (this.#closed) return;
    const effects = this.#session.step(event, this.#clock.nowMs());
    for (const effect of effects) this.#perform(effect);
    if (effects.some(({ kind }) => kind === 'send') && !this.#socket.destroyed)
      this.#session.step({ kind: 'queued', bytes: this.#socket.writableLength }, this.#clock.nowMs());
    this.#arm();
  }

  #perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'send':
        if (!this.#socket.destroyed) this.#socket.write(effect.text);
        return;
      case 'close':
        return this.#shut(effect.code, effect.reason);
      case 'changed':
        for (const listener of this.#changeListeners) listener(effect.changes);
        return;
      case 'outcome': {
        const resolve = this.#waiting.get(effect.token);
        this.#waiting.delete(effect.token);
        return resolve?.(effect.result);
      }
      case 'synced':
        this.#synced = true;
        return this.#handlers.onConnection(this);
    }
  }

  /** One timer at most. One that fires too early asks the session again, so it is not moved back with each message. */
  #arm(): void {
    const atMs = this.#closed ? undefined : this.#session.wakeAtMs();
    if (atMs !== undefined && atMs >= this.#timerAtMs) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs ?? Infinity;
    if (atMs === undefined) return;
    const delayMs = Math.max(1, Math.ceil(atMs - this.#clock.nowMs()));
    this.#timer = setTimeout(() => {
      this.#timerAtMs = Infinity;
      this.#step({ kind: 'tick' });
    }, delayMs);
  }

  #shut(code: EndCode, reason: string): void {
    this.#end ??= { code, reason };
    this.#socket.destroy();
  }

  #ending(): OvsdbEnd {
    const { code, reason } = this.#end ?? { code: 'peer-closed', reason: 'the connection ended' };
    const name = this.certificateName;
    return { peerAddress: this.peerAddress, ...(name !== undefined && { certificateName: name }), code, reason, synced: this.#synced };
  }

  #finish(): void {
    const end = this.#ending();
    this.#step({ kind: 'disconnected', reason: `${end.code}: ${end.reason}` });
    this.#closed = true;
    this.#arm();
    for (const listener of this.#closedListeners) listener(end);
    this.#closedListeners.clear();
    this.#changeListeners.clear();
    this.#handlers.onEnd(end);
  }
}
