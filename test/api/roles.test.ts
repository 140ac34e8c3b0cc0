import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acme, ask, openServer, prepareTenants, registerHost, secrets, tokens, type Server } from './server.ts';

let server: Server;
beforeAll(async () => {
  server = await openServer({ tokens });
  await prepareTenants(server, secrets.platform);
  await registerHost(server, 'host-1', '192.0.2.1');
  await ask(server, 'PUT', '/v1/tenants/acme/vms/web', { body: acme.vm, token: secrets.platform });
  await ask(server, 'PUT', '/v1/tenants/acme/vms/shown', { body: acme.vm, token: secrets.platform });
  await ask(server, 'PUT', '/v1/groups/shared', { body: { spec: { cidrs: ['198.51.100.0/24'] } }, token: secrets.platform });
});
afterAll(() => server.close());

type Who = keyof typeof secrets;
interface Row {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** Status by caller; 200 stands for 201 too. */
  readonly expected: Readonly<Record<Who, number>>;
  /** Of the platform, who may and yet cannot. */
  readonly code?: string;
}

const everybody = { platform: 200, compute: 200, acme: 200, other: 200 };
const network = { spec: { subnets: [{ cidr: '10.8.0.0/24' }] } };
const rows: readonly Row[] = [
  { method: 'GET', path: '/v1/cluster', expected: { platform: 200, compute: 200, acme: 403, other: 403 } },
  {
    method: 'POST',
    path: '/v1/cluster/members',
    body: { id: 'b', address: '192.0.2.9:1' },
    expected: { platform: 409, compute: 403, acme: 403, other: 403 },
    code: 'not-listening',
  },
  {
    method: 'DELETE',
    path: '/v1/cluster/members/nobody',
    expected: { platform: 404, compute: 403, acme: 403, other: 403 },
    code: 'unknown-member',
  },
  {
    method: 'POST',
    path: '/v1/cluster/transfer',
    body: { to: 'weir-0' },
    expected: { platform: 200, compute: 403, acme: 403, other: 403 },
  },
  { method: 'GET', path: '/v1/backup', expected: { platform: 200, compute: 403, acme: 403, other: 403 } },
  { method: 'GET', path: '/v1/tenants', expected: everybody },
  { method: 'GET', path: '/v1/tenants/acme', expected: { platform: 200, compute: 200, acme: 200, other: 404 } },
  { method: 'PUT', path: '/v1/tenants/acme', body: acme.tenant, expected: { platform: 200, compute: 403, acme: 403, other: 404 } },
  { method: 'PUT', path: '/v1/tenants/new', body: acme.tenant, expected: { platform: 200, compute: 403, acme: 404, other: 404 } },
  { method: 'GET', path: '/v1/tenants/acme/networks', expected: { platform: 200, compute: 200, acme: 200, other: 404 } },
  { method: 'GET', path: '/v1/tenants/acme/networks/web', expected: { platform: 200, compute: 200, acme: 200, other: 404 } },
  {
    method: 'PUT',
    path: '/v1/tenants/acme/networks/mine',
    body: network,
    expected: { platform: 200, compute: 403, acme: 200, other: 404 },
  },
  { method: 'DELETE', path: '/v1/tenants/acme/networks/none', expected: { platform: 404, compute: 403, acme: 404, other: 404 } },
  { method: 'PUT', path: '/v1/tenants/acme/vms/web', body: acme.vm, expected: { platform: 200, compute: 200, acme: 200, other: 404 } },
  {
    method: 'POST',
    path: '/v1/tenants/acme/vms/web/start',
    body: { host: 'host-1' },
    expected: { platform: 200, compute: 200, acme: 403, other: 404 },
  },
  { method: 'POST', path: '/v1/tenants/acme/vms/web/stop', expected: { platform: 200, compute: 200, acme: 403, other: 404 } },
  { method: 'GET', path: '/v1/hosts', expected: { platform: 200, compute: 200, acme: 403, other: 403 } },
  { method: 'PUT', path: '/v1/hosts/host-1', body: {}, expected: { platform: 200, compute: 403, acme: 403, other: 403 } },
  { method: 'GET', path: '/v1/groups/shared', expected: { platform: 200, compute: 200, acme: 403, other: 403 } },
  {
    method: 'PUT',
    path: '/v1/policies/p',
    body: { spec: { tier: 'platform' } },
    expected: { platform: 200, compute: 403, acme: 403, other: 403 },
  },
  {
    method: 'POST',
    path: '/v1/tenants/acme/decide',
    body: { questions: [{ from: '192.0.2.1', to: '192.0.2.2', protocol: 'icmp' }] },
    expected: { platform: 200, compute: 200, acme: 200, other: 404 },
  },
  {
    method: 'POST',
    path: '/v1/decide',
    body: { questions: [{ from: '192.0.2.1', to: '192.0.2.2', protocol: 'icmp' }] },
    expected: { platform: 200, compute: 200, acme: 403, other: 403 },
  },
  { method: 'GET', path: '/v1/status', expected: { platform: 200, compute: 200, acme: 403, other: 403 } },
  { method: 'GET', path: '/metrics', expected: { platform: 200, compute: 200, acme: 403, other: 403 } },
  {
    method: 'POST',
    path: '/v1/apply',
    body: [{ kind: 'Network', metadata: { name: 'applied', tenant: 'acme' }, spec: {} }],
    expected: { platform: 200, compute: 403, acme: 200, other: 404 },
  },
  {
    method: 'POST',
    path: '/v1/apply',
    body: [{ kind: 'Vm', metadata: { name: 'shown', tenant: 'acme' }, ...vmSpec() }],
    expected: { platform: 200, compute: 200, acme: 200, other: 404 },
  },
  {
    method: 'POST',
    path: '/v1/apply',
    body: [{ kind: 'Tenant', metadata: { name: 'acme' }, spec: {} }],
    expected: { platform: 200, compute: 403, acme: 403, other: 403 },
  },
  {
    method: 'POST',
    path: '/v1/apply',
    body: [{ kind: 'Host', metadata: { name: 'host-1' } }],
    expected: { platform: 200, compute: 403, acme: 403, other: 403 },
  },
];

