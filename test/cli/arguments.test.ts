import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import type { Command } from '../../src/cli/command.ts';

const parse = (line: string, environment: Record<string, string> = {}): Command =>
  parseArguments(line === '' ? [] : line.split(' '), { environment, workingDirectory: '/work', version: '1.2.3' });

describe('wrong usage says what is wrong and exits with 2', () => {
  test.each([
    ['', /Usage: weir/],
    ['fly', /unknown command 'fly'/],
    ['get', /missing required argument 'kind'/],
    ['get planets', /^error: 'planets': must be one of tenants, networks/],
    ['get networks', /a network belongs to a tenant: pass -t TENANT, or -A/],
    ['get networks web -A', /pass -t TENANT instead of -A/],
    ['get networks -t acme -o xml', /'xml' is invalid/],
    ['get networks -t acme --sever x', /unknown option '--sever'/],
    ['get networks -t acme --server ftp://x', /no http:\/\/ or https:\/\/ address/],
    ['delete vms v', /a vm belongs to a tenant/],
    ['delete networks', /missing required argument 'name'/],
    ['apply', /required option '-f, --file <path...>'/],
    ['apply -f x --timeout-ms 0', /whole number above 0/],
    ['vm start acme/v', /required option '--host <name>'/],
    ['vm start v --host h', /Write TENANT\/VM/],
    ['decide web-1 db-1', /write FROM TO PROTOCOL\[\/PORT\], or -f FILE/],
    ['decide web-1 db-1 tcp/x', /Write tcp\/PORT/],
    ['decide web-1 db-1 tcp/1 -f x', /or -f FILE/],
    ['vm', /Usage: weir vm/],
    ['pki', /Usage: weir pki/],
    ['pki init', /required option '--dir <dir>'/],
    ['pki issue controller a --dir d', /required option '--address/],
    ['pki issue planet a --dir d', /unknown command 'planet'/],
    ['openflow', /Usage: weir openflow/],
    ['intent', /write a text, or --conflicts/],
    ['intent hello --conflicts', /write a text, or --conflicts/],
    ['lab up', /required option '--hosts <n>'/],
    ['lab up --hosts 0', /whole number above 0/],
    ['lab plug acme', /missing required argument 'vm'/],
    ['demo --cluster 4', /'4' is invalid.*3 members or with 5/],
    ['demo --cluster 3 --down', /cannot be used with option/],
    ['serve extra', /too many arguments/],
    ['serve --log-level loud', /'loud' is invalid/],
  ])('weir %s', (line, says) => {
    expect(parse(line)).toEqual({ kind: 'say', to: 'stderr', exitCode: 2, text: expect.stringMatching(says) });
  });

  test('a server of the environment that is none', () => {
    expect(parse('status', { WEIR_SERVER: 'ftp://x' })).toMatchObject({
      kind: 'say',
      exitCode: 2,
      text: expect.stringContaining('ftp://x'),
    });
  });
});

test('help and version are no mistakes', () => {
  expect(parse('--help')).toMatchObject({ kind: 'say', to: 'stdout', exitCode: 0, text: expect.stringContaining('Usage: weir') });
  expect(parse('apply --help')).toMatchObject({ exitCode: 0, text: expect.stringContaining('--dry-run') });
  expect(parse('--version')).toEqual({ kind: 'say', to: 'stdout', exitCode: 0, text: '1.2.3' });
});

test('a demo of one controller, or of several', () => {
  expect(parse('demo')).toEqual({ kind: 'demo', keep: false, down: false, cluster: undefined });
  expect(parse('demo --cluster 5 --keep')).toEqual({ kind: 'demo', keep: true, down: false, cluster: 5 });
});

test('serve keeps what was said and nothing else', () => {
  const line = 'serve --config c.yaml --data d --listen 127.0.0.1:1 --openflow 127.0.0.1:2 --ovsdb 127.0.0.1:3 --insecure-switches';
  expect(parse(line, { A: 'b' })).toEqual({
    kind: 'serve',
    sources: {
      file: 'c.yaml',
      flags: { data: 'd', listen: '127.0.0.1:1', openflow: '127.0.0.1:2', ovsdb: '127.0.0.1:3', insecureSwitches: true },
      environment: { A: 'b' },
      workingDirectory: '/work',
    },
  });
});

test('client commands take server, token and tenant from options, else from the environment', () => {
  const environment = { WEIR_SERVER: 'http://10.0.0.1:1', WEIR_TOKEN: 'secret', WEIR_TENANT: 'acme' };
  expect(parse('get vm web', environment)).toMatchObject({
    kind: 'get',
    connection: { server: new URL('http://10.0.0.1:1'), token: 'secret' },
    kindPath: { kind: 'Vm' },
    name: 'web',
    tenant: 'acme',
    output: 'table',
  });
  expect(parse('get QosPolicy -t other --server https://b --token t -o wide', environment)).toMatchObject({
    connection: { server: new URL('https://b'), token: 't' },
    kindPath: { kind: 'QosPolicy' },
    tenant: 'other',
    output: 'wide',
  });
  expect(parse('status')).toMatchObject({ connection: { server: new URL('http://127.0.0.1:6680'), token: undefined } });
});

test('apply', () => {
  expect(parse('apply -f a.yaml b -f - -t acme --wait --timeout-ms 70 --dry-run --json --detailed-exitcode')).toMatchObject({
    kind: 'apply',
    files: ['a.yaml', 'b', '-'],
    tenant: 'acme',
    wait: true,
    timeoutMs: 70,
    dryRun: true,
    json: true,
    detailedExitCode: true,
  });
});

test('the VM verbs', () => {
  expect(parse('vm start acme/web --host h1 --wait')).toMatchObject({
    kind: 'vm',
    tenant: 'acme',
    name: 'web',
    verb: { kind: 'start', host: 'h1' },
    wait: 'active',
  });
  expect(parse('vm stop acme/web')).toMatchObject({ kind: 'vm', verb: { kind: 'stop' }, wait: undefined });
});

test('the lab', () => {
  expect(parse('lab up --hosts 3 --json')).toEqual({ kind: 'lab-up', options: { hosts: 3, json: true } });
  expect(parse('lab plug acme web', { WEIR_TOKEN: 'secret' })).toEqual({
    kind: 'lab-plug',
    options: { tenant: 'acme', vm: 'web', token: 'secret' },
  });
  expect(parse('lab unplug acme web --host h2')).toEqual({ kind: 'lab-unplug', options: { tenant: 'acme', vm: 'web', host: 'h2' } });
  expect(parse('lab down --name other')).toEqual({ kind: 'lab-down', options: { name: 'other' } });
});

test('certificates', () => {
  expect(parse('pki init --dir d')).toEqual({ kind: 'pki-init', options: { dir: 'd', name: 'Weir', days: 3650 }, json: false });
  expect(parse('pki issue controller weir-0 --dir d --address 127.0.0.1 weir.example --days 7 --json')).toEqual({
    kind: 'pki-issue',
    options: { dir: 'd', purpose: 'controller', name: 'weir-0', addresses: ['127.0.0.1', 'weir.example'], days: 7 },
    json: true,
  });
});

test('members and the data as a whole', () => {
  const connection = expect.objectContaining({ server: new URL('http://127.0.0.1:6680') });
  expect(parse('cluster status --json')).toEqual({ kind: 'cluster', verb: { kind: 'status' }, connection, json: true });
  expect(parse('cluster add d --address 10.0.0.4:6690')).toMatchObject({ verb: { kind: 'add', id: 'd', address: '10.0.0.4:6690' } });
  expect(parse('cluster add d')).toMatchObject({ kind: 'say', exitCode: 2 });
  expect(parse('cluster remove d')).toMatchObject({ verb: { kind: 'remove', id: 'd' } });
  expect(parse('cluster transfer')).toMatchObject({ verb: { kind: 'transfer', to: undefined } });
  expect(parse('cluster rejoin --data d --member a')).toMatchObject({ kind: 'rejoin', data: 'd', member: 'a' });
  expect(parse('backup f')).toMatchObject({ kind: 'backup', file: 'f' });
  expect(parse('restore f --data d --member-id r')).toEqual({ kind: 'restore', file: 'f', data: 'd', member: 'r', json: false });
  expect(parse('restore f')).toMatchObject({ kind: 'say', exitCode: 2 });
  const serve = 'serve --data d --member-id a --member-listen 127.0.0.1:1 --join http://127.0.0.1:6680 --founders a=127.0.0.1:1';
  expect(parse(serve)).toMatchObject({
    sources: { flags: { memberId: 'a', memberListen: '127.0.0.1:1', join: 'http://127.0.0.1:6680', founders: 'a=127.0.0.1:1' } },
  });
});
