import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, openServer, prepareTenants, type Answer, type Server } from './server.ts';

let server: Server;
let aheadMs = 0;
const problems: string[] = [];
beforeAll(async () => {
  server = await openServer({
    clock: { wallMs: () => Date.now() + aheadMs, nowMs: () => performance.now() + aheadMs },
    decide: { limits: { bytesFirst: 2 ** 17, bytesMax: 2 ** 17 }, onProblem: (reason) => void problems.push(reason) },
  });
  await prepareTenants(server);
});
afterAll(() => server.close());

const question = { from: '192.0.2.1', to: '192.0.2.2', protocol: 'tcp', port: 80 };
const decide = (): Promise<Answer> => ask(server, 'POST', '/v1/tenants/acme/decide', { body: { questions: [question] } });
const rules = Array.from({ length: 500 }, (_, index) => ({
  action: 'allow',
  from: [{ cidr: `10.1.${index >> 4}.${(index & 15) * 16}/28` }],
  services: [{ protocol: 'tcp', port: index + 1 }],
}));

test('more policies than the classifier holds refuse questions, not writes, until there are fewer', async () => {
  expect((await decide()).status).toBe(200);
  const path = '/v1/tenants/acme/policies/large';
  expect((await ask(server, 'PUT', path, { body: { spec: { ingress: rules } } })).status).toBe(201);
  const full = { status: 503, body: { code: 'classifier-full', detail: 'a classifier has 131072 bytes at most' } };
  expect(await decide()).toMatchObject(full);
  expect((await ask(server, 'DELETE', path)).status).toBe(200);
  const told = problems.length;
  expect(told).toBeGreaterThan(0);
  // It is not tried again with each question.
  for (let count = 0; count < 3; count++) expect(await decide()).toMatchObject(full);
  expect(problems).toHaveLength(told);
  aheadMs += 31_000;
  expect((await decide()).body.answers).toEqual([{ verdict: 'allow', egress: null, ingress: null }]);
});
