import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createColors } from 'picocolors';
import { Readable } from 'node:stream';
import { Check } from 'typebox/value';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { PlanAnswer } from '../../src/api/schema/plan.ts';
import { parseArguments } from '../../src/cli/arguments.ts';
import { intent } from '../../src/cli/intent.ts';
import { plan } from '../../src/cli/plan.ts';
import { ask, openServer, prepareTenants, registerHost, secrets, tokens, type Answer, type Server } from './server.ts';

/** What a plan says over HTTP and on the command line, held against what comes to pass when it is carried out. */

let server: Server;
const directory = mkdtempSync(join(tmpdir(), 'weir-plan-'));
afterAll(() => rmSync(directory, { recursive: true }));

const vm = (name: string, labels: Readonly<Record<string, string>>, tenant = 'acme', network = 'lan') => ({
  kind: 'Vm',
  metadata: { name, tenant, labels },
  spec: { hypervisor: 'kvm', host: 'host-1', power: 'running', interfaces: [{ name: 'eth0', network }] },
});
const group = (name: string) => ({ kind: 'Group', metadata: { name, tenant: 'acme' }, spec: { selector: { matchLabels: { app: name } } } });
const policy = (name: string, spec: object, tenant: string | undefined = 'acme') => ({
  kind: 'Policy',
  metadata: { name, ...(tenant !== undefined && { tenant }) },
  spec,
});
const sql = policy('sql', { appliesTo: ['db'], ingress: [{ action: 'allow', from: [{ group: 'web' }], services: ['postgresql'] }] });

beforeEach(async () => {
  server = await openServer({ tokens });
  onTestFinished(() => server.close());
  await prepareTenants(server, secrets.platform);
  await registerHost(server, 'host-1', '192.0.2.1');
  await applied([
    { kind: 'Network', metadata: { name: 'lan', tenant: 'acme' }, spec: { subnets: [{ cidr: '10.77.0.0/24' }], sharedWith: ['other'] } },
    vm('web-1', { app: 'web' }),
    vm('web-2', { app: 'web' }),
    vm('db-1', { app: 'db' }),
    group('web'),
    group('db'),
    policy('out', { egress: [{ action: 'allow' }] }),
  ]);
});

async function applied(documents: readonly unknown[]): Promise<number> {
  const { status, body } = await ask(server, 'POST', '/v1/apply', { body: documents, token: secrets.platform });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.revision;
}

const planned = (body: unknown, token: string = secrets.acme, path = '/v1/plan'): Promise<Answer> =>
  ask(server, 'POST', path, { body, token });

async function allowed(from: string, to: string, port: number): Promise<boolean> {
  const { body } = await ask(server, 'POST', '/v1/tenants/acme/decide', {
    body: { questions: [{ from, to, protocol: 'tcp', port }] },
    token: secrets.platform,
  });
  return body.answers[0].verdict === 'allow';
}

const web = { kind: 'group', tenant: 'acme', group: 'web' };
const db = { kind: 'group', tenant: 'acme', group: 'db' };

test('a policy: who gains what, flows, quota, and nothing is stored', async () => {
  const before = server.store.revision;
  const { status, body } = await planned([sql]);
  expect(status).toBe(200);
  expect(Check(PlanAnswer, body)).toBe(true);
  expect(body).toMatchObject({
    revision: before,
    changes: 1,
    results: [{ kind: 'Policy', name: 'sql', action: 'created' }],
    connectivity: { items: [{ change: 'gains', from: [web], to: [db], services: ['tcp/5432'] }], complete: true },
    shadowed: { items: [], complete: true },
    conflicts: { items: [], complete: true },
    flows: { hosts: [{ host: 'host-1' }], complete: true },
  });
  expect(body.flows.hosts[0].gained).toBeGreaterThan(0);
  expect(body.quota).toContainEqual({ tenant: 'acme', name: 'policies', before: 1, after: 2 });
  expect(server.store.revision).toBe(before);
  expect(await allowed('web-1', 'db-1', 5432)).toBe(false);
  await applied([sql]);
  expect(await allowed('web-1', 'db-1', 5432)).toBe(true);
  expect((await planned([sql])).body).toMatchObject({ changes: 0, connectivity: { items: [] }, flows: { hosts: [] }, quota: [] });
});

