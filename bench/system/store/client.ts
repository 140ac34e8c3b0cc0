import { randomUUID } from 'node:crypto';
import { openSocketTransport } from '../../../cluster/transport/sockets.ts';
import { load } from './load.ts';
import { releaseNamed } from '../../../cluster/version/index.ts';

/**
 * Puts 256 bytes again and again into a member's store, over one socket, from a process of its own. Arguments: the member, the addresses of everybody as JSON,
 * clients, puts. Prints `{ rate, p50, p99 }`, milliseconds.
 */
const [leader = '', addresses = '{}', clients = '1', count = '1'] = process.argv.slice(2);
const peers = new Map(Object.entries(JSON.parse(addresses) as Record<string, string>));
const value = 'v'.repeat(256);

const transport = await openSocketTransport(
  {
    id: 'client',
    cluster: 'bench',
    instance: 'client',
    runs: releaseNamed('0'),
    host: '127.0.0.1',
    port: Number(peers.get('client')?.split(':')[1]),
    advertise: undefined,
    tls: undefined,
    peers,
    refusalOf: () => undefined,
    onEvent: () => undefined,
  },
  {
    onMessage: () => undefined,
    onRequest: () => Promise.reject(new Error('a client answers nothing')),
    onSnapshot: () => Promise.reject(new Error('a client takes nothing')),
    onUnreachable: () => undefined,
  },
);

async function put(at: number): Promise<void> {
  const transaction = { compares: [], operations: [{ kind: 'put', key: `key/${at % 25_000}`, value }] };
  await transport.request(leader, { kind: 'transact', requestId: randomUUID(), transaction }, 10_000);
}

async function untilAnswered(): Promise<void> {
  for (;;) {
    try {
      await put(0);
      return;
    } catch {
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
  }
}

await untilAnswered();
await load(Number(clients), Number(count), put);
await transport.close();
process.exit(0);
