import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createColors } from 'picocolors';
import { Readable } from 'node:stream';
import { Check } from 'typebox/value';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { LintAnswer } from '../../src/api/schema/findings.ts';
import { parseArguments } from '../../src/cli/arguments.ts';
import { get } from '../../src/cli/get.ts';
import { lint } from '../../src/cli/lint.ts';
import { ask, openServer, prepareTenants, secrets, tokens, type Answer, type Server } from './server.ts';

/** What is found among stored rules: over HTTP, in the status of policies and on the command line. */

let server: Server;
const directory = mkdtempSync(join(tmpdir(), 'weir-lint-'));
afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(async () => {
  server = await openServer({ tokens });
  onTestFinished(() => server.close());
});

const policy = (name: string, spec: object, tenant: string | undefined = 'acme') => ({
  kind: 'Policy',
  metadata: { name, ...(tenant !== undefined && { tenant }) },
  spec,
});
const ofPlatform = (name: string, spec: object) => ({ kind: 'Policy', metadata: { name }, spec });
const services = (port: number, endPort = port) => ({ services: [{ protocol: 'tcp', port, endPort }] });
const wall = policy('wall', { order: 10, ingress: [{ action: 'deny', ...services(400, 500) }] });
const web = policy('web', {
  order: 20,
  ingress: [
    { action: 'allow', ...services(443) },
    { action: 'allow', ...services(450, 600) },
  ],
});

async function applied(documents: readonly unknown[]): Promise<number> {
  const { status, body } = await ask(server, 'POST', '/v1/apply', { body: documents, token: secrets.platform });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.revision;
}

async function linted(path = '/v1/tenants/acme/lint', token: string = secrets.acme): Promise<Answer['body']> {
  const { status, body } = await ask(server, 'GET', path, { token });
  expect(status).toBe(200);
  expect(Check(LintAnswer, body)).toBe(true);
  return body;
}

const nothing = { shadowed: { items: [], count: 0 }, conflicts: { items: [], count: 0 } };

test('where nothing is stored, nothing is found', async () => {
  expect(await linted('/v1/lint', secrets.platform)).toEqual({ revision: server.store.revision, verified: true, ...nothing });
});

test('what is found comes with the documents and goes when they are mended', async () => {
  await prepareTenants(server, secrets.platform);
  expect(await linted()).toMatchObject({ verified: true, ...nothing });
  const revision = await applied([wall, web]);
  const rule = { tenant: 'acme', tier: 'tenant', direction: 'ingress' };
  const shadow = {
    rule: { ...rule, policy: 'web', rule: 0, action: 'allow' },
    kind: 'shadowed',
    by: [{ ...rule, policy: 'wall', rule: 0, action: 'deny' }],
    byCount: 1,
    basis: 'meaning',
  };
  const conflict = {
    first: { ...rule, policy: 'wall', rule: 0, action: 'deny' },
    second: { ...rule, policy: 'web', rule: 1, action: 'allow' },
    decidedBy: 'order',
    basis: 'meaning',
  };
  const found = { shadowed: { items: [shadow], count: 1 }, conflicts: { items: [conflict], count: 1 } };
  expect(await linted()).toEqual({ revision, verified: true, ...found });
  expect(await linted('/v1/lint', secrets.platform)).toEqual({ revision, verified: true, ...found });

  const one = async (name: string) => (await ask(server, 'GET', `/v1/tenants/acme/policies/${name}`, { token: secrets.acme })).body.status;
  expect(await one('web')).toMatchObject({ verified: true, ...found });
  expect(await one('wall')).toMatchObject({ verified: true, shadowed: { items: [], count: 0 }, conflicts: found.conflicts });
  const { body: list } = await ask(server, 'GET', '/v1/tenants/acme/policies', { token: secrets.acme });
  expect(list.items.map(({ metadata, status }: any) => [metadata.name, status.shadowed, status.conflicts, status.verified])).toEqual([
    ['wall', { count: 0 }, { count: 1 }, true],
    ['web', { count: 1 }, { count: 1 }, true],
  ]);

  await applied([{ ...web, spec: { ...web.spec, order: 5 } }]);
  expect(await linted()).toMatchObject({ shadowed: { count: 0 }, conflicts: { items: [{ first: { policy: 'web', rule: 1 } }], count: 1 } });
  const gone = await ask(server, 'DELETE', '/v1/tenants/acme/policies/wall', { token: secrets.acme });
  expect(gone.status).toBe(200);
  expect(await linted()).toEqual({ revision: gone.body.revision, verified: true, ...nothing });
  expect(await one('web')).toMatchObject(nothing);
});

