import { afterAll, beforeAll, expect, test } from 'vitest';
import { acme, ask, openServer, prepareTenants, registerHost, type Server } from './server.ts';

let server: Server;
beforeAll(async () => {
  server = await openServer();
  await prepareTenants(server);
});
afterAll(() => server.close());

test('what was created reads as it was answered, with its ETag', async () => {
  const put = await ask(server, 'PUT', '/v1/tenants/acme/networks/one', {
    body: { metadata: { labels: { env: 'test' } }, spec: { subnets: [{ cidr: '10.1.0.0/24' }] } },
  });
  expect(put.status).toBe(201);
  expect(put.body).toMatchObject({
    kind: 'Network',
    metadata: { name: 'one', tenant: 'acme', labels: { env: 'test' }, uid: expect.any(String), revision: server.store.revision },
    spec: { vni: expect.any(Number), subnets: [{ cidr: '10.1.0.0/24', gateway: '10.1.0.1', dhcp: true }] },
    status: {},
  });
  const get = await ask(server, 'GET', '/v1/tenants/acme/networks/one');
  expect(get.body).toEqual(put.body);
  expect(get.headers.get('etag')).toBe(`"${put.body.metadata.revision}"`);
});

test('a write is answered as it was made, whatever others made of it at the same time', async () => {
  const path = '/v1/tenants/acme/groups/busy';
  const put = (op: string) => ask(server, 'PUT', path, { body: { metadata: { labels: { op } }, spec: { cidrs: ['192.0.2.0/24'] } } });
  const wanted = Array.from({ length: 16 }, (_, at) => `${at}`);
  const answers = await Promise.all(wanted.map(put));
  const made = answers.map(({ body }) => body.metadata as { labels: { op: string }; revision: number });
  expect(made.map(({ labels }) => labels.op)).toEqual(wanted);
  expect(new Set(made.map(({ revision }) => revision)).size).toBe(wanted.length);
  await ask(server, 'DELETE', path);
});

test('what was read can be sent back and changes nothing', async () => {
  const { body } = await ask(server, 'GET', '/v1/tenants/acme/networks/web');
  const before = server.store.revision;
  const again = await ask(server, 'PUT', '/v1/tenants/acme/networks/web', { body, headers: { 'if-match': `"${body.metadata.revision}"` } });
  expect(again.status).toBe(200);
  expect(again.body).toEqual(body);
  expect(server.store.revision).toBe(before);
});

test('every kind has its path, the platform its own', async () => {
  await registerHost(server, 'host-1', '192.0.2.1');
  const bodies: readonly (readonly [string, object])[] = [
    ['/v1/tenants/acme/groups/web', { spec: { selector: { matchLabels: { app: 'web' } } } }],
    ['/v1/groups/outside', { spec: { cidrs: ['198.51.100.0/24'], tenants: 'all' } }],
    ['/v1/tenants/acme/services/app', { spec: { ports: [{ protocol: 'tcp', port: 8080 }] } }],
    ['/v1/services/backup', { spec: { ports: [{ protocol: 'tcp', port: 873 }] } }],
    [
      '/v1/tenants/acme/policies/allow-web',
      { spec: { appliesTo: ['web'], ingress: [{ action: 'allow', from: [{ any: true }], services: ['app', 'http'] }] } },
    ],
    ['/v1/policies/guard', { spec: { tier: 'platform', egress: [{ action: 'deny', to: [{ cidr: '169.254.169.254/32' }] }] } }],
    ['/v1/tenants/acme/qos-policies/limit', { spec: { appliesTo: ['web'], egress: { maxMbps: 20 } } }],
    ['/v1/tenants/acme/routers/r', { spec: { networks: ['web'] } }],
    ['/v1/routers/r', { spec: { networks: [{ tenant: 'acme', network: 'one' }] } }],
  ];
  for (const [path, body] of bodies) {
    const put = await ask(server, 'PUT', path, { body });
    expect([path, put.status, put.body.code]).toEqual([path, 201, undefined]);
    const get = await ask(server, 'GET', path);
    // What is found among a policy's rules is told where it is read: no write waits for it.
    const none = { items: [], count: 0 };
    const isPolicy = put.body.kind === 'Policy';
    const found = isPolicy && { shadowed: none, conflicts: none, verified: true };
    expect(get.body).toEqual({ ...put.body, status: { ...put.body.status, ...found } });
    const list = await ask(server, 'GET', path.slice(0, path.lastIndexOf('/')));
    // What each rule of a policy has counted is told of one policy only.
    const { rules: _rules, ...status } = put.body.status;
    const counted = isPolicy && { shadowed: { count: 0 }, conflicts: { count: 0 }, verified: true };
    expect(list.body.items).toEqual([{ ...put.body, status: { ...status, ...counted } }]);
  }
  const host = await ask(server, 'PUT', '/v1/hosts/host-1', { body: { metadata: { labels: { rack: 'a' } }, spec: { uplinkMbps: 10000 } } });
  expect(host).toMatchObject({ status: 200, body: { kind: 'Host', spec: { uplinkMbps: 10000, schedulable: true } } });
});