test('deletions, another label, another posture', async () => {
  await applied([sql]);
  const gone = await planned({ delete: [{ kind: 'Policy', name: 'sql' }] });
  expect(gone.body).toMatchObject({
    results: [{ name: 'sql', action: 'deleted' }],
    connectivity: { items: [{ change: 'loses', from: [web], to: [db], services: ['tcp/5432'] }] },
  });
  const both = await planned({ documents: [policy('sql-2', sql.spec)], delete: [{ kind: 'Policy', name: 'sql' }] });
  expect(both.body).toMatchObject({ changes: 2, connectivity: { items: [] } });
  const relabelled = await planned([{ ...vm('web-2', {}), spec: { interfaces: [{ name: 'eth0', network: 'lan' }] } }]);
  expect(relabelled.body.connectivity.items).toMatchObject([
    { change: 'loses', from: [{ kind: 'interface', tenant: 'acme', vm: 'web-2', interface: 'eth0' }], to: [db], services: ['tcp/5432'] },
  ]);
  const opened = await planned([{ kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'open' } }], secrets.platform);
  expect(opened.body.connectivity.items).toMatchObject([
    { change: 'gains', from: [{ kind: 'tenant' }], to: [web], services: ['all'] },
    { change: 'gains', from: [web], to: [db], services: ['tcp/0-5431', 'tcp/5433-65535', 'udp', 'sctp', 'icmp', 'other'] },
    { change: 'gains', from: [{ kind: 'addresses', cidrs: ['0.0.0.0/0'], except: [] }], to: [{ kind: 'tenant' }], services: ['all'] },
  ]);
});

test('what carries traffic and would be cut', async () => {
  await applied([sql]);
  const numbers = server.admission.snapshot().policyNumbers('acme', 'sql')?.ingress[0];
  expect(numbers).toBeDefined();
  const lastHitMs = Date.parse('2026-01-31T12:00:00Z');
  server.switches.counters.set(numbers?.id ?? 0, { packets: 1203, bytes: 1, connections: 2, lastHitMs, sinceMs: 0 });
  const { body } = await planned({ delete: [{ kind: 'Policy', name: 'sql' }] });
  expect(Check(PlanAnswer, body)).toBe(true);
  expect(body.connectivity.items).toMatchObject([
    { change: 'loses', traffic: { packets: 1203, lastHit: '2026-01-31T12:00:00.000Z', rules: [{ policy: 'sql', direction: 'ingress' }] } },
  ]);
  expect(server.counted).toContain('refresh');
});

test('new conflicts and rules that never decide any more', async () => {
  const all = policy('all', { order: 5, ingress: [{ action: 'deny', services: ['postgresql'] }], appliesTo: ['db'] });
  await applied([sql]);
  const { body } = await planned([all]);
  expect(body.shadowed.items).toMatchObject([{ rule: { policy: 'sql', rule: 0 }, kind: 'shadowed', by: [{ policy: 'all' }] }]);
  expect(body.connectivity.items).toMatchObject([{ change: 'loses', services: ['tcp/5432'] }]);
  await applied([all]);
  expect((await planned([{ ...sql, metadata: { ...sql.metadata, labels: { a: 'b' } } }])).body.shadowed.items).toEqual([]);
});

test('errors are those of apply, and change nothing', async () => {
  const revision = server.store.revision;
  const wrong = [sql, policy('bad', { appliesTo: ['nobody'] })];
  for (const body of [wrong, [{ kind: 'Nothing' }], [sql, sql]]) {
    const refused = await ask(server, 'POST', '/v1/apply', { body, token: secrets.acme });
    const asked = await planned(body);
    expect(asked.status).toBe(refused.status);
    expect(asked.body).toEqual(refused.body);
  }
  const object = await planned({ documents: wrong });
  expect(object.body).toMatchObject({ code: 'reference-missing', errors: [{ pointer: '/documents/1/spec/appliesTo/0' }] });
  expect((await planned({ delete: [{ kind: 'Group', name: 'nobody' }] })).status).toBe(404);
  expect((await planned('text')).body.code).toBe('malformed');
  expect((await planned({ remove: [] })).body.code).toBe('unknown-field');
  expect((await planned({ delete: [{ kind: 'Group' }] })).body).toMatchObject({
    code: 'malformed',
    errors: [{ pointer: '/delete/0/name' }],
  });
  await applied([sql]);
  expect((await planned({ delete: [{ kind: 'Group', name: 'web' }] })).body).toMatchObject({ code: 'in-use', users: [{ name: 'sql' }] });
  expect(server.store.revision).toBe(revision + 1);
});

