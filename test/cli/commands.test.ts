import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createColors } from 'picocolors';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import { apply } from '../../src/cli/apply.ts';
import { decide } from '../../src/cli/decide.ts';
import { remove } from '../../src/cli/delete.ts';
import { intent } from '../../src/cli/intent.ts';
import { get } from '../../src/cli/get.ts';
import type { ExitCode } from '../../src/cli/outcome.ts';
import { status } from '../../src/cli/status.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { vm } from '../../src/cli/vm.ts';
import { ask, openServer, registerHost, secrets, tokens, type Server } from '../api/server.ts';

/** The client commands against a real server, from the command line to what is printed. */
let server: Server;
let directory: string;
beforeAll(async () => {
  server = await openServer({ tokens });
  await registerHost(server, 'host-1', '192.0.2.1');
});
afterAll(() => server.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-cli-'));
  server.switches.realization = { realized: true };
});
afterEach(() => rmSync(directory, { recursive: true }));

interface Ran {
  readonly exitCode: ExitCode;
  readonly out: string;
  readonly err: string;
}

function terminalOf(stdin = ''): { readonly terminal: Terminal; readonly out: string[]; readonly err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  const terminal = {
    stdin: Readable.from([Buffer.from(stdin)]),
    print: (text: string) => void out.push(text),
    complain: (text: string) => void err.push(text),
    colours: createColors(false),
  };
  return { terminal, out, err };
}

async function weir(args: readonly string[], stdin = '', token: string = secrets.platform): Promise<Ran> {
  const command = parseArguments([...args, '--server', server.url, '--token', token], {
    environment: {},
    workingDirectory: directory,
    version: '0',
  });
  const { terminal, out, err } = terminalOf(stdin);
  const run = (): Promise<ExitCode> => {
    switch (command.kind) {
      case 'apply':
        return apply(command, terminal);
      case 'decide':
        return decide(command, terminal);
      case 'intent':
        return intent(command, terminal);
      case 'get':
        return get(command, terminal);
      case 'delete':
        return remove(command, terminal);
      case 'vm':
        return vm(command, terminal);
      case 'status':
        return status(command, terminal);
      default:
        throw new Error(JSON.stringify(command));
    }
  };
  const exitCode = await run();
  return { exitCode, out: out.join('\n'), err: err.join('\n') };
}

const tenants = 'kind: Tenant\nmetadata: { name: acme }\n---\nkind: Tenant\nmetadata: { name: umbrella }\n';
const network = 'kind: Network\nmetadata: { name: web }\nspec:\n  subnets:\n    - cidr: 10.0.0.0/24\n';
const web = JSON.stringify([
  {
    kind: 'Vm',
    metadata: { name: 'v1', tenant: 'acme', labels: { app: 'web' } },
    spec: { interfaces: [{ name: 'eth0', network: 'web' }] },
  },
]);

