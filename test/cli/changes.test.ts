import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changes } from '../../src/cli/changes.ts';
import { Client } from '../../src/cli/client.ts';
import { ask, openServer, prepareTenants, type Server } from '../api/server.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';

let server: Server;
let proxy: CuttingProxy;
beforeAll(async () => {
  server = await openServer();
  await prepareTenants(server);
  proxy = await CuttingProxy.listen(Number(new URL(server.url).port));
});
afterAll(async () => {
  proxy.close();
  await server.close();
});

const client = () => new Client({ server: proxy.url, token: undefined, ca: undefined, cert: undefined, key: undefined });
const group = (name: string, cidr: string) => ({ kind: 'Group', metadata: { name, tenant: 'acme' }, spec: { cidrs: [cidr] } });
const apply = async (...documents: readonly object[]): Promise<number> => {
  const { status, body } = await ask(server, 'POST', '/v1/apply', { body: documents });
  expect(status).toBe(200);
  return body.revision as number;
};

/** What is told behind `since`, as far as there are `count`. */
async function told(since: number, count: number): Promise<readonly string[]> {
  const seen: string[] = [];
  const request = { kind: 'Group', since, pauseMs: 0, onLost: () => undefined };
  for await (const { event, revision, resource } of changes(client(), request)) {
    seen.push(`${revision} ${event} ${resource.metadata.name}`);
    if (seen.length === count) break;
  }
  return seen;
}

test('a stream that is cut, at whatever byte, goes on with neither a gap nor a repeat', async () => {
  const since = server.store.revision;
  const first = await apply(group('a', '192.0.2.0/24'), group('b', '192.0.2.0/24'));
  const second = await apply(group('b', '198.51.100.0/24'));
  const wanted = [`${first} put a`, `${first} put b`, `${second} put b`];
  expect(await told(since, wanted.length)).toEqual(wanted);
  const whole = proxy.passed;
  expect(whole.split(`id: ${first}`)).toHaveLength(3);
  for (let cut = whole.indexOf('\r\n\r\n') + 4; cut <= whole.length; cut++) {
    proxy.cutAfter = cut;
    expect([cut, await told(since, wanted.length)]).toEqual([cut, wanted]);
  }
}, 120_000);

test('an outage is told once, however often it is asked meanwhile', async () => {
  const resource = { kind: 'Group', metadata: { name: 'a' } };
  let asked = 0;
  const flapping = createServer((_, response) => {
    asked++;
    if (asked % 4 !== 0) return void response.destroy();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`id: ${asked}\nevent: put\ndata: ${JSON.stringify(resource)}\n\n`);
  });
  await new Promise<void>((resolve) => flapping.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(flapping.address() as AddressInfo).port}`);
  const lost: string[] = [];
  const request = { kind: 'Group', since: 0, pauseMs: 0, onLost: (reason: string) => lost.push(reason) };
  const seen: [number, number][] = [];
  for await (const { revision } of changes(
    new Client({ server: url, token: undefined, ca: undefined, cert: undefined, key: undefined }),
    request,
  )) {
    seen.push([revision, lost.length]);
    if (seen.length === 2) break;
  }
  flapping.closeAllConnections();
  flapping.close();
  expect(seen).toEqual([
    [4, 1],
    [8, 2],
  ]);
});
