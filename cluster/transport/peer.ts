import type { Socket } from 'node:net';
import { DecodeError, WeirError } from '../../src/base/errors.ts';
import type { MemberId, Message } from '../raft/types.ts';
import type { Refusal } from '../version/index.ts';
import { Connection, type Hello, readHello } from './connection.ts';
import type { Frame } from './frame.ts';
import { encodeMessage } from './message.ts';
import type { SnapshotOffer } from './port.ts';

export interface PeerOptions {
  readonly id: MemberId;
  /** What this member says first; `to` is filled in. */
  readonly hello: Omit<Hello, 'to'>;
  /** A socket that is on its way to the member, secured and checked to be the member's. */
  readonly dial: () => Socket;
  /** Why whoever answers is none of ours, if it is not. */
  readonly refusalOf: (hello: Hello) => Refusal | undefined;
  readonly onUnreachable: () => void;
  /** The other says that this member was removed. */
  readonly onRemoved: () => void;
  /** For the log: that it cannot be reached and why, each reason once, and that it can again. */
  readonly onState: (state: 'up' | 'down', reason: string, code: string) => void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: WeirError) => void;
  readonly timer: NodeJS.Timeout;
}

const connectTimeoutMs = 2_000;
const pingIntervalMs = 500;
/** Without an answer for so long the connection is given up: after a partition a new one is quicker than the old one's retransmissions. */
const silenceMsMax = 2_000;
const retryMsMin = 50;
const retryMsMax = 1_000;
const waitingMax = 10_000;
const snapshotTimeoutMs = 600_000;

/**
 * The way to one other member. Dials, and dials again: away → connecting → greeted → away. Everything this member asks goes out on its own connection;
 * what the other asks comes in on the other's.
 */
