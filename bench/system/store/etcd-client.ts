import { connect } from 'node:http2';
import { load } from './load.ts';

/**
 * The same puts into etcd, over one HTTP/2 session, in etcd's own protocol (gRPC, `etcdserverpb.KV/Put`). Arguments: endpoint, clients, puts.
 * Prints `{ rate, p50, p99 }`, milliseconds.
 */
const [endpoint = '', clients = '1', count = '1'] = process.argv.slice(2);
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
await load(Number(clients), Number(count), put);
session.close();