test('conditions hold', async () => {
  const path = '/v1/tenants/acme/networks/conditional';
  const first = await ask(server, 'PUT', path, { body: { spec: {} }, headers: { 'if-none-match': '*' } });
  expect(first.status).toBe(201);
  const second = await ask(server, 'PUT', path, {
    body: { spec: { mtu: 1400 } },
    headers: { 'if-match': first.headers.get('etag') ?? '' },
  });
  expect(second).toMatchObject({ status: 200, body: { spec: { mtu: 1400, vni: first.body.spec.vni } } });
  const stale = await ask(server, 'DELETE', path, { headers: { 'if-match': first.headers.get('etag') ?? '' } });
  expect(stale).toMatchObject({ status: 412, body: { code: 'stale' } });
  const gone = await ask(server, 'DELETE', path, { headers: { 'if-match': second.headers.get('etag') ?? '' } });
  expect(gone).toMatchObject({
    status: 200,
    body: { revision: server.store.revision, results: [{ kind: 'Network', tenant: 'acme', name: 'conditional', action: 'deleted' }] },
  });
  expect((await ask(server, 'GET', path)).status).toBe(404);
});

test('the deletion of a host says what comes of it while its switch is connected', async () => {
  const path = '/v1/hosts/host-9';
  const shown = { name: 'host-9', connected: true, realizedRevision: 0, flows: 0, driftRepaired: 0, errors: [], warnings: [] };
  const answered = [];
  for (const ovsdb of [false, true]) {
    expect((await ask(server, 'PUT', path, { body: { spec: {} } })).status).toBe(201);
    server.switches.hosts = [{ ...shown, ovsdb }];
    for (const query of ['?dryRun=true', '']) answered.push((await ask(server, 'DELETE', path + query)).body.results);
    server.switches.hosts = [];
  }
  const plain = { kind: 'Host', name: 'host-9', action: 'deleted' };
  const warned = { ...plain, warning: expect.stringMatching(/^host-9 is connected: .*del-manager/) };
  expect(answered).toEqual([[plain], [plain], [warned], [warned]]);
});

test('what else is called as a connected host that is deleted goes without its warning', async () => {
  expect((await ask(server, 'PUT', '/v1/hosts/host-9', { body: { spec: {} } })).status).toBe(201);
  server.switches.hosts = [
    { name: 'host-9', connected: true, ovsdb: true, realizedRevision: 0, flows: 0, driftRepaired: 0, errors: [], warnings: [] },
  ];
  const body = { documents: [{ kind: 'Tenant', metadata: { name: 'host-9' } }], delete: [{ kind: 'Host', name: 'host-9' }] };
  const { results } = (await ask(server, 'POST', '/v1/plan', { body })).body as { results: { kind: string; warning?: string }[] };
  server.switches.hosts = [];
  await ask(server, 'DELETE', '/v1/hosts/host-9');
  expect(results.filter(({ warning }) => warning !== undefined).map(({ kind }) => kind)).toEqual(['Host']);
});

test('what was stored is answered, also where nobody can tell whether the host is connected', async () => {
  const path = '/v1/hosts/host-8';
  await ask(server, 'PUT', path, { body: { spec: {} } });
  server.switches.isBusy = true;
  const deleted = await ask(server, 'DELETE', path);
  server.switches.isBusy = false;
  expect(deleted).toMatchObject({ status: 200, body: { results: [{ kind: 'Host', name: 'host-8', action: 'deleted' }] } });
});

