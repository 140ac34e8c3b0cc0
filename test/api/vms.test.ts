import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { acme, ask, openServer, prepareTenants, registerHost, type Server } from './server.ts';

let server: Server;
beforeAll(async () => {
  server = await openServer();
  await prepareTenants(server);
  await registerHost(server, 'host-1', '192.0.2.1');
  await registerHost(server, 'host-2', '192.0.2.2');
});
afterAll(() => server.close());
beforeEach(() => {
  server.switches.realization = { realized: true };
  server.switches.active = true;
});

const setUp = ['policyCheck', 'interfaceAllocation', 'overlayJoin', 'flowInstallation', 'qosSetup', 'total'];
const removal = ['interfaceDetachment', 'flowCleanup', 'policyRemoval', 'bandwidthDeallocation', 'total'];
const path = (name: string): string => `/v1/tenants/acme/vms/${name}`;

test('a VM from creation to deletion', async () => {
  const put = await ask(server, 'PUT', path('life'), { body: acme.vm });
  expect(put.status).toBe(201);
  expect(put.body).toMatchObject({
    vm: { kind: 'Vm', metadata: { name: 'life', tenant: 'acme', labels: { app: 'web' } }, spec: { power: 'stopped', hypervisor: 'kvm' } },
    interfaces: [
      {
        name: 'eth0',
        portId: `${put.body.vm.metadata.uid}-eth0`,
        mac: expect.stringMatching(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/),
        addresses: [expect.stringMatching(/^10\.0\.0\.\d+$/), expect.stringMatching(/^fd00:1::/)],
        mtu: 1450,
        gateway: '10.0.0.1',
        vni: expect.any(Number),
        subnets: [
          { cidr: '10.0.0.0/24', gateway: '10.0.0.1', dns: [] },
          { cidr: 'fd00:1::/64', gateway: 'fd00:1::1', dns: [] },
        ],
      },
    ],
  });
  expect(Object.keys(put.body.timings)).toEqual(setUp);
  expect(put.body.timings.flowInstallation).toBe(0);
  expect(put.body.timings.total).toBeGreaterThan(0);

  const start = await ask(server, 'POST', `${path('life')}/start`, { body: { host: 'host-1' } });
  expect(start).toMatchObject({
    status: 200,
    body: { vm: { spec: { power: 'running', host: 'host-1' } }, interfaces: put.body.interfaces },
  });
  expect(Object.keys(start.body.timings)).toEqual(setUp);
  expect(start.body.timings.overlayJoin).toBeGreaterThan(0);
  const parts = setUp.slice(0, -1).reduce((sum, key) => sum + start.body.timings[key], 0);
  expect(parts).toBeLessThanOrEqual(start.body.timings.total + 0.3);

  const stop = await ask(server, 'POST', `${path('life')}/stop`);
  expect(stop).toMatchObject({ status: 200, body: { vm: { spec: { power: 'stopped' } }, interfaces: put.body.interfaces } });
  expect(Object.keys(stop.body.timings)).toEqual(removal);

  const gone = await ask(server, 'DELETE', path('life'));
  expect(gone).toMatchObject({ status: 200, body: { vm: { metadata: { name: 'life' } }, interfaces: put.body.interfaces } });
  expect(Object.keys(gone.body.timings)).toEqual(removal);
  expect((await ask(server, 'GET', path('life'))).status).toBe(404);
});

test('each verb again answers 200 and changes nothing', async () => {
  await ask(server, 'PUT', path('again'), { body: acme.vm });
  const twice = async (method: string, url: string, body?: unknown): Promise<void> => {
    const first = await ask(server, method, url, body === undefined ? {} : { body });
    const before = server.store.revision;
    const second = await ask(server, method, url, body === undefined ? {} : { body });
    expect([first.status, second.status]).toEqual([200, 200]);
    const { timings: firstTimings, ...firstRest } = first.body;
    const { timings: secondTimings, ...secondRest } = second.body;
    expect(secondRest).toMatchObject({ vm: firstRest.vm, interfaces: firstRest.interfaces });
    expect(Object.keys(secondTimings)).toEqual(Object.keys(firstTimings));
    expect(server.store.revision).toBe(before);
  };
  await twice('PUT', path('again'), acme.vm);
  await twice('POST', `${path('again')}/start`, { host: 'host-1' });
  await twice('POST', `${path('again')}/stop`);
  await twice('DELETE', path('again'));
});

test('a deletion is answered again only until the VM is there again', async () => {
  await ask(server, 'PUT', path('reborn'), { body: acme.vm });
  await ask(server, 'DELETE', path('reborn'));
  await ask(server, 'PUT', path('reborn'), { body: acme.vm });
  expect((await ask(server, 'GET', path('reborn'))).status).toBe(200);
  expect((await ask(server, 'DELETE', path('reborn'))).status).toBe(200);
  expect((await ask(server, 'GET', path('reborn'))).status).toBe(404);
});

