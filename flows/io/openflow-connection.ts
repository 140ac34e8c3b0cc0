import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { systemClock } from '../../src/base/clock.ts';
import type { Clock } from '../../src/base/clock.ts';
import { DecodeError } from '../../src/base/errors.ts';
import { decode, Framer } from '../openflow/index.ts';
import type { PacketOut } from '../openflow/index.ts';
import type { DriftCounts, Reconciler, Refused } from '../reconcile/index.ts';
import { Session } from '../session/index.ts';
import type {
  CloseReason,
  FlowReading,
  FlowsRead,
  PacketIn,
  PortChange,
  SessionCounts,
  SessionEffect,
  SessionEvent,
  SessionLimits,
  SessionState,
  SwitchPort,
} from '../session/index.ts';
import { certificateNames } from './ovsdb-tls.ts';

/** Why a connection ended: a reason of the session, or of the transport. */
export type OpenFlowEndCode = CloseReason | 'closed-here' | 'peer-closed' | 'socket-error' | 'tls' | 'too-many';

export interface OpenFlowEnd {
  readonly peerAddress: string;
  readonly certificateName?: string;
  /** Present once the switch has told. */
  readonly datapathId?: string;
  readonly code: OpenFlowEndCode;
  readonly reason: string;
}

/** Called while the switch is owned. A handler must not throw. */
export interface OwnerHandlers {
  /** `realized`, `known` or `pending` of the reconciler may have moved. */
  onProgress(): void;
  /** The switch does not take these; they are set aside and tried again, the rest goes on. */
  onRefused(refused: readonly Refused[]): void;
  onClosed(reason: string): void;
  onMastered?(): void;
  /** The switch has refused MASTER or has taken it away. Without this handler the connection is closed, and when it answers so. */
  onLost?(cause: 'stale' | 'refused' | 'taken', detail: string): 'close' | undefined;
  /** Somebody else changed something; it is being put right. */
  onDrift?(what: 'flows' | 'groups' | 'meters' | 'config', counts: Readonly<DriftCounts>): void;
  onPorts?(ports: ReadonlyMap<number, SwitchPort>): void;
  onPort?(change: PortChange, port: SwitchPort): void;
  onPacketIn?(packet: PacketIn): void;
  /** An error of the switch that answers nothing that is waited for. */
  onSwitchError?(name: string): void;
}

/** One switch over one connection. It is handed out when the switch is known and slave, and lives until `onClosed`. */
export interface SwitchConnection {
  /** 16 hexadecimal digits, as in the `datapath_id` column. */
  readonly datapathId: string;
  readonly version: '1.3' | '1.4' | '1.5';
  /** IP address of the switch without a port, IPv4 unmapped; `unix` for a Unix socket. */
  readonly peerAddress: string;
  /** Subject name of the switch's certificate; only over TLS. */
  readonly certificateName?: string;
  /** That name and every other one of the certificate: the switch's system-id must be among them. */
  readonly certificateNames: readonly string[];
  readonly state: SessionState;
  readonly ports: ReadonlyMap<number, SwitchPort>;
  /**
   * Takes the switch: requests MASTER in the epoch, lists its content, sends the difference and follows `reconciler` from then on. Again
   * with a later epoch it only renews the claim.
   */
  own(reconciler: Reconciler, epoch: number | bigint, handlers: OwnerHandlers): void;
  /** Gives the switch up: slave again, nothing more is sent. */
  release(): void;
  /** The reconciler has something new. Calls of one turn are one. */
  kick(): void;
  /** Deletes the zone's connections. @returns undefined when it is done, or why not; never rejects */
  flushZone(zone: number): Promise<string | undefined>;
  packetOut(packet: PacketOut): void;
  /**
   * Reads installed flows, also of a switch that is another's; readings wait for each other. A switch that does not answer loses its connection.
   * @returns why not, as text, when there is no whole reading; never rejects
   */
  readFlows(reading: FlowReading): Promise<FlowsRead | string>;
  counts(): SessionCounts;
  close(reason: string): void;
}

