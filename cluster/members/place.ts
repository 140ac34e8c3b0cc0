import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { hostAndPort } from '../../src/base/addresses.ts';
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
 * With a port that was left open: that of `before`, or one that is free. Members that start again together find each other only where they were; but where
 * another process has that port by now, a member tells the others of the new one.
 * `before`: where the member was when its data was begun.
 */
export async function placedAt(listen: MemberListening, before: string | undefined): Promise<Placed> {
  const { host } = listen;
  const port = listen.port || (await freePort(host, Number(before?.slice(before.lastIndexOf(':') + 1)) || 0));
  const advertise = listen.advertise ?? hostAndPort(host, port);
  return { ...listen, port, advertise };
}

/** The wanted one, unless somebody else has it by now. */
async function freePort(host: string, wanted = 0): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port: wanted });
    await once(server, 'listening');
  } catch (error) {
    if (wanted === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return freePort(host);
  }
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