test('a tour: apply, get, start, status, stop, delete', async () => {
  mkdirSync(join(directory, 'all'));
  writeFileSync(join(directory, 'all', '1.yaml'), tenants);
  writeFileSync(join(directory, 'all', '2.json'), web);
  writeFileSync(join(directory, 'all', 'notes.txt'), 'not: [a document');
  writeFileSync(join(directory, 'network.yaml'), network);

  const files = ['-f', join(directory, 'all'), join(directory, 'network.yaml'), '-t', 'acme'];
  const dry = await weir(['apply', ...files, '--dry-run', '--detailed-exitcode']);
  expect(dry).toMatchObject({ exitCode: 3, out: expect.stringContaining('Vm acme/v1 would be created') });
  const first = await weir(['apply', ...files]);
  expect(first).toEqual({
    exitCode: 0,
    err: '',
    out: [
      'Tenant acme created',
      'Tenant umbrella created',
      'Vm acme/v1 created',
      'Network acme/web created',
      `revision ${server.store.revision}`,
    ].join('\n'),
  });
  const again = await weir(['apply', ...files, '--detailed-exitcode', '--json']);
  expect([again.exitCode, JSON.parse(again.out).results.map((each: { action: string }) => each.action)]).toEqual([
    0,
    ['unchanged', 'unchanged', 'unchanged', 'unchanged'],
  ]);

  expect(await weir(['get', 'networks', '-t', 'acme'])).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/^NAME +VNI +SUBNETS +ERRORS\nweb +1000 +10\.0\.0\.0\/24 +-$/),
  });
  expect((await weir(['get', 'vms', '-A', '-o', 'wide'])).out).toMatch(
    /^TENANT +NAME +PHASE .*\nacme +v1 +stopped +stopped +- +10\.0\.0\.\d+ +web +([0-9a-f]{2}:){5}/,
  );
  expect(JSON.parse((await weir(['get', 'vm', 'v1', '-t', 'acme', '-o', 'json'])).out)).toMatchObject({
    kind: 'Vm',
    metadata: { name: 'v1' },
  });
  expect((await weir(['get', 'tenants', '-o', 'wide'])).out).toMatch(
    /^NAME +POSTURE +NETWORKS +VMS +POLICIES +FLOWS .*\nacme +zero-trust +1 +1 +0 +\d+\/200000 /,
  );
  expect((await weir(['get', 'tenants', '-o', 'yaml'])).out).toMatch(/kind: Tenant\n[^]*\n---\nkind: Tenant/);
  expect(JSON.parse((await weir(['get', 'vms', '-t', 'acme', '-l', 'app=db', '--json'])).out)).toEqual([]);

  expect((await weir(['vm', 'start', 'acme/v1', '--host', 'host-1'])).out).toMatch(
    /^acme\/v1 \w+ in [\d.]+ ms\n +eth0 +iface-id=[\w-]+-eth0 /,
  );
  expect((await weir(['get', 'vms', '-t', 'acme'])).out).toMatch(/v1 +stopped +running +host-1/);
  expect((await weir(['vm', 'stop', 'acme/v1', '--json'])).out).toContain('"timings"');

  const used = await weir(['delete', 'network', 'web', '-t', 'acme']);
  expect(used).toMatchObject({
    exitCode: 1,
    out: '',
    err: expect.stringMatching(/in-use[^]*used by Vm acme\/v1[^]*Delete or change the users first/),
  });
  expect(await weir(['delete', 'vm', 'v1', '-t', 'acme'])).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/^Vm acme\/v1 deleted\nrevision \d+$/),
  });
  expect((await weir(['delete', 'network', 'web', '-t', 'acme', '--json'])).exitCode).toBe(0);
});

test('what comes from standard input', async () => {
  expect(await weir(['apply', '-f', '-'], tenants)).toMatchObject({ exitCode: 0 });
});

test('a mistake is told with its file, its document and its place', async () => {
  const file = join(directory, 'bad.yaml');
  writeFileSync(file, `${tenants}---\nkind: Network\nmetadata: { name: bad, tenant: acme }\nspec: { vni: none, colour: red }\n`);
  const { exitCode, err } = await weir(['apply', '-f', file]);
  expect(exitCode).toBe(1);
  expect(err).toContain(`${file}, document 3: /spec/vni must be`);
  expect(err).toContain(`${file}, document 3: /spec/colour`);
});

test('what cannot be read', async () => {
  expect(await weir(['apply', '-f', join(directory, 'none')])).toMatchObject({ exitCode: 1, err: expect.stringContaining('ENOENT') });
  expect(await weir(['apply', '-f', '-'], 'a: [')).toMatchObject({ exitCode: 1, err: expect.stringContaining('standard input') });
  expect(await weir(['apply', '-f', '-'], '---\n')).toMatchObject({ exitCode: 1, err: expect.stringContaining('no document') });
});

test('a refusal tells what to do', async () => {
  expect(await weir(['get', 'tenants'], '', 'wrong-secret-0123')).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/unauthorized[^]*WEIR_TOKEN/),
  });
  expect(await weir(['get', 'tenant', 'none'])).toMatchObject({ exitCode: 1, err: expect.stringContaining('not-found') });
  server.switches.realization = { realized: false, waiting: [{ host: 'host-1', reason: 'no connection' }] };
  expect(await weir(['apply', '-f', '-', '--wait', '--timeout-ms', '10'], 'kind: Tenant\nmetadata: { name: late }\n')).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/not-realized[^]*waiting for host-1: no connection[^]*The write stands/),
  });
});