test('an idempotency key does once, answers the same, and is for one request', async () => {
  const headers = { 'idempotency-key': 'create-1' };
  const first = await ask(server, 'PUT', path('keyed'), { body: acme.vm, headers });
  const before = server.store.revision;
  const second = await ask(server, 'PUT', path('keyed'), { body: acme.vm, headers });
  expect(second.body.vm).toEqual(first.body.vm);
  expect(second.body.interfaces).toEqual(first.body.interfaces);
  expect(server.store.revision).toBe(before);
  const other = await ask(server, 'PUT', path('keyed'), { body: { ...acme.vm, metadata: { labels: { app: 'db' } } }, headers });
  expect(other).toMatchObject({ status: 409, body: { code: 'idempotency-mismatch' } });

  const gone = { 'idempotency-key': 'delete-1' };
  const deleted = await ask(server, 'DELETE', path('keyed'), { headers: gone });
  const replayed = await ask(server, 'DELETE', path('keyed'), { headers: gone });
  expect([deleted.status, replayed.status]).toEqual([200, 200]);
  expect(replayed.body.interfaces).toEqual(deleted.body.interfaces);
});

test('a switch that does not answer: start says so, stop and delete go on', async () => {
  await ask(server, 'PUT', path('slow'), { body: acme.vm });
  const waiting = [{ host: 'host-1', reason: 'no connection' }];
  server.switches.realization = { realized: false, waiting };
  const start = await ask(server, 'POST', `${path('slow')}/start?timeoutMs=20`, { body: { host: 'host-1' } });
  expect(start).toMatchObject({ status: 504, body: { code: 'not-realized', revision: server.store.revision, waiting } });
  expect((await ask(server, 'GET', path('slow'))).body.spec).toMatchObject({ power: 'running', host: 'host-1' });
  expect(await ask(server, 'POST', `${path('slow')}/stop`)).toMatchObject({ status: 200, body: { waiting } });
  expect((await ask(server, 'POST', `${path('slow')}/stop?wait=realized&timeoutMs=20`)).status).toBe(504);
  expect(await ask(server, 'DELETE', path('slow'))).toMatchObject({ status: 200, body: { waiting } });
});

test('wait=active waits for the ports', async () => {
  await ask(server, 'PUT', path('active'), { body: acme.vm });
  server.switches.active = false;
  const late = await ask(server, 'POST', `${path('active')}/start?wait=active&timeoutMs=20`, { body: { host: 'host-1' } });
  expect(late).toMatchObject({ status: 504, body: { code: 'not-realized' } });
  server.switches.active = true;
  server.switches.interfaces = [{ name: 'eth0', portId: 'p', phase: 'active', host: 'host-1', ofport: 7 }];
  const answer = await ask(server, 'POST', `${path('active')}/start?wait=active`, { body: { host: 'host-1' } });
  server.switches.interfaces = [];
  expect(answer).toMatchObject({
    status: 200,
    body: { phase: 'active', vm: { status: { phase: 'active', interfaces: [{ ofport: 7 }] } } },
  });
});

test('dry runs of the verbs', async () => {
  await ask(server, 'PUT', path('dry'), { body: acme.vm });
  const before = server.store.revision;
  const result = (action: string) => ({
    status: 200,
    body: { dryRun: true, results: [{ kind: 'Vm', tenant: 'acme', name: 'dry', action }] },
  });
  expect(await ask(server, 'PUT', `${path('dry')}?dryRun=true`, { body: acme.vm })).toMatchObject(result('unchanged'));
  expect(await ask(server, 'POST', `${path('dry')}/start?dryRun=true`, { body: { host: 'host-1' } })).toMatchObject(result('updated'));
  expect(await ask(server, 'POST', `${path('dry')}/stop?dryRun=true`)).toMatchObject(result('unchanged'));
  expect(await ask(server, 'DELETE', `${path('dry')}?dryRun=true`)).toMatchObject(result('deleted'));
  expect(server.store.revision).toBe(before);
});

test('what keeps its value and what null releases', async () => {
  const first = await ask(server, 'PUT', path('keep'), { body: acme.vm });
  await ask(server, 'POST', `${path('keep')}/start`, { body: { host: 'host-1' } });
  const kept = await ask(server, 'PUT', path('keep'), { body: acme.vm });
  expect(kept.body.vm.spec).toMatchObject({ host: 'host-1', power: 'running', interfaces: first.body.vm.spec.interfaces });
});

test('starts at once do not disturb each other', async () => {
  const names = Array.from({ length: 30 }, (_, index) => `many-${index}`);
  const created = await Promise.all(names.map((name) => ask(server, 'PUT', path(name), { body: acme.vm })));
  const started = await Promise.all(names.map((name) => ask(server, 'POST', `${path(name)}/start`, { body: { host: 'host-2' } })));
  expect([...created, ...started].map(({ status }) => status)).toEqual([...names.map(() => 201), ...names.map(() => 200)]);
  const addresses = created.map(({ body }) => body.interfaces[0].addresses[0]);
  expect(new Set(addresses).size).toBe(names.length);
});

test('a condition on a verb is refused, not overlooked', async () => {
  await ask(server, 'PUT', path('conditional'), { body: acme.vm });
  for (const [verb, body] of [
    ['start', { host: 'host-1' }],
    ['stop', undefined],
  ] as const) {
    const answer = await ask(server, 'POST', `${path('conditional')}/${verb}`, { headers: { 'if-match': '"1"' }, ...(body && { body }) });
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed', errors: [{ pointer: '/if-match' }] } });
  }
});
