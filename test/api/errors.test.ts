import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemKinds } from '../../src/api/problem.ts';
import { WeirError } from '../../src/base/errors.ts';
import { acme, ask, openServer, prepareTenants, registerHost, type Ask, type Server } from './server.ts';

/** Every documented refusal: its status, its code, its content type; and that it changed nothing. */
let server: Server;
beforeAll(async () => {
  server = await openServer();
  await prepareTenants(server);
  await registerHost(server, 'host-1', '192.0.2.1');
  await registerHost(server, 'host-2', '192.0.2.2');
  await created('PUT', '/v1/tenants/acme/networks/two', { spec: { vni: 4242, subnets: [{ cidr: '10.0.9.0/30' }] } });
  await created('PUT', '/v1/tenants/acme/vms/taken', {
    spec: { interfaces: [{ name: 'eth0', network: 'web', addresses: ['10.0.0.77'] }] },
  });
  await created('PUT', '/v1/tenants/acme/vms/running', acme.vm);
  await ask(server, 'POST', '/v1/tenants/acme/vms/running/start', { body: { host: 'host-1' } });
  await created('PUT', '/v1/tenants/acme/networks/overlapping', { spec: { subnets: [{ cidr: '10.0.0.128/25' }] } });
  await created('PUT', '/v1/tenants/tight', { spec: { quotas: { networks: 1 } } });
  await created('PUT', '/v1/tenants/tight/networks/one', { spec: { subnets: [{ cidr: '10.7.0.0/24' }] } });
});
afterAll(() => server.close());

async function created(method: string, path: string, body: unknown): Promise<void> {
  const answer = await ask(server, method, path, { body });
  expect(answer).toMatchObject({ status: 201 });
}

interface Refusal {
  readonly says: string;
  readonly method?: string;
  readonly path: string;
  readonly ask?: Ask;
  readonly status: number;
  readonly code: string;
  readonly pointer?: string;
}

const network = '/v1/tenants/acme/networks/new';
const put = (path: string, body: unknown, more: Ask = {}) => ({ method: 'PUT', path, ask: { body, ...more } });

const post = (path: string, body: unknown) => ({ method: 'POST', path, ask: { body } });