function vmSpec(): object {
  return { spec: acme.vm.spec };
}

describe.each(rows)('$method $path $body', ({ method, path, body, expected, code }) => {
  test.each(Object.entries(expected))('%s: %i', async (who, status) => {
    const answer = await ask(server, method, path, { token: secrets[who as Who], ...(body !== undefined && { body }) });
    expect([answer.status === 201 ? 200 : answer.status, answer.body?.code]).toEqual([
      status,
      who === 'platform' && code !== undefined ? code : { 403: 'forbidden', 404: 'not-found' }[status],
    ]);
  });

  test('nobody: 401', async () => {
    const attempts: readonly Record<string, string>[] = [
      {},
      { authorization: 'Bearer wrong-secret-0123' },
      { authorization: `Basic ${secrets.platform}` },
      { authorization: 'Bearer' },
    ];
    for (const headers of attempts) {
      const answer = await ask(server, method, path, { headers, ...(body !== undefined && { body }) });
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });
});

test('what answers 404 to a tenant is the same whether it exists or not', async () => {
  const [there, nowhere] = await Promise.all(
    ['acme', 'none'].map((tenant) => ask(server, 'GET', `/v1/tenants/${tenant}/networks/web`, { token: secrets.other })),
  );
  expect({ ...there?.body, detail: '' }).toEqual({ ...nowhere?.body, detail: '' });
  expect(there?.body.detail.replace('acme', 'none')).toBe(nowhere?.body.detail);
});

test('a tenant lists itself only', async () => {
  const { body } = await ask(server, 'GET', '/v1/tenants', { token: secrets.acme });
  expect(body.items.map((each: { metadata: { name: string } }) => each.metadata.name)).toEqual(['acme']);
});

test('a tenant does not decide where its VMs run, but may send back what it read', async () => {
  await ask(server, 'POST', '/v1/tenants/acme/vms/web/start', { body: { host: 'host-1' }, token: secrets.compute });
  const read = await ask(server, 'GET', '/v1/tenants/acme/vms/web', { token: secrets.acme });
  expect(read.body.spec).toMatchObject({ host: 'host-1', power: 'running' });
  const back = await ask(server, 'PUT', '/v1/tenants/acme/vms/web', { body: read.body, token: secrets.acme });
  expect(back.status).toBe(200);
  for (const change of [{ host: null }, { host: 'host-2' }, { power: 'stopped' }]) {
    const spec = { ...read.body.spec, ...change };
    expect(await ask(server, 'PUT', '/v1/tenants/acme/vms/web', { body: { spec }, token: secrets.acme })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    const applied = [{ kind: 'Vm', metadata: { name: 'web' }, spec }];
    expect(await ask(server, 'POST', '/v1/apply', { body: applied, token: secrets.acme })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
  }
});

test('health and the description of the API are open', async () => {
  for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs/']) expect((await ask(server, 'GET', path)).status).toBe(200);
});

test('a path that is none asks for a token first', async () => {
  expect((await ask(server, 'GET', '/v1/nothing')).status).toBe(401);
  expect((await ask(server, 'GET', '/v1/nothing', { token: secrets.acme })).status).toBe(404);
});

test('without tokens a page of another origin, or by another name, is refused', async () => {
  const open = await openServer();
  try {
    expect((await ask(open, 'GET', '/v1/tenants')).status).toBe(200);
    expect(await ask(open, 'GET', '/v1/tenants', { headers: { origin: 'https://evil.example' } })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    const renamed = await open.api.inject({ method: 'GET', url: '/v1/tenants', headers: { host: 'evil.example' } });
    expect([renamed.statusCode, renamed.json().code]).toEqual([403, 'forbidden']);
  } finally {
    await open.close();
  }
});
