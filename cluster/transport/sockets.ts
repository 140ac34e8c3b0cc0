import { randomUUID } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import {
  connect as connectTls,
  createServer as createTlsServer,
  type PeerCertificate,
  Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import { hostAndPort } from '../../src/base/addresses.ts';
import { WeirError } from '../../src/base/errors.ts';
import type { MemberId, Message } from '../raft/types.ts';
import type { Refusal, Release } from '../version/index.ts';
import { type Hello, helloTextMax } from './connection.ts';
import { Inbound } from './inbound.ts';
import { Peer } from './peer.ts';
import type { PeerAddress, SnapshotOffer, Transport, TransportHandlers } from './port.ts';

export interface SocketTransportOptions {
  readonly id: MemberId;
  /** Members of another cluster are refused. */
  readonly cluster: string;
  /** Of the directory that this member's data is in. */
  readonly instance: string;
  /** Who began the cluster, as this directory has it. */
  readonly founders?: string | undefined;
  /** What this member runs. */
  readonly runs: Release;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Where the others find this one; undefined: at `host` and the port that is listened on. */
  readonly advertise: PeerAddress | undefined;
  readonly tls: MemberTls | undefined;
  readonly peers: ReadonlyMap<MemberId, PeerAddress>;
  /** Why a member that proved who it is is none of ours, if it is not. */
  readonly refusalOf: (hello: Hello) => Refusal | undefined;
  /** A member says that this one was removed. Repeats. */
  readonly onRemoved?: () => void;
  readonly onEvent: (event: TransportEvent) => void;
}

/**
 * PEM. The common name of a member's certificate is its id, and among its alternative names is `urn:weir:controller:ID`, so that no other certificate of
 * the same authority passes for it. Without any of it, anybody who reaches the port is believed: for loopback and tests.
 */
export interface MemberTls {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export type TransportEvent =
  | { readonly kind: 'peer-up'; readonly member: MemberId; readonly reason: string }
  | { readonly kind: 'peer-down'; readonly member: MemberId; readonly code: string; readonly reason: string }
  | { readonly kind: 'refused'; readonly address: string; readonly reason: string };

/** `host:port` or `[address]:port`. */
const addressPattern = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):\d{1,5}$/;
const inboundMax = 200;
const handshakeTimeoutMs = 5_000;
const answerMs = 200;

export interface SocketTransport extends Transport {
  readonly port: number;
  /** For connections from now on; those that stand stay as they are. Throws when it is no key or certificate. */
  renew(tls: MemberTls): void;
}

/** Members over TCP, with mutual TLS 1.3. Rejects when the port cannot be listened on. */
export async function openSocketTransport(options: SocketTransportOptions, handlers: TransportHandlers): Promise<SocketTransport> {
  const transport = new Sockets(options, handlers);
  await transport.listen();
  return transport;
}

class Sockets implements SocketTransport {
  readonly #options: SocketTransportOptions;
  readonly #handlers: TransportHandlers;
  readonly #server: Server;
  #tls: MemberTls | undefined;
  readonly #inbound = new Set<Inbound>();
  /** `hello`: of one that made itself known. */
  readonly #peers = new Map<MemberId, { readonly peer: Peer; readonly address: PeerAddress; readonly hello: Hello | undefined }>();
  readonly #run = randomUUID();
  #port = 0;
  #closed = false;

  constructor(options: SocketTransportOptions, handlers: TransportHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#tls = options.tls;
    this.#server = listener(options, (socket, proved) => this.#accept(socket, proved));
  }

  async listen(): Promise<void> {
    const { host, port, peers } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, resolve);
    });
    this.#port = (this.#server.address() as { readonly port: number }).port;
    this.setPeers(peers);
  }

  get port(): number {
    return this.#port;
  }

  renew(tls: MemberTls): void {
    // One that listened without any goes on so.
    if (!(this.#server instanceof TlsServer)) return;
    this.#server.setSecureContext(secured(tls));
    this.#tls = tls;
  }

  get #hello(): Omit<Hello, 'to'> {
    const { id, cluster, instance, founders, runs, host, advertise } = this.#options;
    const address = advertise ?? hostAndPort(host, this.port);
    const begun = founders !== undefined && { founders: founders.slice(0, helloTextMax) };
    return { ...runs, cluster, from: id, instance, address, run: this.#run, ...begun };
  }

  #accept(socket: Socket, proved: MemberId | undefined): void {
    const { onEvent } = this.#options;
    const address = `${socket.remoteAddress}:${socket.remotePort}`;
    if (this.#closed || this.#inbound.size >= inboundMax) {
      socket.destroy();
      if (!this.#closed) onEvent({ kind: 'refused', address, reason: `${inboundMax} connections are open` });
      return;
    }
    const one = new Inbound(socket, {
      hello: this.#hello,
      proved,
      refusalOf: (hello) => this.#options.refusalOf(hello) ?? this.#twinOf(hello),
      onGreeted: (hello) => this.#greeted(hello),
      handlers: this.#handlers,
      onEnd: (error) => {
        this.#inbound.delete(one);
        if (error.code !== 'unreachable' && error.code !== 'closed') onEvent({ kind: 'refused', address, reason: error.message });
      },
    });
    this.#inbound.add(one);
  }

  /** Two processes with one member's data would vote twice: who is up stays it. */
  #twinOf({ from, run }: Hello): Refusal | undefined {
    const present = this.#peers.get(from);
    const itsRun = present?.peer.run;
    if (run === undefined || itsRun === undefined || run === itsRun) return undefined;
    return { code: 'refused', reason: `${from} is up at ${present?.address}, and this is another process with its data: stop one of them` };
  }

  /** One that came in later than this member has heard, or that has moved: it must be answered. */
  #greeted(hello: Hello): void {
    if (addressPattern.test(hello.address)) this.#place(hello.from, hello.address, hello);
  }

  #place(id: MemberId, address: PeerAddress, hello: Hello | undefined): void {
    const present = this.#peers.get(id);
    if (id === this.#options.id || present?.address === address || this.#closed) return;
    present?.peer.close();
    this.#peers.set(id, { peer: this.#newPeer(id, address), address, hello });
  }

  setPeers(wanted: ReadonlyMap<MemberId, PeerAddress>): void {
    const { refusalOf } = this.#options;
    for (const [id, { peer, hello }] of this.#peers) {
      if (wanted.has(id) || (hello !== undefined && refusalOf(hello) === undefined)) continue;
      peer.close();
      this.#peers.delete(id);
    }
    for (const one of this.#inbound) {
      // Behind the answer to what it asked, which may have been to be removed.
      if (one.greeting !== undefined && refusalOf(one.greeting) !== undefined) setTimeout(() => this.#recheck(one), answerMs).unref();
    }
    for (const [id, address] of wanted) this.#place(id, address, undefined);
  }

  #recheck(one: Inbound): void {
    const refusal = one.greeting && this.#options.refusalOf(one.greeting);
    if (refusal !== undefined) one.refuse(refusal);
  }

  isReachable(member: MemberId): boolean {
    return this.#peers.get(member)?.peer.isUp === true;
  }

  send(message: Message): void {
    this.#peers.get(message.to)?.peer.send(message);
  }

  request(to: MemberId, request: unknown, timeoutMs: number): Promise<unknown> {
    return this.#peers.get(to)?.peer.request(request, timeoutMs) ?? unknownMember(to);
  }

  sendSnapshot(to: MemberId, offer: SnapshotOffer, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#peers.get(to)?.peer.sendSnapshot(offer, chunks) ?? unknownMember(to);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { peer } of this.#peers.values()) peer.close();
    for (const one of this.#inbound) one.end('closed', 'this member stops');
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #newPeer(id: MemberId, address: PeerAddress): Peer {
    const { refusalOf, onEvent, onRemoved = () => undefined } = this.#options;
    const at = address.lastIndexOf(':');
    const place = { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1)) };
    return new Peer({
      id,
      hello: this.#hello,
      onRemoved,
      dial: () =>
        this.#tls === undefined
          ? connect(place)
          : connectTls({ ...place, ...secured(this.#tls), checkServerIdentity: (_host, certificate) => notNamed(id, certificate) }),
      refusalOf,
      onUnreachable: () => this.#handlers.onUnreachable(id),
      onState: (state, reason, code) =>
        onEvent(state === 'up' ? { kind: 'peer-up', member: id, reason } : { kind: 'peer-down', member: id, code, reason }),
    });
  }
}

const unknownMember = (to: MemberId): Promise<never> => Promise.reject(new WeirError('unreachable', `${to} is no member`));

function secured({ ca, certificate, key }: MemberTls) {
  return { ca, cert: certificate, key, minVersion: 'TLSv1.3' } as const;
}

function notNamed(id: MemberId, certificate: PeerCertificate): Error | undefined {
  const name = memberNamed(certificate);
  return name === id ? undefined : new Error(`its certificate is that of ${name === '' ? 'no member' : name}, not of ${id}`);
}

/** Whose certificate it is; empty: no member's. */
function memberNamed({ subject, subjectaltname }: Partial<PeerCertificate>): MemberId {
  const name = subject?.CN;
  if (typeof name !== 'string') return '';
  return (subjectaltname ?? '').split(', ').includes(`URI:urn:weir:controller:${name}`) ? name : '';
}

function listener({ tls, onEvent }: SocketTransportOptions, accept: (socket: Socket, proved: MemberId | undefined) => void): Server {
  if (tls === undefined) return createServer((socket) => accept(socket, undefined));
  const refused = (socket: Socket, reason: string): void =>
    onEvent({
      kind: 'refused',
      address: socket.remoteAddress === undefined ? 'gone already' : `${socket.remoteAddress}:${socket.remotePort}`,
      reason,
    });
  const server = createTlsServer(
    // Whom the authority does not know is turned away below, where the reason can be told.
    { ...secured(tls), requestCert: true, rejectUnauthorized: false, handshakeTimeout: handshakeTimeoutMs },
    (socket: TLSSocket) => {
      if (socket.authorized) {
        accept(socket, memberNamed(socket.getPeerCertificate()));
        return;
      }
      refused(socket, `its certificate is not accepted: ${String(socket.authorizationError)}`);
      socket.destroy();
    },
  );
  server.on('tlsClientError', (error, socket) => {
    refused(socket, error.message);
    // One that says nothing in time is not closed by itself.
    socket.destroy();
  });
  return server;
}
