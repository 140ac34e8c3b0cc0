import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { MemberTls } from '../transport/sockets.ts';

export interface MemberListening {
  readonly host: string;
  /** 0: the one of before, or one that is free. */
  readonly port: number;
  /** Where the others find it; undefined: where it listens. */
  readonly advertise: string | undefined;
  readonly tls: MemberTls | undefined;
}

/** Where a member listens, and where the others find it. */
export type Placed = MemberListening & { readonly advertise: string };

/**
 * With a port that was left open: that of `before`, or one that is free. Members that start again together find each other only where they were.
 * `before`: where the member was when its data was begun.
 */
export async function placedAt(listen: MemberListening, before: string | undefined): Promise<Placed> {
  const { host } = listen;
  const port = listen.port || Number(before?.slice(before.lastIndexOf(':') + 1)) || (await freePort(host));
  const advertise = listen.advertise ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { ...listen, port, advertise };
}

async function freePort(host: string): Promise<number> {
  const server = createServer();
  server.listen({ host, port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