export class Peer {
  readonly #options: PeerOptions;
  #connection: Connection | undefined;
  #isUp = false;
  #run: string | undefined;
  /** Why it was lost or could not be made, since it stood last: each is told once. */
  readonly #reported = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #retryMs = retryMsMin;
  #heardMs = 0;
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();
  #closed = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#connect();
  }

  #connect(): void {
    const { id, hello, dial } = this.#options;
    const socket = dial();
    const connection = new Connection(
      socket,
      (frame) => this.#receive(connection, frame),
      (error) => this.#lost(connection, error),
    );
    this.#connection = connection;
    this.#timer = setTimeout(() => connection.end('timeout', `no greeting within ${connectTimeoutMs} ms`), connectTimeoutMs);
    connection.send('hello', { ...hello, to: id } satisfies Hello);
  }

  #receive(connection: Connection, { kind, head }: Frame): void {
    this.#heardMs = performance.now();
    if (kind === 'hello' && !this.#isUp) this.#greeted(connection, readHello(head));
    else if (kind === 'reply' && this.#isUp) this.#answered(readReply(head));
    else if (kind === 'refused') this.#refused(connection, head);
    else if (kind !== 'pong') connection.end('protocol', `unexpected ${kind}`);
  }

  #refused(connection: Connection, head: unknown): void {
    const [code, reason] = readRefusal(head);
    if (code === 'removed') this.#options.onRemoved();
    connection.end(code, reason);
  }

  #greeted(connection: Connection, hello: Hello | undefined): void {
    const refusal = hello && this.#options.refusalOf(hello);
    if (hello === undefined) return connection.end('protocol', 'no hello');
    if (refusal !== undefined) return connection.end('refused', refusal.reason);
    connection.opened();
    clearTimeout(this.#timer);
    this.#isUp = true;
    this.#run = hello.run;
    this.#retryMs = retryMsMin;
    if (this.#reported.size > 0) this.#options.onState('up', 'connected', '');
    this.#reported.clear();
    this.#timer = setInterval(() => {
      const silentMs = performance.now() - this.#heardMs;
      if (silentMs > silenceMsMax) connection.end('timeout', `silent for ${Math.round(silentMs)} ms`);
      else connection.send('ping', 0);
    }, pingIntervalMs);
  }

  #lost(connection: Connection, error: WeirError): void {
    if (connection !== this.#connection) return;
    clearTimeout(this.#timer);
    clearInterval(this.#timer);
    const wasUp = this.#isUp;
    this.#connection = undefined;
    this.#isUp = false;
    for (const [id, waiting] of this.#waiting) this.#settle(id, () => waiting.reject(new WeirError('unreachable', error.message)));
    if (this.#closed) return;
    if (wasUp) this.#options.onUnreachable();
    if (!this.#reported.has(error.message) && this.#reported.size < reasonsMax) {
      this.#reported.add(error.message);
      this.#options.onState('down', error.message, error.code);
    }
    this.#timer = setTimeout(() => this.#connect(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax);
  }

  /** The process that the other is, while it is up and says so. */
  get run(): string | undefined {
    return this.#isUp ? this.#run : undefined;
  }

  send(message: Message): void {
    const { head, body } = encodeMessage(message);
    if (!this.#isUp || this.#connection?.send('message', head, body) !== true) {
      if (message.kind === 'append') this.#options.onUnreachable();
    }
  }

  request(request: unknown, timeoutMs: number): Promise<unknown> {
    return this.#ask('request', timeoutMs, {}, JSON.stringify(request));
  }

  #ask(
    kind: 'request' | 'snapshot',
    timeoutMs: number,
    head: object,
    body: string | readonly Uint8Array[],
    onId?: (id: number) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      if (!this.#isUp || this.#waiting.size >= waitingMax || this.#connection?.send(kind, { id, ...head }, body) !== true) {
        reject(new WeirError('unreachable', `${this.#options.id} cannot be reached`));
        return;
      }
      const timer = setTimeout(() => {
        this.#settle(id, () => reject(new WeirError('timeout', `${this.#options.id} did not answer within ${timeoutMs} ms`)));
      }, timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      onId?.(id);
    });
  }

  #answered(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#settle(reply.id, () => {
      if (reply.error === undefined) waiting.resolve(reply.value);
      else waiting.reject(new WeirError(reply.error.code, reply.error.message));
    });
  }

  #settle(id: number, end: () => void): void {
    clearTimeout(this.#waiting.get(id)?.timer);
    if (this.#waiting.delete(id)) end();
  }

  /** One after the other on the connection; the answer comes when it is installed. */
  async sendSnapshot(offer: SnapshotOffer, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const connection = this.#connection;
    let id = 0;
    const installed = this.#ask('snapshot', snapshotTimeoutMs, offer, [], (given) => {
      id = given;
    });
    // It may fail while chunks are still being sent.
    installed.catch(() => undefined);
    for await (const chunk of chunks) {
      if (connection === undefined || !this.#waiting.has(id) || !connection.send('chunk', { id }, [chunk])) break;
      await connection.drained();
    }
    connection?.send('end', { id });
    await installed;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#timer);
    this.#connection?.end('closed', 'this member stops');
  }
}

const reasonCharactersMax = 500;
const reasonsMax = 20;

const refusalCodes: ReadonlySet<unknown> = new Set<Refusal['code']>(['removed', 'release-too-old', 'release-too-new']);

/** The code, where it is one that says what to do, and the reason. */
function readRefusal(head: unknown): [code: Refusal['code'], reason: string] {
  const { code, reason } = (typeof head === 'object' && head !== null ? head : {}) as {
    readonly code?: unknown;
    readonly reason?: unknown;
  };
  return [refusalCodes.has(code) ? (code as Refusal['code']) : 'refused', `refused: ${String(reason).slice(0, reasonCharactersMax)}`];
}

/** Throws a DecodeError. */
function readReply(head: unknown): Reply {
  const { id, value, error } = (typeof head === 'object' && head !== null ? head : {}) as Readonly<Record<string, unknown>>;
  if (typeof id !== 'number') throw new DecodeError('malformed-message', 0, 'a reply without a number');
  if (error === undefined) return { id, value };
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as Readonly<Record<string, unknown>>;
  if (typeof code !== 'string' || typeof message !== 'string') throw new DecodeError('malformed-message', 0, 'an error without a code');
  return { id, error: { code, message } };
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}