test('a server that is not there', async () => {
  const command = parseArguments(['status', '--server', 'http://127.0.0.1:1'], {
    environment: {},
    workingDirectory: directory,
    version: '0',
  });
  const { terminal, err } = terminalOf();
  expect(command.kind === 'status' && (await status(command, terminal))).toBe(1);
  expect(err.join()).toMatch(/does not answer.*weir serve/);
});

test('status', async () => {
  expect((await weir(['status'])).out).toContain('no switch has connected yet');
  server.switches.hosts = [
    {
      name: 'host-1',
      connected: true,
      ovsdb: true,
      realizedRevision: 0,
      flows: 12,
      driftRepaired: 3,
      errors: [],
      warnings: ['no weir-encap-ip'],
      encapIp: '192.0.2.1',
    },
  ];
  const { out } = await weir(['status']);
  server.switches.hosts = [];
  expect(out).toMatch(/^weir 0\.0\.0-test, revision \d+, leader weir-0\n\nMEMBER +ADDRESS +ROLE\nweir-0 +127\.0\.0\.1 +leader/);
  expect(out).toMatch(/\nSWITCH +OVSDB +OPENFLOW .*\nhost-1 +up +up +192\.0\.2\.1 +0 +12 +3 +0\nhost-1: no weir-encap-ip$/);
});

test('status says what is amiss with a member', async () => {
  server.switches.memberWarnings = ['no switch has found it'];
  const { out } = await weir(['status']);
  server.switches.memberWarnings = [];
  expect(out).toMatch(/\nweir-0 +127\.0\.0\.1 +leader\nweir-0: no switch has found it\n/);
});

test('status of a member whose release says nothing of what is amiss with members', async () => {
  const members = [{ name: 'weir-1', address: '127.0.0.1', leader: true, reachable: true }];
  const earlier = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ version: '0', revision: 1, leader: 'weir-1', members, switches: [] }));
  });
  await new Promise<void>((resolve) => earlier.listen(0, '127.0.0.1', resolve));
  const { port } = earlier.address() as AddressInfo;
  const command = parseArguments(['status', '--server', `http://127.0.0.1:${port}`], {
    environment: {},
    workingDirectory: directory,
    version: '0',
  });
  const { terminal, out } = terminalOf();
  const exitCode = command.kind === 'status' && (await status(command, terminal));
  earlier.close();
  expect(exitCode).toBe(0);
  expect(out.join('\n')).toMatch(/\nweir-1 +127\.0\.0\.1 +leader\n/);
});

test('a watch prints what is there, then what changes', async () => {
  const command = parseArguments(['get', 'tenants', '--watch', '--server', server.url, '--token', secrets.platform], {
    environment: {},
    workingDirectory: directory,
    version: '0',
  });
  const { terminal, out } = terminalOf();
  if (command.kind !== 'get') throw new Error('no get');
  const running = get(command, terminal);
  await expect.poll(() => server.counted.at(-1)).toMatch(/^watchers/);
  await ask(server, 'PUT', '/v1/tenants/watched', { body: {}, token: secrets.platform });
  await ask(server, 'DELETE', '/v1/tenants/watched', { token: secrets.platform });
  await expect
    .poll(() => out.slice(1))
    .toEqual([expect.stringMatching(/^\d+ put +Tenant watched$/), expect.stringMatching(/^\d+ deleted Tenant watched$/)]);
  await expect(Promise.race([running, Promise.resolve('still running')])).resolves.toBe('still running');
});