test('documents that are not stored yet', async () => {
  await prepareTenants(server, secrets.platform);
  await applied([wall, policy('theirs', wall.spec, 'other'), policy('theirs-2', web.spec, 'other')]);
  const { revision } = server.store;
  const asked = (body: unknown, token: string = secrets.acme, path = '/v1/lint') => ask(server, 'POST', path, { body, token });
  const { status, body } = await asked([web]);
  expect(status).toBe(200);
  expect(Check(LintAnswer, body)).toBe(true);
  expect(body).toMatchObject({
    revision,
    verified: true,
    shadowed: { items: [{ rule: { policy: 'web' } }], count: 1 },
    conflicts: { count: 1 },
  });
  expect((await asked({ documents: [web], delete: [{ kind: 'Policy', name: 'wall' }] })).body).toMatchObject(nothing);
  expect((await asked([{ ...web, metadata: { name: 'web' } }], secrets.platform, '/v1/tenants/acme/lint')).body).toEqual(body);
  // The platform's own documents concern everybody.
  const wide = ofPlatform('wide', { tier: 'platform', order: 1, ingress: [{ action: 'deny', services: [{ protocol: 'tcp' }] }] });
  const everybody = (await asked([wide], secrets.platform)).body.shadowed.items;
  expect(everybody.map(({ rule }: any) => `${rule.tenant}/${rule.policy}/${rule.rule}`)).toEqual([
    'acme/wall/0',
    'other/theirs/0',
    'other/theirs-2/0',
    'other/theirs-2/1',
  ]);
  expect(server.store.revision).toBe(revision);
  expect(await linted()).toMatchObject(nothing);
  for (const wrong of [[policy('bad', { appliesTo: ['nobody'] })], 'text', { remove: [] }, [policy('x', {}, 'other')]]) {
    const refused = await asked(wrong);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.body).toEqual((await ask(server, 'POST', '/v1/plan', { body: wrong, token: secrets.acme })).body);
  }
});

test('bad questions, and whose they are', async () => {
  await prepareTenants(server, secrets.platform);
  await applied([
    wall,
    web,
    policy('zzq', wall.spec, 'other'),
    policy('zzq-2', web.spec, 'other'),
    ofPlatform('first', { tier: 'platform', order: 1, ingress: [{ action: 'deny', ...services(600) }] }),
    ofPlatform('second', { tier: 'platform', order: 2, ingress: [{ action: 'allow', ...services(600) }] }),
    policy('late', { order: 900, ingress: [{ action: 'allow', ...services(600) }] }),
  ]);
  const status = async (path: string, token: string) => (await ask(server, 'GET', path, { token })).status;
  for (const limit of ['0', '1001', 'x', '-1']) expect(await status(`/v1/lint?limit=${limit}`, secrets.platform)).toBe(400);
  expect(await status('/v1/lint?limits=1', secrets.platform)).toBe(400);
  expect(await status('/v1/lint', secrets.acme)).toBe(403);
  expect(await status('/v1/tenants/other/lint', secrets.acme)).toBe(404);
  expect(await status('/v1/tenants/nobody/lint', secrets.platform)).toBe(404);
  expect(await status('/v1/lint', 'none')).toBe(401);
  const mine = await linted();
  expect(JSON.stringify(mine)).not.toMatch(/zzq|"other"/);
  // A rule of the platform is named by its policy, as `explain` names it.
  expect(mine.shadowed.items.map(({ rule, by }: any) => [rule.policy, by[0].tenant, by[0].policy])).toEqual([
    ['late', undefined, 'first'],
    ['web', 'acme', 'wall'],
  ]);
  const all = await linted('/v1/lint', secrets.platform);
  expect(all.shadowed.items.map(({ rule }: any) => rule.policy)).toEqual(['second', 'late', 'web', 'zzq-2']);
  expect(await linted('/v1/lint?limit=1', secrets.platform)).toMatchObject({
    shadowed: { items: [{ rule: { policy: 'second' } }], count: 4 },
    conflicts: { items: [{ first: { tenant: 'acme' } }], count: 2 },
  });
  const second = await ask(server, 'GET', '/v1/policies/second', { token: secrets.platform });
  expect(second.body.status).toMatchObject({ verified: true, shadowed: { items: [{ by: [{ policy: 'first' }] }], count: 1 } });
});

test('many at once are told to come back, and all others are answered', async () => {
  await prepareTenants(server, secrets.platform);
  await applied([wall, web]);
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask(server, 'GET', '/v1/lint', { token: secrets.platform })));
  const told = answers.map(({ status, body, headers }) => [status, body.code ?? body.shadowed.count, headers.has('retry-after')]);
  for (const each of told)
    expect([
      [200, 1, false],
      [429, 'rate-limited', true],
    ]).toContainEqual(each);
  expect(answers.some(({ status }) => status === 200)).toBe(true);
});

