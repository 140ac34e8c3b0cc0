import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, openServer, prepareTenants, type Server } from './server.ts';

/** What answers call "now" is what the program's clock says, not the machine's. */
const nowMs = Date.parse('2041-05-06T07:08:09.000Z');

let server: Server;
beforeAll(async () => {
  server = await openServer({ clock: { wallMs: () => nowMs, nowMs: () => performance.now() } });
  await prepareTenants(server);
  await ask(server, 'PUT', '/v1/tenants/acme/policies/web', { body: { spec: { ingress: [{ action: 'allow' }] } } });
  const [rule] = server.admission.snapshot().policyNumbers('acme', 'web')?.ingress ?? [];
  const quietMs = Date.parse('2041-04-01T00:00:00.000Z');
  server.switches.counters.set(rule?.id ?? 0, { packets: 1, bytes: 60, connections: 1, lastHitMs: quietMs, sinceMs: 0 });
});
afterAll(() => server.close());

test('rules are unused since so many days before now', async () => {
  const unused = (days: number) => ask(server, 'GET', `/v1/tenants/acme/rules?unusedDays=${days}`);
  expect((await unused(30)).body).toMatchObject({ at: '2041-05-06T07:08:09.000Z', items: [{ usage: 'unused' }] });
  expect((await unused(40)).body.items).toEqual([]);
});

test('explain knows what is still to come', async () => {
  const explain = (at: string) => {
    const body = { from: '10.0.0.1', to: '10.0.0.2', protocol: 'tcp', port: 80, at };
    return ask(server, 'POST', '/v1/tenants/acme/explain', { body });
  };
  expect(await explain('2041-05-06T08:00:00Z')).toMatchObject({ status: 400, body: { errors: [{ pointer: '/at' }] } });
  expect((await explain('2041-05-06T07:08:00Z')).body.detail ?? '').not.toContain('still to come');
});
