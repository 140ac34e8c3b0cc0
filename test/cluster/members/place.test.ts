import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { placedAt } from '../../../cluster/members/place.ts';

const anywhere = { host: '127.0.0.1', port: 0, advertise: undefined, tls: undefined };

it('a port that was left open is the one of before, until another process has it', async () => {
  const first = await placedAt(anywhere, undefined);
  expect(first.port).toBeGreaterThan(0);
  expect(first.advertise).toBe(`127.0.0.1:${first.port}`);
  expect(await placedAt(anywhere, first.advertise)).toEqual(first);
  const other = createServer();
  other.listen({ host: '127.0.0.1', port: first.port });
  await once(other, 'listening');
  try {
    const moved = await placedAt(anywhere, first.advertise);
    expect(moved.port).not.toBe(first.port);
    expect(moved.advertise).toBe(`127.0.0.1:${moved.port}`);
    expect((await placedAt({ ...anywhere, port: first.port }, undefined)).port).toBe(first.port);
  } finally {
    other.close();
  }
});
