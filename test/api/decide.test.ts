import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, openServer, secrets, tokens, type Answer, type Server } from './server.ts';

/** acme and other on one shared network, with an isolated third; each with policies of its own, and one of the platform's. */
let server: Server;
const put = async (path: string, body: unknown): Promise<void> => {
  const { status, body: answer } = await ask(server, 'PUT', path, { body, token: secrets.platform });
  if (status !== 201 && status !== 200) throw new Error(`PUT ${path} answered ${status}: ${JSON.stringify(answer)}`);
};
const nic = (network: string, address: string, name = 'eth0') => ({ name, network, addresses: [address] });

beforeAll(async () => {
  server = await openServer({ tokens });
  for (const tenant of ['acme', 'other', 'third']) await put(`/v1/tenants/${tenant}`, {});
  await put('/v1/tenants/acme/networks/shared', { spec: { subnets: [{ cidr: '10.0.0.0/24' }], sharedWith: ['other', 'third'] } });
  await put('/v1/tenants/acme/vms/web', { spec: { interfaces: [nic('shared', '10.0.0.10')] } });
  await put('/v1/tenants/other/vms/db', { spec: { interfaces: [nic('acme/shared', '10.0.0.20')] } });
  await put('/v1/tenants/third/vms/x', { spec: { interfaces: [nic('acme/shared', '10.0.0.30')] } });
  await put('/v1/tenants/acme/policies/out', {
    spec: {
      egress: [
        { action: 'deny', services: ['telnet'] },
        { action: 'allow', to: [{ cidr: '10.0.0.0/24' }] },
      ],
    },
  });
  await put('/v1/tenants/other/policies/secret-name', {
    spec: { ingress: [{ action: 'reject', from: [{ cidr: '10.0.0.10/32' }], services: [{ protocol: 'tcp', port: 5432 }] }] },
  });
  await put('/v1/policies/guard', {
    spec: {
      tier: 'platform',
      ingress: [
        { action: 'allow', services: ['ssh'] },
        { action: 'pass', services: ['http'] },
      ],
    },
  });
});
afterAll(() => server.close());

const decide = (questions: readonly unknown[], tenant?: string, token: string = secrets.platform): Promise<Answer> =>
  ask(server, 'POST', tenant === undefined ? '/v1/decide' : `/v1/tenants/${tenant}/decide`, { body: { questions }, token });

const tcp = (from: string, to: string, port: number) => ({ from, to, protocol: 'tcp', port });

test('both verdicts with the rules that decided, in the order asked', async () => {
  const { status, body } = await decide([
    tcp('acme/web', 'other/db', 5432),
    tcp('acme/web', 'other/db', 22),
    tcp('acme/web/eth0', 'other/db', 23),
    tcp('192.0.2.1', 'other/db', 80),
    tcp('192.0.2.1', '192.0.2.2', 80),
  ]);
  expect(status).toBe(200);
  const out = { verdict: 'allow', tier: 'tenant', policy: 'out', rule: 1 };
  expect(body.answers).toEqual([
    { verdict: 'reject', egress: out, ingress: { verdict: 'reject', tier: 'tenant', policy: 'secret-name', rule: 0 } },
    { verdict: 'allow', egress: out, ingress: { verdict: 'allow', tier: 'platform', policy: 'guard', rule: 0 } },
    { verdict: 'deny', egress: { ...out, verdict: 'deny', rule: 0 }, ingress: { verdict: 'deny', tier: 'posture' } },
    { verdict: 'deny', egress: null, ingress: { verdict: 'deny', tier: 'posture' } },
    { verdict: 'allow', egress: null, ingress: null },
  ]);
  expect(body.revision).toBe(server.store.revision);
});

test('a tenant does not learn what decides for another tenant’s interface', async () => {
  const { body } = await decide([tcp('web', '10.0.0.20', 5432), tcp('web', '10.0.0.20', 22)], 'acme', secrets.acme);
  expect(body.answers).toMatchObject([
    { verdict: 'reject', egress: { policy: 'out', rule: 1 } },
    { verdict: 'allow', egress: { policy: 'out', rule: 1 } },
  ]);
  expect(body.answers.map(({ ingress }: any) => ingress)).toEqual([
    { verdict: 'reject', tier: 'tenant' },
    { verdict: 'allow', tier: 'platform' },
  ]);
});