export interface OpenFlowHandlers {
  onConnection(connection: SwitchConnection): void;
  /** Every connection's end, also of those that never came so far: to be logged and counted. */
  onEnd(end: OpenFlowEnd): void;
}

export interface OpenFlowOptions {
  readonly limits?: Partial<SessionLimits>;
  readonly clock?: Clock;
  /** Sees every byte that is sent, before it is; for recording. */
  readonly onSent?: (bytes: Uint8Array) => void;
}

/** How often deadlines are looked at. */
const tickMs = 250;

/** Bytes that are read before other connections get their turn. */
const turnBytesMax = 1024 * 1024;

/** Carries out what one session says on one open socket: the only place that writes to it, reads it or sets its timer. */
export class SwitchDriver implements SwitchConnection {
  readonly peerAddress: string;
  readonly certificateName?: string;
  readonly certificateNames: readonly string[];
  datapathId = '';
  version: '1.3' | '1.4' | '1.5' = '1.3';
  readonly #socket: Socket;
  readonly #session: Session;
  readonly #handlers: OpenFlowHandlers;
  readonly #clock: Clock;
  readonly #onSent: ((bytes: Uint8Array) => void) | undefined;
  readonly #framer = new Framer();
  readonly #flushes = new Map<number, (error: string | undefined) => void>();
  readonly #readings = new Map<number, (read: FlowsRead | string) => void>();
  #owner: OwnerHandlers | undefined;
  #timer: NodeJS.Timeout | undefined;
  #nextToken = 1;
  #turnBytes = 0;
  #isReading = false;
  #isFlushing = false;
  #isKicked = false;
  #end: { readonly code: OpenFlowEndCode; readonly reason: string } | undefined;
  #isClosed = false;

  constructor(socket: Socket, peerAddress: string, handlers: OpenFlowHandlers, options: OpenFlowOptions) {
    this.peerAddress = peerAddress;
    this.certificateNames = socket instanceof TLSSocket ? certificateNames(socket) : [];
    if (this.certificateNames[0] !== undefined) this.certificateName = this.certificateNames[0];
    this.#socket = socket;
    this.#session = new Session(options.limits);
    this.#handlers = handlers;
    this.#clock = options.clock ?? systemClock;
    this.#onSent = options.onSent;
  }

