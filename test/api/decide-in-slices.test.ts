import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, openServer, prepareTenants, type Answer, type Server } from './server.ts';

/** By this clock each document of a commit takes longer than a slice. */
let nowMs = 0;
const slow = { nowMs: () => (nowMs += 10), wallMs: () => Date.now() };

let server: Server;
beforeAll(async () => {
  server = await openServer({ decide: { clock: slow } });
  await prepareTenants(server);
});
afterAll(() => server.close());

const portsDenied = Array.from({ length: 150 }, (_, index) => 1000 + index);
const questions = portsDenied.map((port) => ({ from: '192.0.2.1', to: 'web', protocol: 'tcp', port }));
const policyOf = (port: number, action: string) => ({
  kind: 'Policy',
  metadata: { tenant: 'acme', name: `p${port}` },
  spec: { ingress: [{ action, services: [{ protocol: 'tcp', port }] }] },
});
const decide = (): Promise<Answer> => ask(server, 'POST', '/v1/tenants/acme/decide', { body: { questions } });
const verdicts = ({ body }: Answer): ReadonlySet<string> =>
  new Set((body.answers as readonly { readonly verdict: string }[]).map(({ verdict }) => verdict));

test('a large commit is taken into account as a whole, by who asks when it is acknowledged and who asked while it was under way', async () => {
  const nic = { name: 'eth0', network: 'web', addresses: ['10.0.0.10'] };
  await ask(server, 'PUT', '/v1/tenants/acme/networks/web', { body: { spec: { subnets: [{ cidr: '10.0.0.0/24' }] } } });
  expect((await ask(server, 'PUT', '/v1/tenants/acme/vms/web', { body: { spec: { interfaces: [nic] } } })).status).toBe(201);
  await ask(server, 'PUT', '/v1/tenants/acme', { body: { spec: { posture: 'open' } } });
  expect(verdicts(await decide())).toEqual(new Set(['allow']));
  for (const [action, before] of [
    ['deny', 'allow'],
    ['reject', 'deny'],
    ['allow', 'reject'],
  ] as const) {
    const body = portsDenied.map((port) => policyOf(port, action));
    const stored = ask(server, 'POST', '/v1/apply', { body });
    const meanwhile = [];
    for (let count = 0; count < 5; count++) meanwhile.push(await decide());
    expect((await stored).status).toBe(200);
    // A small one behind it, which waits for it.
    await ask(server, 'PUT', '/v1/tenants/acme/policies/last', { body: { spec: { order: 2000, ingress: [{ action: 'deny' }] } } });
    expect(verdicts(await decide())).toEqual(new Set([action]));
    for (const each of meanwhile) {
      expect(each.status).toBe(200);
      // All of it or nothing.
      expect([...verdicts(each)]).toHaveLength(1);
      expect([action, before]).toContain([...verdicts(each)][0]);
    }
  }
});
