import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { download } from '../../src/api/download.ts';

test('what is sent is let go when it is over, and when its caller takes nothing of it', async () => {
  const app = fastify({ forceCloseConnections: true });
  const ended = { short: Promise.withResolvers<void>(), endless: Promise.withResolvers<void>() };
  async function* chunks(which: keyof typeof ended): AsyncGenerator<Buffer> {
    try {
      for (let left = which === 'short' ? 1 : Infinity; left > 0; left--) yield Buffer.alloc(64 * 1024, 'x');
    } finally {
      ended[which].resolve();
    }
  }
  const settled = Promise.withResolvers<void>();
  app.get('/short', async (_request, reply) => download(reply, chunks('short'), 60_000));
  app.get('/endless', async (_request, reply) => {
    await download(reply, chunks('endless'), 100);
    settled.resolve();
    return reply;
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  try {
    expect((await (await fetch(`http://127.0.0.1:${port}/short`)).arrayBuffer()).byteLength).toBe(64 * 1024);
    await ended.short.promise;
    const stalled = connect({ host: '127.0.0.1', port });
    await once(stalled, 'connect');
    stalled.pause();
    stalled.write('GET /endless HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await ended.endless.promise;
    await settled.promise;
    stalled.destroy();
  } finally {
    await app.close();
  }
});