test('a tenant plans its own and is told nothing of others', async () => {
  await applied([vm('theirs', {}, 'other', 'acme/lan'), policy('in', { ingress: [{ action: 'allow' }] }, 'other')]);
  const mine = await planned([policy('out', { egress: [{ action: 'deny' }] })]);
  expect(mine.status).toBe(200);
  expect(mine.body.connectivity.items).toContainEqual(
    expect.objectContaining({ change: 'loses', to: expect.arrayContaining([{ kind: 'another-tenant' }]) }),
  );
  expect(JSON.stringify(mine.body)).not.toMatch(/theirs|"other"/);
  expect((await planned([policy('x', {}, 'other')])).status).toBe(404);
  expect((await planned({ delete: [{ kind: 'Policy', tenant: 'other', name: 'in' }] })).status).toBe(404);
  expect((await planned({ delete: [{ kind: 'Tenant', name: 'acme' }] })).status).toBe(403);
  expect((await planned([sql], secrets.other, '/v1/tenants/acme/plan')).status).toBe(404);
  expect((await planned([sql], secrets.compute)).status).toBe(403);
  const named = await planned([{ ...sql, metadata: { name: 'sql' } }], secrets.platform, '/v1/tenants/acme/plan');
  expect(named.body.results).toMatchObject([{ tenant: 'acme', action: 'created' }]);
});

async function weir(args: readonly string[], stdin = ''): Promise<{ readonly exitCode: number; readonly out: string }> {
  const surroundings = { environment: {}, workingDirectory: '/', version: '0' };
  const command = parseArguments([...args, '--server', server.url, '--token', secrets.acme, '-t', 'acme'], surroundings);
  const out: string[] = [];
  const print = (text: string): void => void out.push(text);
  const terminal = { stdin: Readable.from([Buffer.from(stdin)]), print, complain: print, colours: createColors(false) };
  if (command.kind === 'say') return { exitCode: command.exitCode, out: command.text };
  if (command.kind !== 'plan' && command.kind !== 'intent') throw new Error(JSON.stringify(command));
  const exitCode = await (command.kind === 'plan' ? plan(command, terminal) : intent(command, terminal));
  return { exitCode, out: out.join('\n') };
}

test('weir plan: files, standard input, deletions and exit codes', async () => {
  const file = join(directory, 'sql.json');
  writeFileSync(file, JSON.stringify(sql));
  const { exitCode, out } = await weir(['plan', '-f', file, '--detailed-exitcode']);
  expect(exitCode).toBe(3);
  expect(out).toMatch(
    /^\+ Policy acme\/sql would be created\n\nconnections\n {2}\+ gains {2}group acme\/web → group acme\/db {2}tcp\/5432\n/,
  );
  expect(out).toMatch(/flows\n {2}HOST +NOW +AFTER +GAINED +LOST\n {2}host-1 +- +- +\+\d+ +-\d+/);
  expect(out).toMatch(/1 document would change; connections: 1 gained, 0 lost; nothing was stored, revision \d+$/);
  expect(await weir(['plan', '-f', '-'], JSON.stringify(sql))).toEqual({ exitCode: 0, out });
  const json = await weir(['plan', '-f', file, '--json']);
  expect(Check(PlanAnswer, JSON.parse(json.out))).toBe(true);
  await applied([sql]);
  expect(await weir(['plan', '-f', file, '--detailed-exitcode'])).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('nothing would change'),
  });
  expect((await weir(['plan', '--delete', 'policy/sql'])).out).toContain('- loses  group acme/web → group acme/db  tcp/5432');
  writeFileSync(file, JSON.stringify(policy('bad', { appliesTo: ['nobody'] })));
  const refused = await weir(['plan', '-f', file, '--delete', 'policy/sql']);
  expect(refused.exitCode).toBe(1);
  expect(refused.out).toContain(`${file}, document 1: /spec/appliesTo/0`);
  for (const args of [['plan'], ['plan', '--delete', 'sql'], ['plan', '--delete', 'thing/sql']])
    expect(await weir(args)).toMatchObject({ exitCode: 2 });
});

test('weir intent shows what it would change', async () => {
  const text = 'allow web to reach db on postgresql';
  const { exitCode, out } = await weir(['intent', text]);
  expect(exitCode).toBe(0);
  expect(out).toContain('+ gains  group acme/web → group acme/db  tcp/5432');
  expect(out).toContain('store it with --apply');
  const json = JSON.parse((await weir(['intent', text, '--json', '--apply'])).out);
  expect(json).toMatchObject({ action: 'created', applied: true, plan: { connectivity: { items: [{ change: 'gains' }] } } });
  expect(await allowed('web-1', 'db-1', 5432)).toBe(true);
  expect((await weir(['intent', text])).out).toContain('stands so already');
});
