import { createColors } from 'picocolors';
import { Readable } from 'node:stream';
import { Check } from 'typebox/value';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RulesAnswer } from '../../src/api/schema/rules.ts';
import { parseArguments } from '../../src/cli/arguments.ts';
import type { Command } from '../../src/cli/command.ts';
import { top, unused } from '../../src/cli/counted.ts';
import { get } from '../../src/cli/get.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { ask, openServer, prepareTenants, secrets, tokens, type Server } from './server.ts';

/** What rules have counted, over HTTP and from the command line. */

const dayMs = 86_400_000;
let server: Server;
beforeAll(async () => {
  server = await openServer({ tokens });
  await prepareTenants(server, secrets.platform);
  const rule = (port: number) => ({ action: 'allow', services: [{ protocol: 'tcp', port }] });
  const policy = (name: string, ...ports: number[]) => ({
    kind: 'Policy',
    metadata: { name, tenant: 'acme' },
    spec: { ingress: ports.map(rule) },
  });
  await ask(server, 'POST', '/v1/apply', { body: [policy('web', 80, 81, 82), policy('sql', 5432)], token: secrets.platform });
  const idsOf = (name: string): readonly number[] =>
    server.admission
      .snapshot()
      .policyNumbers('acme', name)
      ?.ingress.map(({ id }) => id) ?? [];
  const nowMs = Date.now();
  const [hit = 0, stale = 0, young = 0] = idsOf('web');
  const [most = 0] = idsOf('sql');
  const counts = { packets: 10, bytes: 1500, connections: 2, sinceMs: nowMs - 90 * dayMs, lastHitMs: nowMs };
  server.switches.counters.set(hit, counts);
  server.switches.counters.set(stale, { ...counts, lastHitMs: nowMs - 40 * dayMs });
  server.switches.counters.set(young, {
    ...counts,
    packets: 0,
    bytes: 0,
    connections: 0,
    lastHitMs: undefined,
    sinceMs: nowMs - 2 * dayMs,
  });
  server.switches.counters.set(most, { ...counts, packets: 9_000_000, bytes: 5_000_000_000 });
});
afterAll(() => server.close());

const rulesOf = (query = '', token: string = secrets.acme, path = '/v1/tenants/acme/rules') =>
  ask(server, 'GET', `${path}${query}`, { token });

test('all rules, the most first, so many, and the switches read before when that is asked', async () => {
  const all = await rulesOf();
  expect(Check(RulesAnswer, all.body)).toBe(true);
  expect(all.body.items.map(({ policy, rule }: any) => `${policy} ${rule}`)).toEqual(['sql 0', 'web 0', 'web 1', 'web 2']);
  expect(server.counted).not.toContain('refresh');
  const first = await rulesOf('?sort=bytes&limit=1&refresh=true');
  expect(first.body).toMatchObject({ more: true, items: [{ policy: 'sql', bytes: 5_000_000_000 }] });
  expect(server.counted).toContain('refresh');
});

test('a tenant sees its own; everybody is for the platform', async () => {
  expect((await rulesOf('', secrets.other)).status).toBe(404);
  expect((await rulesOf('', secrets.acme, '/v1/rules')).status).toBe(403);
  expect((await rulesOf('', secrets.platform, '/v1/rules')).body.items).toHaveLength(4);
  expect((await rulesOf('', secrets.other, '/v1/tenants/other/rules')).body.items).toEqual([]);
  expect((await rulesOf('?unusedDays=0')).status).toBe(400);
});

test('unused: hit before that; too young: not counted for that long', async () => {
  const { body } = await rulesOf('?unusedDays=30');
  expect(body.items.map(({ rule, usage }: any) => [rule, usage])).toEqual([
    [1, 'unused'],
    [2, 'too-young'],
  ]);
  expect((await rulesOf('?unusedDays=50')).body.items).toHaveLength(1);
});

test('a policy has its sums in a list and its rules alone', async () => {
  const list = await ask(server, 'GET', '/v1/tenants/acme/policies', { token: secrets.acme });
  const web = list.body.items.find(({ metadata }: any) => metadata.name === 'web');
  expect(web.status.counters).toMatchObject({ packets: 20, bytes: 3000, connections: 4, flows: 3 });
  expect(web.status.rules).toBeUndefined();
  const alone = await ask(server, 'GET', '/v1/tenants/acme/policies/web', { token: secrets.acme });
  expect(alone.body.status.rules.ingress.map(({ rule, packets }: any) => [rule, packets])).toEqual([
    [0, 10],
    [1, 10],
    [2, 0],
  ]);
});

async function exitCodeOf(command: Command, terminal: Terminal): Promise<number> {
  if (command.kind === 'top') return top(command, terminal);
  if (command.kind === 'unused') return unused(command, terminal);
  if (command.kind === 'get') return get(command, terminal);
  throw new Error(`no command for this test: ${JSON.stringify(command)}`);
}

async function printed(...args: string[]): Promise<string> {
  const text: string[] = [];
  const terminal = {
    stdin: Readable.from([]),
    print: (line: string) => void text.push(line),
    complain: (line: string) => void text.push(line),
    colours: createColors(false),
  };
  const command = parseArguments([...args, '--server', server.url, '--token', secrets.platform], {
    environment: {},
    workingDirectory: '/',
    version: '0',
  });
  expect(await exitCodeOf(command, terminal)).toBe(0);
  return text.join('\n');
}

test('weir top policies', async () => {
  const lines = (await printed('top', 'policies', '--sort', 'bytes')).split('\n');
  expect(lines[1]?.split(/\s{2,}/)).toEqual(['POLICY', 'PACKETS/S', 'BYTES/S', 'PACKETS', 'BYTES', 'CONNECTIONS', 'LAST HIT']);
  expect(lines[2]).toMatch(/^acme\/sql +0 +0 +9\.00M +5\.00G +2 +\ds ago$/);
  expect(lines[3]).toMatch(/^acme\/web +0 +0 +20 +3\.00k +4 /);
  expect(await printed('top', 'policies', '-t', 'acme', '-n', '1', '--json')).toContain('"byteRate":0');
});

test('weir unused', async () => {
  const text = await printed('unused', '-t', 'acme');
  expect(text).toMatch(/not hit in 30 days:\n.*\nacme\/web +ingress 1 +allow +40d ago +90d/);
  expect(text).toMatch(/too young to say:\n.*\nacme\/web +ingress 2 +allow +never +2d/);
  expect(await printed('unused', '-t', 'other', '--days', '1')).toBe('no rule was unused in 1 day');
});

test('weir get policies -o wide', async () => {
  expect(await printed('get', 'policies', '-t', 'acme')).not.toContain('PACKETS');
  expect(await printed('get', 'policies', '-t', 'acme', '-o', 'wide')).toMatch(/web .* 20 +3000 +4 +\d{4}-.*Z +3 /);
  const alone = await printed('get', 'policy', 'web', '-t', 'acme', '-o', 'wide');
  expect(alone).toMatch(/ingress 2 +allow +0 +0 +0 +never +1 /);
});
