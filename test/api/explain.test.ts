import { createColors } from 'picocolors';
import { Readable } from 'node:stream';
import { Check } from 'typebox/value';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ExplainAnswer, RuleAnswer } from '../../src/api/schema/explain.ts';
import { parseArguments } from '../../src/cli/arguments.ts';
import { explain, rule } from '../../src/cli/explain.ts';
import { ask, openServer, prepareTenants, registerHost, secrets, tokens, type Answer, type Server } from './server.ts';

/** Questions over HTTP and from the command line; what they are answered is tested in `test/inquiry`. */

let server: Server;
let revision: number;
beforeAll(async () => {
  server = await openServer({ tokens });
  await prepareTenants(server, secrets.platform);
  await registerHost(server, 'host-1', '192.0.2.1');
  const vm = (name: string) => ({
    kind: 'Vm',
    metadata: { name, tenant: 'acme' },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'lan' }] },
  });
  const policy = { ingress: [{ action: 'allow', services: [{ protocol: 'tcp', port: 5432 }] }], egress: [{ action: 'allow' }] };
  const { body } = await ask(server, 'POST', '/v1/apply', {
    body: [
      { kind: 'Network', metadata: { name: 'lan', tenant: 'acme' }, spec: { subnets: [{ cidr: '10.77.0.0/24' }] } },
      vm('a'),
      vm('b'),
      { kind: 'Policy', metadata: { name: 'sql', tenant: 'acme' }, spec: policy },
    ],
    token: secrets.platform,
  });
  revision = body.revision;
});
afterAll(() => server.close());

const sql = { from: 'a', to: 'b', protocol: 'tcp', port: 5432 };
const explained = (body: object, token: string = secrets.acme, path = '/v1/tenants/acme/explain'): Promise<Answer> =>
  ask(server, 'POST', path, { body, token });

test('a tenant asks about its own, the platform about all; another tenant finds nothing', async () => {
  const mine = await explained(sql);
  expect(mine.status).toBe(200);
  expect(Check(ExplainAnswer, mine.body)).toBe(true);
  expect(mine.body).toMatchObject({ verdict: 'allow', passes: false, ingress: { policy: 'sql', words: 'allow tcp/5432 from anyone' } });
  expect(mine.body.blockers.map(({ code }: { code: string }) => code)).toEqual(['vm-stopped', 'vm-stopped']);
  expect((await explained(sql, secrets.other)).status).toBe(404);
  expect((await explained(sql, secrets.acme, '/v1/explain')).status).toBe(403);
  const platform = await explained({ ...sql, from: 'acme/a', to: 'acme/b/eth0' }, secrets.platform, '/v1/explain');
  expect(platform.body).toMatchObject({ verdict: 'allow', question: { from: { vm: 'a' } } });
  const { id } = platform.body.ingress;
  const found = await ask(server, 'GET', `/v1/tenants/acme/rules/${id}`, { token: secrets.acme });
  expect(Check(RuleAnswer, found.body)).toBe(true);
  expect(found.body).toMatchObject({ policy: 'sql', direction: 'ingress', rule: 0 });
  expect((await ask(server, 'GET', `/v1/tenants/other/rules/${id}`, { token: secrets.other })).status).toBe(404);
  expect((await ask(server, 'GET', '/v1/rules/0x1', { token: secrets.platform })).status).toBe(404);
});

test('what cannot be asked is refused with a code', async () => {
  const codes = async (body: object): Promise<unknown> => (await explained(body)).body.code;
  expect(await codes({ ...sql, from: 'nobody' })).toBe('reference-missing');
  expect(await codes({ from: 'a', to: 'b', protocol: 'tcp' })).toBe('malformed');
  expect(await codes({ ...sql, at: 'yesterday' })).toBe('malformed');
  expect(await codes({ ...sql, at: 1_000_000 })).toBe('malformed');
  expect(await codes({ ...sql, fromMac: 'x' })).toBe('malformed');
  expect(await codes({ ...sql, whom: 'me' })).toBe('unknown-field');
});

test('the past: by revision and by time', async () => {
  await ask(server, 'PUT', '/v1/tenants/acme/policies/sql', { body: { spec: {} }, token: secrets.platform });
  const now = await explained(sql);
  expect(now.body).toMatchObject({ verdict: 'deny', egress: { tier: 'posture' } });
  const then = await explained({ ...sql, at: revision });
  expect(then.body).toMatchObject({ revision, verdict: 'allow', ingress: { policy: 'sql' } });
  const today = await explained({ ...sql, at: new Date(Date.now() + 1000).toISOString() });
  expect(today.body).toMatchObject({ revision: now.body.revision, verdict: 'deny' });
});

async function weir(...args: readonly string[]): Promise<{ readonly exitCode: number; readonly out: string }> {
  const surroundings = { environment: {}, workingDirectory: '/', version: '0' };
  const command = parseArguments([...args, '--server', server.url, '--token', secrets.acme, '-t', 'acme'], surroundings);
  const out: string[] = [];
  const terminal = {
    stdin: Readable.from([]),
    print: (text: string) => void out.push(text),
    complain: (text: string) => void out.push(text),
    colours: createColors(false),
  };
  if (command.kind === 'say') return { exitCode: command.exitCode, out: command.text };
  if (command.kind !== 'explain' && command.kind !== 'rule') throw new Error(JSON.stringify(command));
  const exitCode = await (command.kind === 'explain' ? explain(command, terminal) : rule(command, terminal));
  return { exitCode, out: out.join('\n') };
}

test('weir explain: the verdict first, then the sides, the way and what to do', async () => {
  const { exitCode, out } = await weir('explain', 'a', 'b', 'tcp/5432', '--at', String(revision));
  expect(exitCode).toBe(1);
  expect(out).toMatch(
    /^✘ acme\/a\/eth0 \(10\.77\.0\.\d+\) → acme\/b\/eth0 \(10\.77\.0\.\d+\) tcp\/5432\n {2}allowed, but it cannot pass: VM acme\/a is stopped/,
  );
  expect(out).toContain('vm-stopped');
  expect(out).toContain('Start the VM.');
  expect(out).toMatch(
    /ingress of .*: allow by tenant, policy sql, rule 0 \(id \d+\)\n {2}tenant .*sql .*rule 0 allow tcp\/5432 from anyone/,
  );
  expect(out).toMatch(/network {2}lan \(VNI \d+\)/);
  const id = /ingress.*\(id (\d+)\)/.exec(out)?.[1] ?? '';
  const json = JSON.parse((await weir('explain', 'a', 'b', 'tcp/5432', '--json', '--at', String(revision))).out);
  expect(Check(ExplainAnswer, json)).toBe(true);
  // The rule was taken out of the policy since.
  expect(await weir('explain', '--rule', id)).toMatchObject({ exitCode: 1 });
});

test('wrong usage exits with 2', async () => {
  for (const args of [
    ['a', 'b'],
    ['a', 'b', 'tcp'],
    ['a', 'b', 'gre'],
    ['a', 'b', 'tcp/99999'],
    ['a', 'b', 'icmp', '--family', '5'],
  ])
    expect(await weir('explain', ...args)).toMatchObject({ exitCode: 2 });
  expect(
    parseArguments(['explain', 'a', 'b', 'icmp/3/4', '--family', '4'], { environment: {}, workingDirectory: '/', version: '0' }),
  ).toMatchObject({
    kind: 'explain',
    question: { protocol: 'icmp', type: 3, code: 4, family: 4 },
  });
});