test('of what the platform decides for its own interface a tenant is told the policy and the rule', async () => {
  const asked = [tcp('10.0.0.20', 'web', 22), tcp('192.0.2.1', 'web', 22)];
  const { body } = await decide(asked, 'acme', secrets.acme);
  const guard = { verdict: 'allow', tier: 'platform', policy: 'guard', rule: 0 };
  expect(body.answers).toEqual([
    { verdict: 'deny', egress: { verdict: 'deny', tier: 'posture' }, ingress: guard },
    { verdict: 'allow', egress: null, ingress: guard },
  ]);
});

test('decide and explain tell a tenant the same of both sides', async () => {
  const ends = ['web', '10.0.0.20', '10.0.0.30', '192.0.2.1'];
  for (const from of ends)
    for (const to of ends)
      for (const port of [22, 80, 5432]) {
        const question = tcp(from, to, port);
        const explained = await ask(server, 'POST', '/v1/tenants/acme/explain', { body: question, token: secrets.acme });
        const decided = await decide([question], 'acme', secrets.acme);
        expect(explained.status).toBe(200);
        const side = (full: any) => {
          if (full === null) return null;
          const { verdict, tier, policy, rule } = full;
          return { verdict, tier, ...(policy !== undefined && { policy, rule }) };
        };
        const { verdict, egress, ingress } = explained.body;
        expect([from, to, port, ...decided.body.answers]).toEqual([
          from,
          to,
          port,
          { verdict, egress: side(egress), ingress: side(ingress) },
        ]);
      }
});

test('a tenant learns nothing of a connection between two others, and names no VM of theirs', async () => {
  const asked = [tcp('10.0.0.20', '10.0.0.30', 22), tcp('other/db', 'web', 22), tcp('db', 'web', 22)];
  const { body } = await decide(asked, 'acme', secrets.acme);
  expect(body.answers).toEqual([
    { verdict: 'allow', egress: null, ingress: null },
    { error: { code: 'reference-missing', detail: 'there is no VM "other/db"' } },
    { error: { code: 'reference-missing', detail: 'there is no VM "db"' } },
  ]);
});

test('a bad question gets its error, the others their answers', async () => {
  const { status, body } = await decide([
    tcp('acme/none', 'other/db', 80),
    null,
    { ...tcp('acme/web', 'other/db', 22), colour: 'red' },
    tcp('acme/web', 'other/db', 70_000),
    { from: 'acme/web', to: 'other/db', protocol: 'tcp' },
    { from: 'acme/web', to: 'other/db', protocol: 'gre' },
    { ...tcp('acme/web', '2001:db8::1', 22), family: 6 },
    tcp('acme/web', 'other/db', 22),
  ]);
  expect(status).toBe(200);
  const codes = body.answers.map((answer: any) => answer.error?.code ?? answer.verdict);
  expect(codes).toEqual(['reference-missing', 'malformed', 'unknown-field', 'malformed', 'malformed', 'malformed', 'malformed', 'allow']);
});

test.each([
  [{ questions: [] }, 400, 'malformed'],
  [{ questions: 'all' }, 400, 'malformed'],
  [{}, 400, 'malformed'],
  [{ questions: [{}], more: 1 }, 400, 'unknown-field'],
  [{ questions: Array.from({ length: 10_001 }, () => 0) }, 413, 'too-large'],
] as const)('a body that is no batch is refused: %o', async (body, status, code) => {
  expect(await ask(server, 'POST', '/v1/decide', { body, token: secrets.platform })).toMatchObject({ status, body: { code } });
});

test('the answer knows every write that was acknowledged before, in the midst of others', async () => {
  for (let round = 0; round < 20; round++) {
    const action = round % 2 === 0 ? 'allow' : 'deny';
    const body = { spec: { order: 1, ingress: [{ action, from: [{ cidr: '192.0.2.0/24' }] }] } };
    const written = await ask(server, 'PUT', '/v1/tenants/other/policies/turning', { body, token: secrets.platform });
    const others = Array.from({ length: 5 }, (_, index) =>
      ask(server, 'PUT', `/v1/tenants/third/groups/g${index}`, {
        body: { spec: { selector: { matchLabels: { round: String(round) } } } },
        token: secrets.platform,
      }),
    );
    const { body: answer } = await decide(Array.from({ length: 300 }, () => tcp('192.0.2.1', 'other/db', 9)));
    await Promise.all(others);
    expect(answer.revision).toBeGreaterThanOrEqual(written.body.metadata.revision);
    expect(new Set(answer.answers.map((each: any) => each.verdict))).toEqual(new Set([action]));
  }
});