  /** To be called once, when the socket is open. */
  start(): this {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#flush());
    socket.on('error', (error) => this.#shut('socket-error', error.message));
    socket.on('end', () => this.#shut('peer-closed', 'the switch closed the connection'));
    socket.on('close', () => this.#finish());
    this.#timer = setInterval(() => this.#step({ kind: 'tick' }), tickMs);
    this.#step({ kind: 'connected' });
    return this;
  }

  get state(): SessionState {
    return this.#session.state;
  }

  get ports(): ReadonlyMap<number, SwitchPort> {
    return this.#session.ports;
  }

  own(reconciler: Reconciler, epoch: number | bigint, handlers: OwnerHandlers): void {
    if (this.#isClosed) return handlers.onClosed(this.#ending().reason);
    this.#owner = handlers;
    this.#step({ kind: 'own', reconciler, generationId: BigInt(epoch) });
  }

  release(): void {
    this.#owner = undefined;
    this.#step({ kind: 'release' });
  }

  kick(): void {
    if (this.#isKicked) return;
    this.#isKicked = true;
    queueMicrotask(() => {
      this.#isKicked = false;
      this.#flush();
    });
  }

  flushZone(zone: number): Promise<string | undefined> {
    if (this.#isClosed) return Promise.resolve('the connection ended');
    const token = this.#nextToken++;
    return new Promise((resolve) => {
      this.#flushes.set(token, resolve);
      this.#step({ kind: 'flush-zone', zone, token });
    });
  }

  readFlows(reading: FlowReading): Promise<FlowsRead | string> {
    if (this.#isClosed) return Promise.resolve('the connection ended');
    const token = this.#nextToken++;
    return new Promise((resolve) => {
      this.#readings.set(token, resolve);
      this.#step({ kind: 'read-flows', reading, token });
    });
  }

  packetOut(packet: PacketOut): void {
    this.#step({ kind: 'packet-out', packet });
  }

  counts(): SessionCounts {
    return this.#session.counts;
  }

  close(reason: string): void {
    this.#shut('closed-here', reason);
  }

  #read(chunk: Buffer): void {
    this.#isReading = true;
    try {
      this.#framer.push(chunk, (frame) => {
        if (this.#end) return;
        this.#step(this.#session.countsIn(frame) ? { kind: 'counts', frame } : { kind: 'message', message: decode(frame) });
      });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#step({ kind: 'broken', detail: error.message });
    } finally {
      this.#isReading = false;
    }
    this.#flush();
    this.#turnBytes += chunk.length;
    if (this.#turnBytes >= turnBytesMax) this.#yield();
  }

  #yield(): void {
    this.#socket.pause();
    setImmediate(() => {
      this.#turnBytes = 0;
      this.#socket.resume();
    });
  }

  #step(event: SessionEvent): void {
    if (this.#isClosed) return;
    this.#take(event);
    if (!this.#isReading) this.#flush();
  }

  #take(event: SessionEvent): void {
    for (const effect of this.#session.step(event, this.#clock.nowMs())) this.#perform(effect);
  }

  /** Ends a turn: what was said goes out, and the room that is left lets the session say more. */
  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    let isSaying = true;
    while (isSaying && !this.#isClosed && !this.#socket.destroyed) {
      const bytes = this.#session.take();
      if (bytes) {
        this.#onSent?.(bytes);
        this.#socket.write(bytes);
      }
      this.#take({ kind: 'queued', bytes: this.#socket.writableLength });
      isSaying = this.#session.hasOutput;
    }
    this.#isFlushing = false;
  }

  #perform(effect: SessionEffect): void {
    const owner = this.#owner;
    switch (effect.kind) {
      case 'close':
        return this.#shut(effect.reason, effect.detail);
      case 'joined':
        this.datapathId = effect.datapathId.toString(16).padStart(16, '0');
        this.version = effect.version;
        return this.#handlers.onConnection(this);
      case 'zone-flushed': {
        const resolve = this.#flushes.get(effect.token);
        this.#flushes.delete(effect.token);
        return resolve?.(effect.error);
      }
      case 'flows-read': {
        const resolve = this.#readings.get(effect.token);
        this.#readings.delete(effect.token);
        return resolve?.(effect.read ?? effect.error ?? 'nothing was read');
      }
      case 'lost':
        if (owner?.onLost && owner.onLost(effect.cause, effect.detail) !== 'close') return;
        return this.#shut('refused', `the role of master is lost: ${effect.detail}`);
      case 'mastered':
        return owner?.onMastered?.();
      case 'progress':
        return owner?.onProgress();
      case 'refused':
        return owner?.onRefused(effect.refused);
      case 'drift':
        return owner?.onDrift?.(effect.what, effect.counts);
      case 'ports':
        return owner?.onPorts?.(effect.ports);
      case 'port':
        return owner?.onPort?.(effect.change, effect.port);
      case 'packet-in':
        return owner?.onPacketIn?.(effect.packet);
      case 'switch-error':
        return owner?.onSwitchError?.(effect.name);
    }
  }

  #shut(code: OpenFlowEndCode, reason: string): void {
    this.#end ??= { code, reason };
    this.#socket.destroy();
  }

  #ending(): OpenFlowEnd {
    const { code, reason } = this.#end ?? { code: 'peer-closed', reason: 'the connection ended' };
    return {
      peerAddress: this.peerAddress,
      ...(this.certificateName !== undefined && { certificateName: this.certificateName }),
      ...(this.datapathId !== '' && { datapathId: this.datapathId }),
      code,
      reason,
    };
  }

  #finish(): void {
    clearInterval(this.#timer);
    this.#step({ kind: 'disconnected' });
    this.#isClosed = true;
    const end = this.#ending();
    this.#owner?.onClosed(`${end.code}: ${end.reason}`);
    this.#owner = undefined;
    this.#handlers.onEnd(end);
  }
}
