import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Value } from 'typebox/value';
import { schemas } from '../../policies/model/schema/resource.ts';
import { kindPaths } from '../../src/api/schema/kinds.ts';
import { acme, ask, openServer, prepareTenants, registerHost, type Server } from './server.ts';

/** The description of the API is made from what validates; here the answers are held against it. */
let server: Server;
let document: any;
beforeAll(async () => {
  server = await openServer();
  await prepareTenants(server);
  await registerHost(server, 'host-1', '192.0.2.1');
  document = (await ask(server, 'GET', '/openapi.json')).body;
});
afterAll(() => server.close());

const methods = ['get', 'put', 'post', 'delete'] as const;
const operations = (): { path: string; method: string; operation: any }[] =>
  Object.entries<any>(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => (item[method] ? [{ path, method, operation: item[method] }] : [])),
  );

test('it is OpenAPI 3.1 and names each operation once', () => {
  expect(document.openapi).toBe('3.1.0');
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(ids).not.toContain(undefined);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { operation } of operations()) {
    expect(operation.summary).toEqual(expect.any(String));
    expect(operation.responses['4XX'] ?? operation.responses['4xx']).toMatchObject({ content: { 'application/problem+json': {} } });
  }
});

test('every path parameter is described', () => {
  for (const { path, operation } of operations()) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const described = (operation.parameters ?? []).filter((each: any) => each.in === 'path').map((each: any) => each.name);
    expect(new Set(described)).toEqual(new Set(named));
  }
});

test('every route of the contract is there', () => {
  const paths = Object.keys(document.paths);
  for (const { plural, scope } of kindPaths) {
    const places = [...(scope !== 'platform' ? [`/v1/tenants/{tenant}/${plural}`] : []), ...(scope !== 'tenant' ? [`/v1/${plural}`] : [])];
    for (const place of places) {
      expect(paths).toContain(place);
      expect(paths.some((path) => path.startsWith(`${place}/{`))).toBe(true);
    }
  }
  for (const path of [
    '/v1/apply',
    '/v1/watch',
    '/v1/decide',
    '/v1/tenants/{tenant}/decide',
    '/v1/explain',
    '/v1/plan',
    '/v1/tenants/{tenant}/plan',
    '/v1/status',
    '/v1/cluster',
    '/v1/cluster/members',
    '/v1/cluster/members/{member}',
    '/v1/cluster/transfer',
    '/v1/backup',
    '/healthz',
    '/readyz',
    '/metrics',
  ])
    expect(paths).toContain(path);
  for (const verb of ['start', 'stop']) expect(paths).toContain(`/v1/tenants/{tenant}/vms/{name}/${verb}`);
});

test('what is not there is not described', () => {
  expect(JSON.stringify(Object.keys(document.paths))).not.toMatch(/migrate/);
});

/** The document spells a constant as an enumeration of one. */
const spelledOut = (schema: unknown): unknown =>
  JSON.parse(JSON.stringify(schema), (_key, value) => {
    if (typeof value !== 'object' || value === null || !('const' in value)) return value;
    const { const: only, ...rest } = value;
    return { ...rest, enum: [only] };
  });

test.each(Object.entries(schemas))('%s is described by the schema that validates it', (kind, schema) => {
  const { operation } = operations().find((each) => each.operation.operationId === `put${kind}`) ?? {};
  expect(operation.requestBody.content['application/json'].schema).toEqual(spelledOut(schema));
});