test('a dry run says what would change and stores nothing', async () => {
  const before = server.store.revision;
  const create = await ask(server, 'PUT', '/v1/tenants/acme/networks/dry?dryRun=true', { body: { spec: {} } });
  expect(create).toMatchObject({
    status: 200,
    body: { dryRun: true, results: [{ kind: 'Network', tenant: 'acme', name: 'dry', action: 'created' }] },
  });
  const update = await ask(server, 'PUT', '/v1/tenants/acme?dryRun=true', { body: { spec: { posture: 'open' } } });
  expect(update.body.results).toEqual([{ kind: 'Tenant', name: 'acme', action: 'updated' }]);
  const same = await ask(server, 'PUT', '/v1/tenants/acme?dryRun=true', { body: acme.tenant });
  expect(same.body.results).toEqual([{ kind: 'Tenant', name: 'acme', action: 'unchanged' }]);
  const refused = await ask(server, 'DELETE', '/v1/tenants/acme?dryRun=true');
  expect(refused).toMatchObject({ status: 409, body: { code: 'in-use' } });
  expect(server.store.revision).toBe(before);
});

test('apply is one transaction, from JSON and from YAML', async () => {
  const before = server.store.revision;
  const documents = [
    { kind: 'Tenant', metadata: { name: 'many' } },
    { kind: 'Network', metadata: { name: 'a', tenant: 'many' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
    { kind: 'Vm', metadata: { name: 'v', tenant: 'many' }, spec: { interfaces: [{ name: 'eth0', network: 'a' }] } },
  ];
  const json = await ask(server, 'POST', '/v1/apply', { body: documents });
  expect(json).toMatchObject({ status: 200, body: { revision: before + 1 } });
  expect(json.body.results.map((each: { kind: string; action: string }) => [each.kind, each.action])).toEqual([
    ['Tenant', 'created'],
    ['Network', 'created'],
    ['Vm', 'created'],
  ]);
  const yaml = await ask(server, 'POST', '/v1/apply', {
    headers: { 'content-type': 'application/yaml' },
    text: 'kind: Network\nmetadata: { name: a, tenant: many }\nspec: { mtu: 1400, subnets: [{ cidr: 10.0.0.0/24 }] }\n---\n---\nkind: Tenant\nmetadata: { name: many }\n',
  });
  expect(yaml.body).toEqual({
    revision: before + 2,
    results: [
      { kind: 'Network', tenant: 'many', name: 'a', action: 'updated' },
      { kind: 'Tenant', name: 'many', action: 'unchanged' },
    ],
  });
});

test('wait=realized answers when it is so', async () => {
  const answer = await ask(server, 'PUT', '/v1/tenants/waited?wait=realized', { body: {} });
  expect(answer.status).toBe(201);
});

test('nothing is told of a tenant by another name', async () => {
  expect((await ask(server, 'GET', '/v1/tenants/other/networks')).body).toMatchObject({ items: [] });
});

test('how many flows a policy comes to is told before it is made, shown then, and limited', async () => {
  const tenant = '/v1/tenants/frugal';
  await ask(server, 'PUT', tenant, { body: { spec: { quotas: { flows: 20, policies: 3 } } } });
  const cidrs = (count: number): object => ({
    spec: { ingress: [{ action: 'allow', from: Array.from({ length: count }, (_, index) => ({ cidr: `2001:db8:${index * 2}::/48` })) }] },
  });
  const path = `${tenant}/policies/in`;
  const foreseen = await ask(server, 'PUT', `${path}?dryRun=true`, { body: cidrs(3) });
  // One for each block, one for the accounting of what they let in.
  expect(foreseen.body).toMatchObject({ dryRun: true, results: [{ kind: 'Policy', action: 'created', flows: { perHost: 4, before: 0 } }] });
  expect((await ask(server, 'GET', tenant)).body).toMatchObject({
    status: { usage: { flows: { used: 1, limit: 20 }, policies: { used: 0, limit: 3 }, vms: { used: 0 } } },
  });
  expect((await ask(server, 'PUT', path, { body: cidrs(3) })).body).toMatchObject({ status: { flows: { perHost: 4 } } });
  expect((await ask(server, 'GET', tenant)).body).toMatchObject({
    status: { usage: { flows: { used: 5, limit: 20 }, policies: { used: 1 } } },
  });
  const more = await ask(server, 'PUT', `${path}?dryRun=true`, { body: cidrs(5) });
  expect(more.body).toMatchObject({ results: [{ action: 'updated', flows: { perHost: 6, before: 4 } }] });
  const refused = await ask(server, 'PUT', path, { body: cidrs(30) });
  expect(refused).toMatchObject({ status: 422, body: { code: 'flow-budget' } });
  expect(refused.body.detail).toContain('may come to 20 flows on a host that holds all of it, and this would make up to 32 (before: 5)');
  expect(refused.body.detail).toContain('fewer or wider rules, peers and port ranges need fewer');
});
