import { afterAll, beforeAll, expect, test } from 'vitest';
import { acme, ask, openServer, prepareTenants, registerHost, secrets, tokens, type Answer, type Server } from './server.ts';

/**
 * What a tenant's token never learns: how others' things are called, where they are and what addresses they have, beyond an address
 * that it asks about itself. All of `other` has a name with `zzq`, addresses of 10.9.0.0/16 and a MAC of its own; a router of the
 * platform joins it to `acme`, and a policy of the platform names both.
 */
const told = /zzq|"tenant":"other"|other\/|10\.9\.|02:99:|host-9|172\.31\./;

let server: Server;
const vm = (tenant: string, name: string, network: string, more: object = {}) => ({
  kind: 'Vm',
  metadata: { name, tenant, labels: { app: name } },
  spec: { interfaces: [{ name: 'eth0', network, ...more }] },
});
const group = (tenant: string, name: string) => ({
  kind: 'Group',
  metadata: { name, tenant },
  spec: { selector: { matchLabels: { app: name } } },
});

beforeAll(async () => {
  server = await openServer({ tokens });
  await prepareTenants(server, secrets.platform);
  await registerHost(server, 'host-1', '192.0.2.1');
  await registerHost(server, 'host-9', '172.31.0.9');
  const body = [
    vm('acme', 'shop', 'web'),
    group('acme', 'shop'),
    {
      kind: 'Policy',
      metadata: { name: 'mine', tenant: 'acme' },
      spec: { ingress: [{ action: 'allow', log: true }], egress: [{ action: 'allow' }] },
    },
    { kind: 'Intent', metadata: { name: 'ping', tenant: 'acme' }, spec: { text: 'allow ping from anywhere to shop' } },
    { kind: 'Network', metadata: { name: 'zzq-net', tenant: 'other' }, spec: { vni: 7777, subnets: [{ cidr: '10.9.0.0/24' }] } },
    vm('other', 'zzq-vault', 'zzq-net', { addresses: ['10.9.0.9'], mac: '02:99:00:00:00:01' }),
    group('other', 'zzq-vault'),
    {
      kind: 'Policy',
      metadata: { name: 'zzq-guard', tenant: 'other' },
      spec: { appliesTo: ['zzq-vault'], ingress: [{ action: 'reject', services: [{ protocol: 'tcp', port: 443 }] }, { action: 'allow' }] },
    },
    { kind: 'Intent', metadata: { name: 'zzq-wish', tenant: 'other' }, spec: { text: 'allow ping from anywhere to zzq-vault' } },
    {
      kind: 'Router',
      metadata: { name: 'core' },
      spec: {
        networks: [
          { tenant: 'acme', network: 'web' },
          { tenant: 'other', network: 'zzq-net' },
        ],
      },
    },
    // Decided by the platform's before it is asked, so that there is something to find.
    {
      kind: 'Policy',
      metadata: { name: 'telnet', tenant: 'acme' },
      spec: { appliesTo: ['shop'], order: 10, ingress: [{ action: 'allow', services: [{ protocol: 'tcp', port: 24 }] }] },
    },
    {
      kind: 'Policy',
      metadata: { name: 'peering' },
      spec: {
        tier: 'platform',
        ingress: [
          { action: 'deny', services: [{ protocol: 'tcp', port: 23 }], from: [{ tenant: 'other', group: 'zzq-vault' }] },
          { action: 'deny', services: [{ protocol: 'tcp', port: 24 }] },
        ],
      },
    },
  ];
  const applied = await ask(server, 'POST', '/v1/apply', { body, token: secrets.platform });
  if (applied.status !== 200) throw new Error(JSON.stringify(applied.body));
  for (const [tenant, name, host] of [
    ['acme', 'shop', 'host-1'],
    ['other', 'zzq-vault', 'host-9'],
  ] as const)
    await ask(server, 'POST', `/v1/tenants/${tenant}/vms/${name}/start`, { body: { host }, token: secrets.compute });
});
afterAll(() => server.close());

const asAcme = (method: string, path: string, body?: unknown): Promise<Answer> =>
  ask(server, method, path, { token: secrets.acme, ...(body !== undefined && { body }) });

/** What was asked is no news: it may stand in the answer. */
function news(answer: Answer, asked: readonly string[] = []): string {
  return asked.reduce((text, each) => text.replaceAll(each, ''), JSON.stringify(answer.body) ?? '');
}

test('no page that a tenant can read has anything of another one', async () => {
  const paths: Record<string, Record<string, unknown>> = (await ask(server, 'GET', '/openapi.json')).body.paths;
  const names = ['shop', 'web', 'mine', 'ping', '1', 'core', 'peering'];
  let found = 0;
  // Streams do not end: what they carry is tested in `watch.test.ts` and `log.test.ts`.
  for (const path of Object.keys(paths).filter((each) => paths[each]?.['get'] !== undefined && each !== '/v1/watch')) {
    for (const name of path.includes('{name}') || path.includes('{id}') ? names : ['']) {
      const answer = await asAcme('GET', path.replace('{tenant}', 'acme').replace(/\{(name|id)\}/, name));
      if (answer.status === 200) found++;
      expect(`${path} ${news(answer)}`).not.toMatch(told);
    }
  }
  expect(found).toBeGreaterThan(15);
});