async function weir(
  args: readonly string[],
  stdin = '',
  token: string = secrets.acme,
): Promise<{ readonly exitCode: number; readonly out: string }> {
  const command = parseArguments([...args, '--server', server.url, '--token', token], {
    environment: {},
    workingDirectory: '/',
    version: '0',
  });
  const out: string[] = [];
  const print = (text: string): void => void out.push(text);
  const terminal = { stdin: Readable.from([Buffer.from(stdin)]), print, complain: print, colours: createColors(false) };
  if (command.kind === 'say') return { exitCode: command.exitCode, out: command.text };
  if (command.kind !== 'lint' && command.kind !== 'get') throw new Error(JSON.stringify(command));
  const exitCode = await (command.kind === 'lint' ? lint(command, terminal) : get(command, terminal));
  return { exitCode, out: out.join('\n') };
}

test('weir lint: stored, of files, and exit codes', async () => {
  await prepareTenants(server, secrets.platform);
  const clean = await weir(['lint', '-t', 'acme', '--detailed-exitcode']);
  expect(clean).toEqual({
    exitCode: 0,
    out: `no conflicts, and no rules that never decide; revision ${server.store.revision}`,
  });
  await applied([wall]);
  const file = join(directory, 'web.json');
  writeFileSync(file, JSON.stringify({ ...web, metadata: { name: 'web' } }));
  const foreseen = await weir(['lint', '-t', 'acme', '-f', file, '--detailed-exitcode']);
  const findings = [
    'conflicts',
    '  ! acme/wall ingress rule 0 (deny) is asked before acme/web ingress rule 1 (allow), which says otherwise: by its order',
    '',
    'rules that never decide',
    '  ! acme/web ingress rule 0 (allow) is shadowed by acme/wall ingress rule 0 (deny)',
    '',
    '1 conflict, 1 rule that never decides; ',
  ].join('\n');
  expect(foreseen).toEqual({ exitCode: 3, out: `${findings}nothing was stored, revision ${server.store.revision}` });
  const revision = await applied([web]);
  expect(await weir(['lint', '-t', 'acme'])).toEqual({ exitCode: 0, out: `${findings}revision ${revision}` });
  expect(await weir(['lint', '--detailed-exitcode'], '', secrets.platform)).toEqual({
    exitCode: 3,
    out: `${findings}revision ${revision}`,
  });
  const json = JSON.parse((await weir(['lint', '-t', 'acme', '--json'])).out);
  expect(Check(LintAnswer, json)).toBe(true);
  expect(json).toMatchObject({ revision, shadowed: { count: 1 }, conflicts: { count: 1 } });
  expect((await weir(['get', 'policies', '-t', 'acme', '-o', 'wide'])).out).toMatch(
    /SHADOWED +CONFLICTS +ERRORS\nwall .* 0 +1 +-\nweb .* 1 +1 +-$/,
  );
  const many = Array.from({ length: 5 }, (_, index) =>
    policy(`web-${index}`, { order: 30, ingress: [{ action: 'allow', ...services(443) }] }),
  );
  await applied(many);
  expect((await weir(['lint', '-t', 'acme', '-n', '2'])).out).toContain('… and 4 more: --limit lists more');
  for (const wrong of [['-n', '0'], ['-n', 'x'], ['extra']]) expect((await weir(['lint', ...wrong])).exitCode).toBe(2);
  expect((await weir(['lint'])).exitCode).toBe(1);
  expect(await weir(['lint', '-t', 'none'], '', secrets.platform)).toMatchObject({
    exitCode: 1,
    out: expect.stringContaining('not-found'),
  });
  const bad = await weir(['lint', '-t', 'acme', '-f', '-'], JSON.stringify(policy('bad', { appliesTo: ['nobody'] })));
  expect(bad).toMatchObject({ exitCode: 1, out: expect.stringContaining('standard input, document 1: /spec/appliesTo/0') });
});

test('weir lint: where not all has been looked at, nothing is called clean', async () => {
  const answer: LintAnswer = { revision: 7, verified: false, shadowed: { items: [], count: 0 }, conflicts: { items: [], count: 0 } };
  const busy = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)),
  );
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void busy.close());
  const at = ['lint', '--server', `http://127.0.0.1:${(busy.address() as AddressInfo).port}`];
  const out: string[] = [];
  const print = (text: string): void => void out.push(text);
  const terminal = { stdin: Readable.from([]), print, complain: print, colours: createColors(false) };
  const codes = [];
  for (const args of [at, [...at, '--detailed-exitcode']]) {
    const command = parseArguments(args, { environment: {}, workingDirectory: '/', version: '0' });
    if (command.kind !== 'lint') throw new Error(JSON.stringify(command));
    codes.push(await lint(command, terminal));
  }
  expect(codes).toEqual([0, 1]);
  expect(out[0]).toBe('this is not all: some of what was written last is still looked at');
});