test('decide asks one question, or those of a file, and says which rule decides', async () => {
  for (const [path, body] of [
    ['/v1/tenants/asking', {}],
    ['/v1/tenants/asking/networks/n', { spec: { subnets: [{ cidr: '10.9.0.0/24' }] } }],
    ['/v1/tenants/asking/vms/a', { spec: { interfaces: [{ name: 'eth0', network: 'n' }] } }],
    ['/v1/tenants/asking/policies/in', { spec: { ingress: [{ action: 'allow', from: [{ cidr: '192.0.2.0/24' }], services: ['ssh'] }] } }],
  ] as const)
    expect((await ask(server, 'PUT', path, { body, token: secrets.platform })).status).toBeLessThan(300);
  const one = await weir(['decide', '192.0.2.7', 'a', 'tcp/22', '-t', 'asking']);
  expect(one).toMatchObject({ exitCode: 0, err: '' });
  expect(one.out).toMatch(/192\.0\.2\.7 +a +tcp\/22 +allow +- +allow by tenant in\[0\]/);
  const many = await weir(['decide', '-f', '-', '--json'], '# two\n192.0.2.7 asking/a tcp/22\n\n192.0.2.7 asking/a icmp/8/0 # ping\n');
  const side = { verdict: 'allow', tier: 'tenant', policy: 'in', rule: 0 };
  expect(JSON.parse(many.out).answers).toEqual([
    { verdict: 'allow', egress: null, ingress: side },
    { verdict: 'deny', egress: null, ingress: { verdict: 'deny', tier: 'posture' } },
  ]);
  expect(await weir(['decide', '-f', '-'], '[{"from":"nobody","to":"asking/a","protocol":"icmp"}]')).toMatchObject({
    exitCode: 1,
    out: expect.stringContaining('there is no VM "nobody"'),
  });
  expect(await weir(['decide', '-f', '-'], 'a b')).toMatchObject({ exitCode: 1, err: expect.stringContaining('line 1: write FROM TO') });
});

test('an intent is tried, shown and stored', async () => {
  await ask(server, 'PUT', '/v1/tenants/spoken', { body: { spec: {} }, token: secrets.platform });
  for (const name of ['web', 'guests'])
    await ask(server, 'PUT', `/v1/tenants/spoken/groups/${name}`, {
      body: { spec: { selector: { matchLabels: { app: name } } } },
      token: secrets.platform,
    });
  const tried = await weir(['intent', 'deny ssh from guests to web', '-t', 'spoken']);
  expect(tried.err).toBe('');
  expect(tried.out).toContain('✔ Deny ssh (tcp 22) from group guests to group web.');
  expect(tried.out).toContain('Policy intent-deny-ssh-from-guests-to-web-denial');
  expect(tried.out).toContain('intent deny-ssh-from-guests-to-web would be created; store it with --apply');
  expect((await weir(['get', 'intents', '-t', 'spoken'])).err).toContain('no intents');

  expect((await weir(['intent', 'deny ssh from guests to web', '-t', 'spoken', '--name', 'a', '--apply'])).out).toContain(
    'intent a created',
  );
  const other = await weir(['intent', 'allow guests to reach web', '-t', 'spoken', '--name', 'b', '--apply']);
  expect(other.out).toContain(
    '! intent a denies ssh (tcp 22) from group guests to group web, and intent b allows everything from group guests to group web: a wins',
  );
  expect((await weir(['intent', '--conflicts', '-t', 'spoken'])).out).toContain('a wins, because a denial goes before an allowance');
  expect((await weir(['get', 'intents', '-t', 'spoken'])).out).toMatch(/b +Allow everything from group guests to group web\. +a/);
  expect((await weir(['delete', 'policy', 'intent-a-denial', '-t', 'spoken'])).err).toContain('An intent owns it (owned)');
  await weir(['delete', 'intent', 'b', '-t', 'spoken']);
  expect((await weir(['intent', '--conflicts', '-t', 'spoken'])).out).toBe('no intents contradict each other');
});

test('what is wrong with an intent is pointed at', async () => {
  await ask(server, 'PUT', '/v1/tenants/spoken', { body: { spec: {} }, token: secrets.platform });
  await ask(server, 'PUT', '/v1/tenants/spoken/groups/web', { body: { spec: { selector: {} } }, token: secrets.platform });
  const { exitCode, err } = await weir(['intent', 'deny ssh from wev to web', '-t', 'spoken']);
  expect(exitCode).toBe(1);
  expect(err).toBe(
    ['  deny ssh from wev to web', '                ^^^', 'error: "wev" names no group, label, VM or network; did you mean web?'].join(
      '\n',
    ),
  );
});
