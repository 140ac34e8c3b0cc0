import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { WeirError } from '../../src/base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import { Inbound } from './inbound.ts';
import { Peer } from './peer.ts';
import type { PeerAddress, Transport, TransportHandlers } from './port.ts';

export interface SocketTransportOptions {
  readonly id: MemberId;
  /** Members of another cluster are refused. */
  readonly cluster: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM. The common name of a member's certificate is its id. Without it anybody who reaches the port is believed: for loopback and tests. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string } | undefined;
  readonly peers: ReadonlyMap<MemberId, PeerAddress>;
  readonly onEvent: (event: TransportEvent) => void;
}

export type TransportEvent =
  | { readonly kind: 'peer-up' | 'peer-down'; readonly member: MemberId; readonly reason: string }
  | { readonly kind: 'refused'; readonly address: string; readonly reason: string };

const inboundMax = 200;
const handshakeTimeoutMs = 5_000;

export interface SocketTransport extends Transport {
  readonly port: number;
}

/** Members over TCP, with mutual TLS 1.3. Rejects when the port cannot be listened on. */
export async function openSocketTransport(options: SocketTransportOptions, handlers: TransportHandlers): Promise<SocketTransport> {
  const inbound = new Set<Inbound>();
  let isPeer = (member: MemberId): boolean => options.peers.has(member);
  const accept = (socket: Socket, proved: MemberId | undefined): void => {
    const address = `${socket.remoteAddress}:${socket.remotePort}`;
    if (inbound.size >= inboundMax) {
      socket.destroy();
      options.onEvent({ kind: 'refused', address, reason: `${inboundMax} connections are open` });
      return;
    }
    const one = new Inbound(socket, {
      self: options.id,
      cluster: options.cluster,
      proved,
      isPeer: (member) => isPeer(member),
      handlers,
      onEnd: (error) => {
        inbound.delete(one);
        if (error.code !== 'unreachable' && error.code !== 'closed') options.onEvent({ kind: 'refused', address, reason: error.message });
      },
    });
    inbound.add(one);
  };
  const server = listener(options, accept);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  const peers = new Map<MemberId, Peer & { address?: PeerAddress }>();
  const setPeers = (wanted: ReadonlyMap<MemberId, PeerAddress>): void => {
    isPeer = (member) => wanted.has(member);
    for (const [id, peer] of peers) {
      if (wanted.get(id) === peer.address) continue;
      peer.close();
      peers.delete(id);
    }
    for (const [id, address] of wanted) {
      if (id === options.id || peers.has(id)) continue;
      peers.set(id, Object.assign(newPeer(id, address, options, handlers), { address }));
    }
  };
  setPeers(options.peers);
  const unreachable = (to: MemberId): Promise<never> => Promise.reject(new WeirError('unreachable', `${to} is no member`));
  return {
    port: (server.address() as { readonly port: number }).port,
    send: (message) => peers.get(message.to)?.send(message),
    request: (to, request, timeoutMs) => peers.get(to)?.request(request, timeoutMs) ?? unreachable(to),
    sendSnapshot: (to, offer, chunks) => peers.get(to)?.sendSnapshot(offer, chunks) ?? unreachable(to),
    setPeers,
    close: async () => {
      for (const peer of peers.values()) peer.close();
      for (const one of inbound) one.end('closed', 'this member stops');
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function newPeer(id: MemberId, address: PeerAddress, options: SocketTransportOptions, handlers: TransportHandlers): Peer {
  const at = address.lastIndexOf(':');
  const place = { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1)) };
  const { tls } = options;
  return new Peer({
    id,
    self: options.id,
    cluster: options.cluster,
    dial: () =>
      tls === undefined
        ? connect(place)
        : connectTls({ ...place, ...secured(tls), checkServerIdentity: (_host, { subject }) => notNamed(id, subject.CN) }),
    onUnreachable: () => handlers.onUnreachable(id),
    onState: (state, reason) => options.onEvent({ kind: state === 'up' ? 'peer-up' : 'peer-down', member: id, reason }),
  });
}

function secured({ ca, certificate, key }: NonNullable<SocketTransportOptions['tls']>) {
  return { ca, cert: certificate, key, minVersion: 'TLSv1.3' } as const;
}

function notNamed(id: MemberId, name: string | string[] | undefined): Error | undefined {
  return name === id ? undefined : new Error(`the certificate is that of ${String(name)}, not of ${id}`);
}

function listener({ tls, onEvent }: SocketTransportOptions, accept: (socket: Socket, proved: MemberId | undefined) => void): Server {
  if (tls === undefined) return createServer((socket) => accept(socket, undefined));
  const server = createTlsServer(
    { ...secured(tls), requestCert: true, rejectUnauthorized: true, handshakeTimeout: handshakeTimeoutMs },
    (socket: TLSSocket) => accept(socket, String(socket.getPeerCertificate().subject?.CN ?? '')),
  );
  server.on('tlsClientError', (error, socket) =>
    onEvent({ kind: 'refused', address: `${socket.remoteAddress}:${socket.remotePort}`, reason: error.message }),
  );
  return server;
}