const networkBody = { spec: { subnets: [{ cidr: '10.3.0.0/24' }] } };
const vm = '/v1/tenants/acme/vms/described';
const calls: readonly (readonly [method: string, template: string, path: string, body?: unknown])[] = [
  ['put', '/v1/tenants/{tenant}', '/v1/tenants/third', {}],
  ['put', '/v1/tenants/{tenant}/networks/{name}', '/v1/tenants/acme/networks/n', networkBody],
  ['get', '/v1/tenants/{tenant}/networks/{name}', '/v1/tenants/acme/networks/n'],
  ['get', '/v1/tenants/{tenant}/networks', '/v1/tenants/acme/networks?limit=1'],
  ['put', '/v1/tenants/{tenant}/groups/{name}', '/v1/tenants/acme/groups/g', { spec: { selector: {} } }],
  [
    'put',
    '/v1/tenants/{tenant}/services/{name}',
    '/v1/tenants/acme/services/s',
    { spec: { ports: [{ protocol: 'tcp', port: 1, endPort: 9 }] } },
  ],
  [
    'put',
    '/v1/tenants/{tenant}/policies/{name}',
    '/v1/tenants/acme/policies/p',
    { spec: { appliesTo: ['g'], ingress: [{ action: 'allow', from: [{ group: 'g' }], services: ['s'] }] } },
  ],
  [
    'put',
    '/v1/tenants/{tenant}/qos-policies/{name}',
    '/v1/tenants/acme/qos-policies/q',
    { spec: { appliesTo: ['g'], egress: { maxMbps: 5 } } },
  ],
  ['put', '/v1/tenants/{tenant}/routers/{name}', '/v1/tenants/acme/routers/r', { spec: { networks: ['n'] } }],
  ['put', '/v1/routers/{name}', '/v1/routers/r', { spec: { networks: [{ tenant: 'acme', network: 'web' }] } }],
  ['get', '/v1/hosts/{name}', '/v1/hosts/host-1'],
  ['put', '/v1/tenants/{tenant}/vms/{name}', vm, acme.vm],
  ['post', '/v1/tenants/{tenant}/vms/{name}/start', `${vm}/start`, { host: 'host-1' }],
  ['get', '/v1/tenants/{tenant}/vms', '/v1/tenants/acme/vms'],
  [
    'post',
    '/v1/tenants/{tenant}/decide',
    '/v1/tenants/acme/decide',
    { questions: [{ from: 'described', to: '192.0.2.7', protocol: 'tcp', port: 80 }, { from: 'described' }] },
  ],
  ['post', '/v1/decide', '/v1/decide', { questions: [{ from: 'acme/described', to: 'acme/described/eth0', protocol: 'icmp' }] }],
  ['post', '/v1/tenants/{tenant}/vms/{name}/stop', `${vm}/stop`],
  ['delete', '/v1/tenants/{tenant}/vms/{name}', vm],
  ['post', '/v1/apply', '/v1/apply', [{ kind: 'Tenant', metadata: { name: 'fourth' } }]],
  ['delete', '/v1/tenants/{tenant}', '/v1/tenants/fourth'],
  ['get', '/v1/tenants', '/v1/tenants'],
  ['get', '/v1/status', '/v1/status'],
  ['get', '/v1/cluster', '/v1/cluster'],
  ['get', '/healthz', '/healthz'],
];

describe('answers are as described', () => {
  test.each(calls)('%s %s', async (...call) => {
    const [method, template, path, body] = call as unknown as (typeof calls)[number];
    const answer = await ask(server, method.toUpperCase(), path, body === undefined ? {} : { body });
    const described = document.paths[template][method].responses[answer.status];
    expect([answer.status, answer.body]).toEqual([described ? answer.status : 'undescribed', answer.body]);
    const { schema } = described.content['application/json'];
    expect(Value.Errors(schema, answer.body)).toEqual([]);
    expect(undescribed(schema, answer.body, '')).toEqual([]);
  });

  test('problems too', async () => {
    const answer = await ask(server, 'PUT', '/v1/tenants/acme/networks/bad', { body: { spec: { vni: 0 } } });
    const { responses } = document.paths['/v1/tenants/{tenant}/networks/{name}'].put;
    const { schema } = (responses['4XX'] ?? responses['4xx']).content['application/problem+json'];
    expect(Value.Errors(schema, answer.body)).toEqual([]);
    expect(undescribed(schema, answer.body, '')).toEqual([]);
  });
});

/** Fields of an answer that its schema does not name. */
function undescribed(schema: any, value: unknown, at: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  const branches = schema.anyOf ?? schema.allOf;
  if (branches)
    return branches.map((branch: any) => undescribed(branch, value, at)).toSorted((a: any, b: any) => a.length - b.length)[0] ?? [];
  if (Array.isArray(value)) return value.flatMap((each, index) => undescribed(schema.items ?? {}, each, `${at}/${index}`));
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== false) return [];
  if (schema.patternProperties) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    schema.properties?.[key] ? undescribed(schema.properties[key], each, `${at}/${key}`) : [`${at}/${key}`],
  );
}

test('it can be browsed', async () => {
  const response = await fetch(`${server.url}/docs/`);
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('swagger');
});

test('its version is that of the package', () => {
  expect(document.info.version).toBe('0.0.0-test');
  expect(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))).toHaveProperty('version');
});
