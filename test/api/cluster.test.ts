import { afterAll, beforeAll, expect, test } from 'vitest';
import { releaseNamed } from '../../cluster/index.ts';
import { ask, openServer, prepareTenants, type Server } from './server.ts';

/** A controller that is alone; several are tried in test/integration/operations.test.ts. */
let server: Server;
beforeAll(async () => {
  server = await openServer();
  await prepareTenants(server);
});
afterAll(() => server.close());

test('one that is alone shows itself', async () => {
  const { status, body } = await ask(server, 'GET', '/v1/cluster');
  expect(status).toBe(200);
  expect(body).toMatchObject({ from: 'weir-0', leader: 'weir-0', revision: server.store.revision });
  expect(body.members).toEqual([
    {
      id: 'weir-0',
      address: '',
      role: 'voter',
      leader: true,
      joined: true,
      reachable: true,
      match: body.commit,
      runs: releaseNamed('0.0.0'),
      warnings: [],
    },
  ]);
});

test.each([
  ['POST', '/v1/cluster/members', { id: 'b', address: '192.0.2.9:6690' }, 409, 'not-listening'],
  ['POST', '/v1/cluster/members', { id: 'B', address: '192.0.2.9:6690' }, 400, 'malformed'],
  ['POST', '/v1/cluster/members', { id: 'b', address: '192.0.2.9:66900' }, 400, 'malformed'],
  ['POST', '/v1/cluster/members', { id: 'b', address: 'http://192.0.2.9' }, 400, 'malformed'],
  ['POST', '/v1/cluster/members', { id: 'b' }, 400, 'malformed'],
  ['POST', '/v1/cluster/members', { id: 'b', address: '192.0.2.9:6690', vote: true }, 400, 'unknown-field'],
  ['DELETE', '/v1/cluster/members/weir-0', undefined, 409, 'last-voter'],
  ['DELETE', '/v1/cluster/members/b', undefined, 404, 'unknown-member'],
  ['DELETE', '/v1/cluster/members/%20', undefined, 400, 'malformed'],
  ['POST', '/v1/cluster/transfer', {}, 503, 'not-transferred'],
  ['POST', '/v1/cluster/transfer', { to: 'b' }, 404, 'unknown-member'],
] as const)('%s %s %j is refused', async (method, path, body, status, code) => {
  const answer = await ask(server, method, path, { body });
  expect([answer.status, answer.body.code]).toEqual([status, code]);
});

test('a backup comes as bytes, with its revision', async () => {
  const response = await fetch(`${server.url}/v1/backup`);
  expect(response.headers.get('weir-revision')).toBe(String(server.store.revision));
  expect(response.headers.get('content-type')).toBe('application/octet-stream');
  expect(Buffer.from(await response.arrayBuffer()).toString('latin1', 0, 8)).toBe('WEIRBAK1');
});