const refusals: readonly Refusal[] = [
  { says: 'malformed JSON', method: 'PUT', path: network, ask: { text: '{"spec":' }, status: 400, code: 'malformed' },
  {
    says: 'a prototype in disguise',
    method: 'PUT',
    path: network,
    ask: { text: '{"spec":{"__proto__":{"mtu":1400}}}' },
    status: 400,
    code: 'unknown-field',
    pointer: '/spec/__proto__',
  },
  {
    says: 'a label that is a prototype',
    method: 'PUT',
    path: network,
    ask: { text: '{"metadata":{"labels":{"__proto__":"x"}}}' },
    status: 400,
    code: 'malformed',
    pointer: '/metadata/labels/__proto__',
  },
  { says: 'no body', method: 'PUT', path: network, status: 400, code: 'malformed' },
  { says: 'a path that cannot be decoded', path: '/v1/tenants/%ff', status: 400, code: 'malformed' },
  { says: 'a path with half an escape', ...put('/v1/tenants/%', {}), status: 400, code: 'malformed' },
  { says: 'a name without end', path: `/v1/tenants/${'a'.repeat(5000)}`, status: 400, code: 'malformed' },
  {
    says: 'text in place of JSON',
    ...put(network, acme.network, { headers: { 'content-type': 'text/plain' } }),
    status: 415,
    code: 'unsupported-media-type',
  },
  { says: 'a document that is no object', ...put(network, 'text'), status: 400, code: 'malformed' },
  { says: 'an unknown field', ...put(network, { spec: { colour: 'red' } }), status: 400, code: 'unknown-field', pointer: '/spec/colour' },
  { says: 'half a document a page', path: '/v1/tenants?limit=1.5', status: 400, code: 'malformed', pointer: '/limit' },
  { says: 'an empty revision', path: '/v1/watch?since=', status: 400, code: 'malformed', pointer: '/since' },
  { says: 'a time in words', ...put(`${network}?timeoutMs=1e3`, acme.network), status: 400, code: 'malformed', pointer: '/timeoutMs' },
  { says: 'an unknown parameter', ...put(`${network}?dryrun=true`, acme.network), status: 400, code: 'unknown-field', pointer: '/dryrun' },
  { says: 'a wrong type', ...put(network, { spec: { vni: '1001' } }), status: 400, code: 'malformed', pointer: '/spec/vni' },
  {
    says: 'no CIDR',
    ...put(network, { spec: { subnets: [{ cidr: '10.0.0.0/33' }] } }),
    status: 400,
    code: 'malformed',
    pointer: '/spec/subnets/0/cidr',
  },
  {
    says: 'a CIDR with host bits',
    ...put(network, { spec: { subnets: [{ cidr: '10.0.0.1/24' }] } }),
    status: 400,
    code: 'malformed',
    pointer: '/spec/subnets/0/cidr',
  },
  {
    says: 'another name than the path',
    ...put(network, { metadata: { name: 'old' }, spec: {} }),
    status: 400,
    code: 'malformed',
    pointer: '/metadata/name',
  },
  { says: 'another kind than the path', ...put(network, { kind: 'Vm', spec: {} }), status: 400, code: 'malformed', pointer: '/kind' },
  {
    says: 'a bad name',
    ...put('/v1/tenants/acme/networks/UPPER', acme.network),
    status: 400,
    code: 'malformed',
    pointer: '/metadata/name',
  },
  {
    says: 'a bad If-Match',
    ...put(network, acme.network, { headers: { 'if-match': 'yesterday' } }),
    status: 400,
    code: 'malformed',
    pointer: '/if-match',
  },
  { says: 'a limit that is too large', path: '/v1/tenants?limit=1001', method: 'GET', status: 400, code: 'malformed', pointer: '/limit' },
  {
    says: 'a bad selector',
    path: '/v1/tenants?labelSelector=a%3D%3D%3Db',
    method: 'GET',
    status: 400,
    code: 'malformed',
    pointer: '/labelSelector',
  },
  {
    says: 'a foreign continue token',
    path: '/v1/tenants?continue=bm9uZQ',
    method: 'GET',
    status: 400,
    code: 'malformed',
    pointer: '/continue',
  },
  {
    says: 'an apply that is no list',
    method: 'POST',
    path: '/v1/apply',
    ask: { body: { kind: 'Tenant' } },
    status: 400,
    code: 'malformed',
  },
  {
    says: 'an apply with one bad document',
    method: 'POST',
    path: '/v1/apply',
    ask: {
      body: [
        { kind: 'Tenant', metadata: { name: 'good' } },
        { kind: 'Network', metadata: { name: 'bad', tenant: 'acme' }, spec: { vni: 0 } },
      ],
    },
    status: 400,
    code: 'malformed',
    pointer: '/1/spec/vni',
  },
  {
    says: 'YAML that is none',
    method: 'POST',
    path: '/v1/apply',
    ask: { text: 'a: [', headers: { 'content-type': 'application/yaml' } },
    status: 400,
    code: 'malformed',
  },
  {
    says: 'a start without a host',
    method: 'POST',
    path: '/v1/tenants/acme/vms/taken/start',
    ask: { body: {} },
    status: 400,
    code: 'malformed',
    pointer: '/host',
  },
  { says: 'what does not exist', method: 'GET', path: '/v1/tenants/acme/networks/none', status: 404, code: 'not-found' },
  { says: 'a tenant that does not exist', method: 'GET', path: '/v1/tenants/none/networks', status: 404, code: 'not-found' },
  { says: 'a path that does not exist', method: 'GET', path: '/v1/nothing', status: 404, code: 'not-found' },
  { says: 'a method that does not exist', method: 'PATCH', path: '/v1/tenants/acme', status: 404, code: 'not-found' },
  { says: 'a deletion of nothing', method: 'DELETE', path: '/v1/tenants/acme/networks/none', status: 404, code: 'not-found' },
  { says: 'a deletion of a VM that never was', method: 'DELETE', path: '/v1/tenants/acme/vms/none', status: 404, code: 'not-found' },
  {
    says: 'a start of a VM that never was',
    method: 'POST',
    path: '/v1/tenants/acme/vms/none/start',
    ask: { body: { host: 'host-1' } },
    status: 404,
    code: 'not-found',
  },
  { says: 'a deletion of what is in use', method: 'DELETE', path: '/v1/tenants/acme/networks/web', status: 409, code: 'in-use' },
  { says: 'a VNI that is taken', ...put(network, { spec: { vni: 4242 } }), status: 409, code: 'vni-in-use' },
  {
    says: 'an address that is taken',
    ...put('/v1/tenants/acme/vms/new', { spec: { interfaces: [{ name: 'eth0', network: 'web', addresses: ['10.0.0.77'] }] } }),
    status: 409,
    code: 'address-in-use',
  },
  {
    says: 'a start elsewhere',
    method: 'POST',
    path: '/v1/tenants/acme/vms/running/start',
    ask: { body: { host: 'host-2' } },
    status: 409,
    code: 'conflict',
  },
  { says: 'events ahead of the store', method: 'GET', path: '/v1/watch?since=999999999', status: 410, code: 'compacted' },
  {
    says: 'a stale revision',
    ...put('/v1/tenants/acme/networks/web', acme.network, { headers: { 'if-match': '"1"' } }),
    status: 412,
    code: 'stale',
  },
  {
    says: 'a creation of what is there',
    ...put('/v1/tenants/acme/networks/web', acme.network, { headers: { 'if-none-match': '*' } }),
    status: 412,
    code: 'stale',
  },
  {
    says: 'a body that is too large',
    method: 'PUT',
    path: network,
    ask: { text: JSON.stringify({ x: 'y'.repeat(1_100_000) }) },
    status: 413,
    code: 'too-large',
  },
  {
    says: 'a wrong content type',
    method: 'PUT',
    path: network,
    ask: { text: 'spec: {}', headers: { 'content-type': 'application/yaml' } },
    status: 415,
    code: 'unsupported-media-type',
  },
  {
    says: 'a form',
    method: 'POST',
    path: '/v1/apply',
    ask: { text: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    status: 415,
    code: 'unsupported-media-type',
  },
  {
    says: 'a reference to nothing',
    ...put('/v1/tenants/acme/vms/new', { spec: { interfaces: [{ name: 'eth0', network: 'none' }] } }),
    status: 422,
    code: 'reference-missing',
    pointer: '/spec/interfaces/0/network',
  },
  {
    says: 'a start on an unknown host',
    method: 'POST',
    path: '/v1/tenants/acme/vms/taken/start',
    ask: { body: { host: 'none' } },
    status: 422,
    code: 'reference-missing',
  },
  {
    says: 'subnets that overlap',
    ...put('/v1/tenants/acme/routers/r', { spec: { networks: ['web', 'overlapping'] } }),
    status: 422,
    code: 'subnet-overlap',
  },
  {
    says: 'an address outside the subnet',
    ...put('/v1/tenants/acme/vms/new', { spec: { interfaces: [{ name: 'eth0', network: 'web', addresses: ['10.99.0.1'] }] } }),
    status: 422,
    code: 'address-outside-subnet',
    pointer: '/spec/interfaces/0/addresses/0',
  },
  {
    says: 'an exhausted subnet',
    ...put('/v1/tenants/acme/vms/new', {
      spec: {
        interfaces: [
          { name: 'a', network: 'two' },
          { name: 'b', network: 'two' },
        ],
      },
    }),
    status: 422,
    code: 'pool-exhausted',
  },
  {
    says: 'a condition on an apply',
    method: 'POST',
    path: '/v1/apply',
    ask: { body: [], headers: { 'if-match': '"1"' } },
    status: 400,
    code: 'malformed',
    pointer: '/if-match',
  },
  {
    says: 'more documents than one request may have',
    method: 'POST',
    path: '/v1/apply',
    ask: { body: Array.from({ length: 100_001 }, () => 0) },
    status: 413,
    code: 'too-large',
  },
  {
    says: 'a body that is packed',
    ...put(network, acme.network, { headers: { 'content-encoding': 'gzip' } }),
    status: 415,
    code: 'unsupported-media-type',
  },
  {
    says: 'a block of IPv4 in the form of IPv6',
    ...put('/v1/tenants/acme/policies/new', { spec: { ingress: [{ action: 'deny', from: [{ cidr: '::ffff:10.0.0.0/104' }] }] } }),
    status: 400,
    code: 'malformed',
    pointer: '/spec/ingress/0/from/0/cidr',
  },
  {
    says: 'a group of such blocks',
    ...put('/v1/tenants/acme/groups/new', { spec: { cidrs: ['::ffff:a00:1/128'] } }),
    status: 400,
    code: 'malformed',
    pointer: '/spec/cidrs/0',
  },
  {
    says: 'decide with a field more',
    ...post('/v1/decide', { questions: [], more: 1 }),
    status: 400,
    code: 'unknown-field',
    pointer: '/more',
  },
  {
    says: 'explain without a port',
    ...post('/v1/tenants/acme/explain', { from: 'running', to: '192.0.2.9', protocol: 'tcp' }),
    status: 400,
    code: 'malformed',
    pointer: '/port',
  },
  {
    says: 'explain of an unknown VM',
    ...post('/v1/tenants/acme/explain', { from: 'running', to: 'nobody', protocol: 'tcp', port: 1 }),
    status: 422,
    code: 'reference-missing',
    pointer: '/to',
  },
  {
    says: 'explain of an address in the form of another family',
    ...post('/v1/tenants/acme/explain', { from: 'running', to: '::ffff:192.0.2.9', protocol: 'tcp', port: 1 }),
    status: 400,
    code: 'malformed',
    pointer: '/to',
  },
  ...['2999-01-01T00:00:00Z', '2026-01-31T12:00:00', 'yesterday'].map((at) => ({
    says: `explain at ${at}`,
    ...post('/v1/tenants/acme/explain', { from: 'running', to: '192.0.2.9', protocol: 'tcp', port: 1, at }),
    status: 400,
    code: 'malformed',
    pointer: '/at',
  })),
  { says: 'an exceeded quota', ...put('/v1/tenants/tight/networks/two', { spec: {} }), status: 422, code: 'quota-exceeded' },
];

describe('each refusal is a problem document and changes nothing', () => {
  test.each(refusals)('$says: $status $code', async ({ method = 'GET', path, ask: asked, status, code, pointer }) => {
    const before = server.store.revision;
    const answer = await ask(server, method, path, asked);
    expect(answer.body).toMatchObject({
      status,
      code,
      type: `urn:weir:problem:${code}`,
      title: expect.any(String),
      detail: expect.any(String),
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const pointers = (answer.body.errors ?? []).map((each: { pointer: string }) => each.pointer);
    expect([undefined, ...pointers]).toContain(pointer);
    expect(server.store.revision).toBe(before);
  });
});

const words: readonly (Pick<Refusal, 'says' | 'path' | 'ask' | 'method'> & {
  readonly errors: readonly { pointer: string; detail: string }[];
})[] = [
  {
    says: 'what an action may be',
    ...put('/v1/tenants/acme/policies/new', { spec: { ingress: [{ action: 'ALLOW' }] } }),
    errors: [{ pointer: '/spec/ingress/0/action', detail: 'must be allow, deny, reject or pass' }],
  },
  {
    says: 'of a union the one thing that is wrong',
    ...put('/v1/tenants/acme/policies/new', { spec: { ingress: [{ action: 'allow', services: [{ protocol: 'gre' }] }] } }),
    errors: [{ pointer: '/spec/ingress/0/services/0/protocol', detail: 'must be tcp, udp, sctp, icmp or icmpv6' }],
  },
  {
    says: 'what a query may be',
    path: '/v1/rules?sort=name',
    errors: [{ pointer: '/sort', detail: 'must be one of packets, bytes, connections' }],
  },
  {
    says: 'once what several forms would do',
    ...post('/v1/explain', { from: 'a/b', to: 'a/c', protocol: 'tcp', port: 1, at: -1 }),
    errors: [{ pointer: '/at', detail: 'must be a revision, or a time by RFC 3339 such as 2026-01-31T12:00:00Z: as it was then' }],
  },
];

test.each(words)('a refusal says $says', async ({ method = 'GET', path, ask: asked, errors }) => {
  const answer = await ask(server, method, path, asked);
  expect(answer.body.errors).toMatchObject(errors);
  expect(answer.body.errors).toHaveLength(errors.length);
});

test('a path without end is not said back', async () => {
  const answer = await ask(server, 'GET', `/v1/tenants/${'a'.repeat(5000)}`);
  expect(answer.body.detail.length).toBeLessThan(200);
});

/** Everything that a server answers to bytes on a connection of its own, up to its end. */
async function exchange(text: string): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

test.each([
  ['garbage', 'GARBAGE\r\n\r\n', 400, 'malformed'],
  ['no version of HTTP', 'GET / HTTP/9.9\r\n\r\n', 400, 'malformed'],
  ['headers without end', `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, 413, 'too-large'],
])('%s on the connection is a problem document too', async (_says, text, status, code) => {
  const [head = '', body = ''] = (await exchange(text)).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head).toContain('content-type: application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ status, code });
});

test('whoever sends too much before reading still reads why, and goes on', async () => {
  const body = ' '.repeat(20 * 1_048_576);
  const put = `PUT ${network} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const next = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
  expect((await exchange(put + body + next)).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
});

test('a verb without a body may say that it is JSON', async () => {
  const asked = { text: '', headers: { 'content-type': 'application/json' } };
  expect(await ask(server, 'POST', '/v1/tenants/acme/vms/taken/stop', asked)).toMatchObject({ status: 200 });
});

test('who uses it is told', async () => {
  const { body } = await ask(server, 'DELETE', '/v1/tenants/acme/networks/web');
  expect(body.users).toContainEqual({ kind: 'Vm', tenant: 'acme', name: 'running' });
});

test('a YAML stream that expands without end is refused', async () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(9)}]`),
  ].join('\n');
  const answer = await ask(server, 'POST', '/v1/apply', { text: bomb, headers: { 'content-type': 'application/yaml' } });
  expect(answer).toMatchObject({ status: 400, body: { code: 'malformed' } });
});

test.each(['[', '{"a":'])('a body of nothing but %s is refused and the server goes on', async (piece) => {
  for (const type of ['application/json', 'application/yaml']) {
    const answer = await ask(server, 'POST', '/v1/apply', { text: piece.repeat(100_000), headers: { 'content-type': type } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed' } });
  }
  expect((await ask(server, 'GET', '/healthz')).status).toBe(200);
});

test('more requests than allowed: 429, when to come back, and health stays', async () => {
  const limited = await openServer({ requestsPerSecondMax: 3 });
  try {
    const answers = [];
    for (let n = 0; n < 6; n++) answers.push(await ask(limited, 'GET', '/v1/tenants'));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ code: 'rate-limited', status: 429 });
    expect(refused?.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask(limited, 'GET', '/healthz')).status).toBe(200);
  } finally {
    await limited.close();
  }
});

test('429 says when to come back, whoever refuses', async () => {
  const busy = await openServer({
    policyLog: {
      read: () => {
        throw new WeirError('rate-limited', 'too many wait already');
      },
      follow: () => () => undefined,
    },
  });
  try {
    const answer = await ask(busy, 'GET', '/v1/log');
    expect(answer).toMatchObject({ status: 429, body: { code: 'rate-limited', detail: 'too many wait already' } });
    expect(answer.headers.get('retry-after')).toBe('1');
  } finally {
    await busy.close();
  }
});

/** As `docs/operations.md` lists them: a code in each row, and its status. */
test('the codes that are documented are those that there are', async () => {
  const text = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const [, section = ''] = text.split('\n## Errors\n');
  const rows = section.split('\n## ')[0]?.matchAll(/^\| (\d{3}) \| (.+?) \|/gm) ?? [];
  const documented = [...rows].flatMap(([, status, codes = '']) =>
    [...codes.matchAll(/`([\w-]+)`/g)].map(([, code]) => `${status} ${code}`),
  );
  expect(new Set(documented)).toEqual(new Set(Object.entries(problemKinds).map(([code, { status }]) => `${status} ${code}`)));
});

test('no leader: 503 at /readyz, while /healthz is well', async () => {
  server.switches.unready = 'no leader is known';
  expect(await ask(server, 'GET', '/readyz')).toMatchObject({ status: 503, body: { code: 'no-leader', detail: 'no leader is known' } });
  expect((await ask(server, 'GET', '/healthz')).status).toBe(200);
  server.switches.unready = undefined;
  expect((await ask(server, 'GET', '/readyz')).status).toBe(200);
});

test('not realized in time: 504, and the write stands', async () => {
  server.switches.realization = { realized: false, waiting: [{ host: 'host-1', reason: 'no connection' }] };
  const answer = await ask(server, 'PUT', '/v1/tenants/late?wait=realized&timeoutMs=10', { body: {} });
  server.switches.realization = { realized: true };
  expect(answer).toMatchObject({
    status: 504,
    body: { code: 'not-realized', revision: server.store.revision, waiting: [{ host: 'host-1', reason: 'no connection' }] },
  });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect((await ask(server, 'GET', '/v1/tenants/late')).status).toBe(200);
});

test('a refused wait says what can be waited for', async () => {
  const told = async (path: string): Promise<unknown> => (await ask(server, 'POST', path, { body: {} })).body['detail'];
  expect([await told('/v1/apply?wait=soon'), await told('/v1/tenants/acme/vms/web-1/stop?wait=soon')]).toEqual([
    'query: /wait must be "realized"',
    'query: /wait must be one of realized, active',
  ]);
});
