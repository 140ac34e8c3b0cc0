import type { Socket } from 'node:net';
import { DecodeError, reasonOf, WeirError } from '../../src/base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import { type Refusal, refusalAt } from '../version/index.ts';
import { Connection, type Hello, readHello } from './connection.ts';
import type { Frame } from './frame.ts';
import { decodeMessage, readOffer } from './message.ts';
import type { Reply } from './peer.ts';
import type { SnapshotOffer, TransportHandlers } from './port.ts';

export interface InboundOptions {
  /** Of this member; `to` is filled in. */
  readonly hello: Omit<Hello, 'to'>;
  /** Who is on the other side, when that is proved; undefined: anybody may say who it is. */
  readonly proved: MemberId | undefined;
  /** Why the member is none of ours, if it is not. */
  readonly refusalOf: (hello: Hello) => Refusal | undefined;
  readonly onGreeted: (hello: Hello) => void;
  readonly handlers: TransportHandlers;
  readonly onEnd: (error: WeirError) => void;
}

const helloTimeoutMs = 5_000;
const requestsMax = 1_000;
/** Chunks that wait to be written before the sender is told to wait, by not being read. */
const chunksMax = 16;

/** What another member asks, on a connection that it made: hello, then messages, requests and snapshots. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #greeting: Hello | undefined;
  #requests = 0;
  #snapshot: Incoming | undefined;

  constructor(socket: Socket, options: InboundOptions) {
    this.#options = options;
    this.#socket = socket;
    this.#connection = new Connection(
      socket,
      (frame) => this.#receive(frame),
      (error) => {
        clearTimeout(this.#timer);
        this.#snapshot?.fail(error);
        options.onEnd(error);
      },
    );
    this.#timer = setTimeout(() => this.#connection.end('timeout', `no greeting within ${helloTimeoutMs} ms`), helloTimeoutMs);
  }

  #receive(frame: Frame): void {
    const from = this.#greeting?.from;
    if (from === undefined) {
      this.#greet(frame);
      return;
    }
    switch (frame.kind) {
      case 'ping':
        this.#connection.send('pong', 0);
        return;
      case 'message':
        this.#options.handlers.onMessage(decodeMessage(frame, from, this.#options.hello.from));
        return;
      case 'request':
        void this.#answer(idOf(frame.head), readRequest(frame.body), from);
        return;
      case 'snapshot':
        void this.#install(idOf(frame.head), readOffer(frame.head), from);
        return;
      case 'chunk':
        this.#snapshot?.push(Buffer.from(frame.body));
        return;
      case 'end':
        this.#snapshot?.push(undefined);
        return;
      default:
        this.#connection.end('protocol', `unexpected ${frame.kind}`);
    }
  }

  #greet(frame: Frame): void {
    const { hello, onGreeted } = this.#options;
    const theirs = frame.kind === 'hello' ? readHello(frame.head) : undefined;
    const refusal = theirs === undefined ? undefined : this.#refusalOf(theirs);
    if (theirs === undefined || refusal !== undefined) {
      this.#connection.refuse(refusal ?? refused('no hello'));
      return;
    }
    clearTimeout(this.#timer);
    this.#greeting = theirs;
    this.#connection.opened();
    this.#connection.send('hello', { ...hello, to: theirs.from } satisfies Hello);
    onGreeted(theirs);
  }

  #refusalOf(theirs: Hello): Refusal | undefined {
    const { hello, proved, refusalOf } = this.#options;
    if (theirs.cluster !== hello.cluster) return refused(`it belongs to another cluster${foundersBeside(theirs, hello)}`);
    if (theirs.to !== hello.from) return refused(`it looks for ${JSON.stringify(theirs.to)}, and this is ${hello.from}`);
    if (proved !== undefined && proved !== theirs.from) return refused(`its certificate is not that of ${theirs.from}`);
    // Whatever is active is between these.
    return refusalAt(Math.min(Math.max(theirs.version, hello.versionMin), hello.version), theirs) ?? refusalOf(theirs);
  }

  async #answer(id: number, request: unknown, from: MemberId): Promise<void> {
    if (this.#requests >= requestsMax) {
      this.#reply({ id, error: { code: 'store-busy', message: `${requestsMax} requests of ${from} are under way` } });
      return;
    }
    this.#requests++;
    try {
      this.#reply({ id, value: await this.#options.handlers.onRequest(from, request) });
    } catch (error) {
      this.#reply({ id, error: errorOf(error) });
    } finally {
      this.#requests--;
    }
  }

  async #install(id: number, offer: SnapshotOffer, from: MemberId): Promise<void> {
    if (this.#snapshot !== undefined) {
      this.#reply({ id, error: { code: 'store-busy', message: 'a snapshot is being installed' } });
      return;
    }
    const incoming = new Incoming(this.#socket);
    this.#snapshot = incoming;
    try {
      await this.#options.handlers.onSnapshot(from, offer, incoming);
      this.#reply({ id });
    } catch (error) {
      this.#reply({ id, error: errorOf(error) });
    } finally {
      incoming.fail(new WeirError('closed', 'the snapshot is over'));
      this.#snapshot = undefined;
    }
  }

  #reply(reply: Reply): void {
    this.#connection.send('reply', reply);
  }

  /** What the other side said of itself. */
  get greeting(): Hello | undefined {
    return this.#greeting;
  }

  refuse(refusal: Refusal): void {
    this.#connection.refuse(refusal);
  }

  end(code: string, reason: string): void {
    this.#connection.end(code, reason);
  }
}

const refused = (reason: string): Refusal => ({ code: 'refused', reason });

function idOf(head: unknown): number {
  const id = (head as { readonly id?: unknown } | null)?.id;
  if (typeof id !== 'number') throw new DecodeError('malformed-message', 0, 'a request without a number');
  return id;
}

function readRequest(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new DecodeError('malformed-message', 0, 'a request is not JSON');
  }
}

function errorOf(error: unknown): { readonly code: string; readonly message: string } {
  return { code: error instanceof WeirError ? error.code : 'internal', message: reasonOf(error) };
}

/** The chunks of a snapshot as they come; while many wait, the connection is not read. */
class Incoming implements AsyncIterable<Uint8Array> {
  readonly #socket: Socket;
  readonly #chunks: (Uint8Array | undefined)[] = [];
  #failure: WeirError | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Undefined: that was all. */
  push(chunk: Uint8Array | undefined): void {
    if (this.#failure !== undefined) return;
    this.#chunks.push(chunk);
    if (this.#chunks.length >= chunksMax) this.#socket.pause();
    this.#wake?.();
  }

  fail(error: WeirError): void {
    this.#failure ??= error;
    this.#socket.resume();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#chunks.length === 0) {
        if (this.#failure !== undefined) throw this.#failure;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const chunk = this.#chunks.shift();
      if (this.#chunks.length < chunksMax / 2) this.#socket.resume();
      if (chunk === undefined) return;
      yield chunk;
    }
  }
}

/** Lists that contradict each other make clusters of their own, which nobody wanted. */
function foundersBeside(theirs: Pick<Hello, 'founders'>, ours: Pick<Hello, 'founders'>): string {
  if (theirs.founders === undefined || ours.founders === undefined) return '';
  return `: it was founded by ${theirs.founders}, and this one by ${ours.founders}`;
}