test('what is found among its rules names one of the platform by its place alone', async () => {
  const linted = await asAcme('GET', '/v1/tenants/acme/lint');
  const read = await asAcme('GET', '/v1/tenants/acme/policies/telnet');
  const by = [{ policy: 'peering', tier: 'platform', direction: 'ingress', rule: 1, action: 'deny' }];
  expect([linted.body.shadowed, read.body.status.shadowed]).toMatchObject([
    { items: [{ rule: { policy: 'telnet' }, by }], count: 1 },
    { items: [{ by }], count: 1 },
  ]);
  expect(news(linted) + news(read)).not.toMatch(told);
});

test('rules are found by number among its own only', async () => {
  const statuses = [];
  for (let id = 1; id <= 12; id++) {
    const answer = await asAcme('GET', `/v1/tenants/acme/rules/${id}`);
    statuses.push(answer.status);
    expect(news(answer)).not.toMatch(told);
  }
  expect(new Set(statuses)).toEqual(new Set([200, 404]));
});

test.each([
  ['shop', '10.9.0.9', 443],
  ['shop', '10.9.0.9', 22],
  ['10.9.0.9', 'shop', 23],
  ['10.9.0.9', 'shop', 80],
  ['10.9.0.9', '10.9.0.1', 80],
  ['shop', '10.9.0.1', 80],
])('decide and explain of %s → %s %i', async (from, to, port) => {
  const question = { from, to, protocol: 'tcp', port };
  const asked = ['10.9.0.9', '10.9.0.1'];
  const decided = await asAcme('POST', '/v1/tenants/acme/decide', { questions: [question] });
  const explained = await asAcme('POST', '/v1/tenants/acme/explain', question);
  expect([decided.status, explained.status]).toEqual([200, 200]);
  expect(news(decided)).not.toMatch(told);
  expect(news(explained, asked)).not.toMatch(told);
  const past = await asAcme('POST', '/v1/tenants/acme/explain', { ...question, at: explained.body.revision });
  expect(news(past, asked)).not.toMatch(told);
});

test('names of others are as names that nobody has', async () => {
  for (const end of ['zzq-vault', 'other/zzq-vault', 'none', 'other/none']) {
    const { body } = await asAcme('POST', '/v1/tenants/acme/decide', { questions: [{ from: 'shop', to: end, protocol: 'tcp', port: 80 }] });
    expect(body.answers).toEqual([{ error: { code: 'reference-missing', detail: `there is no VM "${end}"` } }]);
    const explained = await asAcme('POST', '/v1/tenants/acme/explain', { from: 'shop', to: end, protocol: 'tcp', port: 80 });
    expect(explained).toMatchObject({ status: 422, body: { code: 'reference-missing', detail: `there is no VM "${end}"` } });
  }
});

const web = (spec: object) => ({ spec: { ...acme.network.spec, ...spec } });
const refusals: readonly (readonly [string, string, unknown, string, readonly string[]])[] = [
  ['PUT', 'networks/web', web({ subnets: [...acme.network.spec.subnets, { cidr: '10.9.0.0/16' }] }), 'subnet-overlap', []],
  ['PUT', 'networks/mine', { spec: { vni: 7777 } }, 'vni-in-use', []],
  ['PUT', 'routers/mine', { spec: { networks: ['web'] } }, 'in-use', []],
  ['PUT', 'routers/mine', { spec: { networks: ['other/zzq-net'] } }, 'reference-missing', ['other/zzq-net']],
  ['PUT', 'vms/spy', { spec: { interfaces: [{ name: 'eth0', network: 'other/zzq-net' }] } }, 'reference-missing', ['other/zzq-net']],
  ['PUT', 'intents/spy', { spec: { text: 'allow ping from anywhere to zz-vault' } }, 'reference-missing', []],
];

test.each(refusals)('%s %s refused: %j', async (method, path, body, code, asked) => {
  const answers = [
    await asAcme(method, `/v1/tenants/acme/${path}?dryRun=true`, body),
    await asAcme(method, `/v1/tenants/acme/${path}`, body),
  ];
  for (const answer of answers) {
    expect(answer.body.code).toBe(code);
    expect(news(answer, asked)).not.toMatch(told);
  }
});

test.each([
  ['alone', []],
  ['before what is wrong with a VM', [vm('acme', 'bad', 'nowhere')]],
  ['before what others use', [{ kind: 'Network', metadata: { name: 'web', tenant: 'acme' }, spec: { subnets: [] } }]],
])('a router with a network of others is refused as with one that is nowhere: %s', async (_, documents) => {
  const router = (networks: readonly string[]) => ({ kind: 'Router', metadata: { name: 'mine', tenant: 'acme' }, spec: { networks } });
  const refusalOf = async (theirs: string, path: string) => {
    const body = [router(['nowhere', theirs, 'web']), ...documents];
    const { status, body: answer } = await asAcme('POST', path, body);
    expect([status, answer.code]).toEqual([422, 'reference-missing']);
    return JSON.stringify(answer).replaceAll(theirs, 'THEIRS');
  };
  for (const path of ['/v1/apply', '/v1/apply?dryRun=true', '/v1/tenants/acme/plan'])
    expect(await refusalOf('other/zzq-net', path)).toBe(await refusalOf('other/zzq-none', path));
});

test('a plan tells of its own side', async () => {
  const quarantine = {
    kind: 'Policy',
    metadata: { name: 'quarantine', tenant: 'acme' },
    spec: { order: 10, ingress: [{ action: 'deny' }], egress: [{ action: 'deny' }] },
  };
  const answer = await asAcme('POST', '/v1/tenants/acme/plan', [quarantine]);
  expect(answer.status).toBe(200);
  expect(answer.body.connectivity.items.length).toBeGreaterThan(0);
  expect(news(answer)).not.toMatch(told);
});
