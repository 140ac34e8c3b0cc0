import { connect } from 'node:http2';

/**
 * The same puts into etcd, over one HTTP/2 session, in etcd's own protocol (gRPC, `etcdserverpb.KV/Put`). Arguments: endpoint, clients, puts.
 * Prints `{ rate, p50, p99 }`, milliseconds.
 */
const [endpoint = '', clientsText = '1', countText = '1'] = process.argv.slice(2);
const clients = Number(clientsText);
const count = Number(countText);
const value = Buffer.alloc(256, 'v');
const session = connect(endpoint);

/** Field 1 the key, field 2 the value, each with its length; in front of it gRPC's five bytes. */
function message(key: string): Buffer {
  const text = Buffer.from(key);
  const body = Buffer.concat([Buffer.from([0x0a, text.length]), text, Buffer.from([0x12, 0x80, 0x02]), value]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function put(at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/etcdserverpb.KV/Put',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status: unknown;
    stream.on('trailers', (headers) => {
      status = headers['grpc-status'];
    });
    stream.on('data', () => undefined);
    stream.on('error', reject);
    stream.on('end', () => {
      if (status === undefined || status === '0') resolve();
      else reject(new Error(`etcd answers ${JSON.stringify(status)}`));
    });
    stream.end(message(`key/${at % 25_000}`));
  });
}

await put(0);
const times: number[] = [];
let next = 0;
const start = performance.now();
await Promise.all(
  Array.from({ length: clients }, async () => {
    while (next < count) {
      const at = next++;
      const began = performance.now();
      await put(at);
      times.push(performance.now() - began);
    }
  }),
);
const rate = times.length / ((performance.now() - start) / 1_000);
times.sort((left, right) => left - right);
const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
process.stdout.write(`${JSON.stringify({ rate, p50: at(0.5), p99: at(0.99) })}\n`);
session.close();
