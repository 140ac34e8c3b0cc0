import type { Socket } from 'node:net';
import { DecodeError, reasonOf, WeirError } from '../../src/base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import { Connection, type Hello, protocolVersion, protocolVersionMin, type Refusal } from './connection.ts';
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
    if (theirs === undefined) {
      this.#connection.refuse('no hello');
      return;
    }
    const refusal = this.#refusalOf(theirs);
    if (refusal !== undefined) {
      this.refuse(refusal);
      return;
    }
    clearTimeout(this.#timer);
    this.#greeting = theirs;
    this.#connection.opened();
    this.#connection.send('hello', { ...hello, to: theirs.from } satisfies Hello);
    onGreeted(theirs);
  }

  #refusalOf(theirs: Hello): Refusal | undefined {
    const reason = this.#mismatchOf(theirs);
    return reason === undefined ? this.#options.refusalOf(theirs) : { reason, isRemoved: false };
  }

  #mismatchOf(theirs: Hello): string | undefined {
    const { hello, proved } = this.#options;
    if (theirs.cluster !== hello.cluster) return 'it belongs to another cluster';
    if (theirs.to !== hello.from) return `it looks for ${JSON.stringify(theirs.to)}, and this is ${hello.from}`;
    if (proved !== undefined && proved !== theirs.from) return `its certificate is not that of ${theirs.from}`;
    const { version, versionMin } = theirs;
    if (version < protocolVersionMin || versionMin > protocolVersion) return `it speaks versions ${versionMin} to ${version}`;
    return undefined;
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

  refuse({ reason, isRemoved }: Refusal): void {
    this.#connection.refuse(reason, isRemoved);
  }

  end(code: string, reason: string): void {
    this.#connection.end(code, reason);
  }
}

const helloTextMax = 300;

/** Undefined when it is none. */
function readHello(head: unknown): Hello | undefined {
  const { version, versionMin, cluster, from, to, instance, address } = (typeof head === 'object' && head !== null ? head : {}) as Partial<
    Record<keyof Hello, unknown>
  >;
  if (typeof version !== 'number' || typeof versionMin !== 'number') return undefined;
  const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= helloTextMax;
  if (!isText(cluster) || !isText(from) || !isText(to) || !isText(instance) || !isText(address)) return undefined;
  return { version, versionMin, cluster, from, to, instance, address };
}

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
