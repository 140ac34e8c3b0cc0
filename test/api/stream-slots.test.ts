import { get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openServer, prepareTenants, secrets, tokens, type Server } from './server.ts';

let server: Server;
const open: IncomingMessage[] = [];
beforeEach(async () => {
  server = await openServer({ tokens, watchersMax: 5, watchersPerTenantMax: 3 });
  await prepareTenants(server, secrets.platform);
});
afterEach(async () => {
  for (const response of open.splice(0)) response.destroy();
  await server.close();
});

type Who = 'acme' | 'other' | 'platform';

async function ask(who: Who, path: string): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${secrets[who]}` };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(server.url + path, { headers }, resolve).on('error', reject);
  });
  open.push(response);
  return response;
}

describe.each([
  ['watches', () => '/v1/watch'],
  ['followers of the log', (who: Who) => (who === 'platform' ? '/v1/log?follow=true' : `/v1/tenants/${who}/log?follow=true`)],
] as const)('%s', (what, pathOf) => {
  const stream = (who: Who): Promise<IncomingMessage> => ask(who, pathOf(who));
  const statusesOf = async (...all: readonly Who[]): Promise<readonly unknown[]> => {
    const statuses = [];
    for (const who of all) statuses.push((await stream(who)).statusCode);
    return statuses;
  };

  test('one tenant takes its share and leaves the others theirs', async () => {
    expect(await statusesOf('acme', 'acme', 'acme')).toEqual([200, 200, 200]);
    const refused = await stream('acme');
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '5']);
    let text = '';
    for await (const chunk of refused.setEncoding('utf8')) text += String(chunk);
    expect(JSON.parse(text)).toMatchObject({ code: 'rate-limited', detail: `tenant acme has 3 ${what} open, as many as one tenant may` });
    expect(await statusesOf('other', 'platform')).toEqual([200, 200]);
  });

  test('all may be taken, and what is closed makes room for its tenant', async () => {
    const [first] = [await stream('acme'), await stream('acme'), await stream('acme')];
    expect(await statusesOf('platform', 'platform', 'platform', 'other', 'acme')).toEqual([200, 200, 429, 429, 429]);
    first.destroy();
    await expect.poll(() => stream('acme').then(({ statusCode }) => statusCode)).toBe(200);
    expect(await statusesOf('acme', 'other')).toEqual([429, 429]);
  });
});

test('tenants together leave some to whoever operates', async () => {
  await server.close();
  server = await openServer({ tokens, watchersMax: 10, watchersPerTenantMax: 5 });
  await prepareTenants(server, secrets.platform);
  const statuses: unknown[] = [];
  for (let count = 0; count < 5; count++)
    for (const who of ['acme', 'other'] as const) statuses.push((await ask(who, '/v1/watch')).statusCode);
  expect(statuses).toEqual([...Array.from({ length: 9 }, () => 200), 429]);
  expect((await ask('platform', '/v1/watch')).statusCode).toBe(200);
});
