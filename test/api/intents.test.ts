import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, openServer, secrets, tokens, type Server } from './server.ts';

let server: Server;
const as = (role: 'platform' | 'acme') => ({ token: secrets[role] });
const put = (path: string, spec: object, query = '') => ask(server, 'PUT', `/v1/${path}${query}`, { body: { spec }, ...as('platform') });

beforeAll(async () => {
  server = await openServer({ tokens });
  await put('tenants/acme', {});
  for (const name of ['guests', 'payroll']) await put(`tenants/acme/groups/${name}`, { selector: { matchLabels: { app: name } } });
  await put('tenants/acme/intents/keep-out', { text: 'deny everything from guests to payroll except https' });
});
afterAll(() => server.close());

test('status has the meaning, what is owned, and the conflicts with others', async () => {
  const made = await put('tenants/acme/intents/ssh', { text: 'allow guests to reach payroll on ssh' });
  expect(made).toMatchObject({
    status: 201,
    body: {
      kind: 'Intent',
      spec: { text: 'allow guests to reach payroll on ssh', order: 500 },
      status: {
        meaning: 'Allow ssh (tcp 22) from group guests to group payroll.',
        compiled: [
          { kind: 'Policy', name: 'intent-ssh-allowance' },
          { kind: 'Policy', name: 'intent-ssh-allowance-2' },
        ],
        conflicts: [{ with: 'keep-out', winner: 'keep-out' }],
      },
    },
  });
  const list = await ask(server, 'GET', '/v1/tenants/acme/intents', as('platform'));
  expect(list.body.items.map(({ status }: { status: { conflicts: object[] } }) => status.conflicts)).toMatchObject([
    [{ with: 'ssh', winner: 'keep-out' }],
    [{ with: 'keep-out', winner: 'keep-out' }],
  ]);
  await ask(server, 'DELETE', '/v1/tenants/acme/intents/ssh', as('platform'));
  const alone = await ask(server, 'GET', '/v1/tenants/acme/intents/keep-out', as('platform'));
  expect(alone.body.status.conflicts).toEqual([]);
});

test('what was read can be sent back and changes nothing', async () => {
  const { body } = await ask(server, 'GET', '/v1/tenants/acme/intents/keep-out', as('platform'));
  const before = server.store.revision;
  expect((await ask(server, 'PUT', '/v1/tenants/acme/intents/keep-out', { body, ...as('platform') })).body).toEqual(body);
  const owned = await ask(server, 'GET', '/v1/tenants/acme/policies/intent-keep-out-remainder', as('platform'));
  expect(owned.body.metadata.ownedBy).toEqual({ kind: 'Intent', name: 'keep-out' });
  expect(
    (await ask(server, 'PUT', '/v1/tenants/acme/policies/intent-keep-out-remainder', { body: owned.body, ...as('platform') })).status,
  ).toBe(200);
  expect(server.store.revision).toBe(before);
});

test('a dry run answers what it would come to', async () => {
  const { status, body } = await put('tenants/acme/intents/new', { text: 'isolate vm x' }, '?dryRun=true');
  expect([status, body.code]).toEqual([422, 'reference-missing']);
  const tried = await put('tenants/acme/intents/new', { text: 'allow payroll to reach guests on ping' }, '?dryRun=true');
  expect(tried.body.results).toMatchObject([
    {
      action: 'created',
      intent: {
        meaning: 'Allow ping (icmp type 8, icmpv6 type 128) from group payroll to group guests.',
        documents: [
          {
            kind: 'Policy',
            spec: { appliesTo: ['payroll'], egress: [{ action: 'allow', to: [{ group: 'guests' }], services: ['ping'] }] },
          },
          {},
        ],
        conflicts: [],
      },
    },
  ]);
  expect((await ask(server, 'GET', '/v1/tenants/acme/intents/new', as('platform'))).status).toBe(404);
});

test('what an intent owns is refused by hand, and a bad text with its place', async () => {
  const change = await put('tenants/acme/policies/intent-keep-out-remainder', { order: 1 });
  expect([change.status, change.body.code]).toEqual([409, 'owned']);
  const gone = await ask(server, 'DELETE', '/v1/tenants/acme/policies/intent-keep-out-remainder', as('platform'));
  expect([gone.status, gone.body.code]).toEqual([409, 'owned']);
  const bad = await put('tenants/acme/intents/bad', { text: 'deny ssh from gusts to payroll' });
  expect(bad).toMatchObject({ status: 422, body: { errors: [{ pointer: '/spec/text', place: { line: 1, column: 15, length: 5 } }] } });
});

test('a tenant writes its own intents, not the platform’s', async () => {
  const own = await ask(server, 'PUT', '/v1/tenants/acme/intents/mine', {
    body: { spec: { text: 'isolate guests from payroll' } },
    ...as('acme'),
  });
  expect(own.status).toBe(201);
  const text = 'for all tenants, deny telnet from anywhere to anywhere';
  expect((await ask(server, 'PUT', '/v1/intents/telnet', { body: { spec: { text } }, ...as('acme') })).status).toBe(403);
  expect((await put('intents/telnet', { text })).body.status.meaning).toBe(
    'For all tenants: deny telnet (tcp 23) from anywhere to anywhere.',
  );
  await ask(server, 'DELETE', '/v1/tenants/acme/intents/mine', as('acme'));
});

test('hours of a QoS policy are kept with their defaults, and checked', async () => {
  const kept = await put('tenants/acme/qos-policies/night', { egress: { maxMbps: 5 }, schedule: { from: '22:00', to: '06:00' } });
  expect(kept.body.spec.schedule).toEqual({
    from: '22:00',
    to: '06:00',
    timezone: 'UTC',
    days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
  });
  for (const [schedule, pointer] of [
    [{ from: '22:00', to: '24:00' }, '/spec/schedule/to'],
    [{ from: '22:00', to: '22:00' }, '/spec/schedule/to'],
    [{ from: '22:00', to: '06:00', timezone: 'Europe/Atlantis' }, '/spec/schedule/timezone'],
    [{ from: '22:00', to: '06:00', days: ['someday'] }, '/spec/schedule/days/0'],
  ] as const)
    expect(await put('tenants/acme/qos-policies/night', { schedule })).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
});
