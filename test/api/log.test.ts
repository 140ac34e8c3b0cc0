import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LogRecord } from '../../src/journal/ports.ts';
import { recordWith } from '../journal/records.ts';
import { ask, openServer, prepareTenants, secrets, tokens, type Server } from './server.ts';

let server: Server;
const kept: LogRecord[] = [];
const followers = new Set<(record: LogRecord) => void>();

beforeAll(async () => {
  server = await openServer({
    tokens,
    policyLog: {
      read: (tenant, since, limit) =>
        kept.filter((record) => (tenant ?? record.tenant) === record.tenant && record.id > (since ?? 0)).slice(0, limit),
      follow: (_, onRecord) => {
        followers.add(onRecord);
        return () => void followers.delete(onRecord);
      },
    },
  });
  await prepareTenants(server, secrets.platform);
  kept.push(recordWith({ id: 1, tenant: 'acme' }), recordWith({ id: 2, tenant: 'other' }));
});
afterAll(() => server.close());

test('records of a tenant and of all', async () => {
  expect((await ask(server, 'GET', '/v1/tenants/acme/log', { token: secrets.acme })).body).toEqual({ items: [kept[0]] });
  expect((await ask(server, 'GET', '/v1/log?since=1', { token: secrets.platform })).body).toEqual({ items: [kept[1]] });
});

test('records are numbered beyond 15 digits', async () => {
  const id = 1_770_000_000_000_000;
  expect((await ask(server, 'GET', `/v1/log?since=${id}`, { token: secrets.platform })).body).toEqual({ items: [] });
  const unread = ['since=9007199254740993', 'since=99999999999999999'];
  for (const query of unread) expect((await ask(server, 'GET', `/v1/log?${query}`, { token: secrets.platform })).status).toBe(400);
  const headers = { 'last-event-id': 'x' };
  expect((await ask(server, 'GET', '/v1/log', { token: secrets.platform, headers })).status).toBe(400);
});

test('a tenant reads its own only', async () => {
  expect((await ask(server, 'GET', '/v1/tenants/other/log', { token: secrets.acme })).status).toBe(404);
  expect((await ask(server, 'GET', '/v1/log', { token: secrets.acme })).status).toBe(403);
  expect((await ask(server, 'GET', '/v1/tenants/nobody/log', { token: secrets.platform })).status).toBe(404);
  expect((await ask(server, 'GET', '/v1/log?limit=1001', { token: secrets.platform })).status).toBe(400);
});

test('whoever follows gets what is kept and what comes, until he leaves', async () => {
  const headers = { authorization: `Bearer ${secrets.acme}`, 'last-event-id': '0' };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${server.url}/v1/tenants/acme/log?follow=true`, { headers }, resolve).on('error', reject);
  });
  expect(response.headers['content-type']).toContain('text/event-stream');
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await expect.poll(() => followers.size).toBe(1);
  for (const tell of followers) tell(recordWith({ id: 7, tenant: 'acme' }));
  await expect.poll(() => text).toContain('id: 7\n');
  expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(['1', '7']);
  response.destroy();
  await expect.poll(() => followers.size).toBe(0);
});
