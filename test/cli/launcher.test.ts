import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pkiInit, pkiIssue } from '../../src/cli/pki.ts';
import { freePorts } from '../support/ports.ts';

/** The command as people start it: a process of its own. */
const launcher = resolve(import.meta.dirname, '../../bin/weir');
let directory: string;
const started: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-run-'));
});
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  rmSync(directory, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(args: readonly string[], options: { command?: string; cwd?: string; env?: Record<string, string>; input?: string } = {}) {
  const { PATH = '' } = process.env;
  const child = spawn(options.command ?? launcher, args, { cwd: options.cwd ?? directory, env: { PATH, ...options.env } });
  started.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, out, err }));
  return { child, ended, out: () => out, err: () => err };
}

async function listening(args: readonly string[], env: Record<string, string> = {}) {
  const running = start(['serve', ...args], { env });
  await expect.poll(() => (running.child.exitCode === null ? running.out() : running.err())).toContain('listening');
  return {
    ...running,
    addresses: JSON.parse(running.out()) as { event: string; api: string; openflow: string | null; ovsdb: string | null },
  };
}

test('it starts from any directory and through links', async () => {
  symlinkSync(launcher, join(directory, 'absolute'));
  mkdirSync(join(directory, 'deeper'));
  symlinkSync('../absolute', join(directory, 'deeper', 'relative'));
  const ended = await start(['--version'], { command: join(directory, 'deeper', 'relative'), cwd: '/' }).ended;
  expect(ended).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' });
});

test('without a Node that is new enough it says so', async () => {
  mkdirSync(join(directory, 'bin'));
  mkdirSync(join(directory, 'old'));
  copyFileSync(launcher, join(directory, 'bin', 'weir'));
  writeFileSync(join(directory, 'old', 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const env = { PATH: `${join(directory, 'old')}:/usr/sbin:/bin` };
  const ended = await start(['--version'], { command: join(directory, 'bin', 'weir'), env }).ended;
  expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/no Node\.js 22\.19 or newer[^]*make setup/) });
});

test('exit codes of a process', async () => {
  expect(await start(['get', 'planets']).ended).toMatchObject({ code: 2, out: '' });
  expect(await start(['status', '--server', 'http://127.0.0.1:1']).ended).toMatchObject({
    code: 1,
    err: expect.stringContaining('does not answer'),
  });
  expect(await start(['pki', 'issue', 'switch', 'a', '--dir', directory]).ended).toMatchObject({
    code: 1,
    err: expect.stringContaining('weir pki init'),
  });
  const decoded = await start(['openflow', 'decode'], { input: '0400000800000001\nzz\n' }).ended;
  expect([
    decoded.code,
    decoded.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ]).toEqual([1, [expect.objectContaining({ type: 'OFPT_HELLO' }), expect.objectContaining({ offset: 0 })]]);
});

test('serve tells where it listens, keeps what it was given, and ends on a signal', async () => {
  const args = ['--data', 'data', '--listen', '127.0.0.1:0', '--openflow', '127.0.0.1:0', '--ovsdb', '127.0.0.1:0', '--insecure-switches'];
  const first = await listening(args);
  expect(first.addresses).toEqual({
    event: 'listening',
    api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    openflow: expect.stringMatching(/^tcp:127\.0\.0\.1:[1-9]/),
    ovsdb: expect.stringMatching(/^tcp:/),
  });
  const client = { env: { WEIR_SERVER: first.addresses.api } };
  expect(await start(['apply', '-f', '-'], { ...client, input: 'kind: Tenant\nmetadata: { name: acme }\n' }).ended).toMatchObject({
    code: 0,
  });

  const second = await start(['serve', ...args]).ended;
  expect(second).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^error: /) });

  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(0);
  const again = await listening(args);
  const kept = await start(['get', 'tenant', 'acme', '-o', 'json'], { env: { WEIR_SERVER: again.addresses.api } }).ended;
  expect(JSON.parse(kept.out)).toMatchObject({ metadata: { name: 'acme' } });
});

test('a port in use ends it before anything is kept, and joined', async () => {
  const first = await listening(['--data', 'data', '--listen', '127.0.0.1:0']);
  const { host } = new URL(first.addresses.api);
  const second = await start(['serve', '--data', 'other', '--listen', host, '--join', first.addresses.api]).ended;
  expect(second).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^error: listen: .*EADDRINUSE.*\(cannot-listen\)/) });
  expect(readdirSync(directory)).not.toContain('other');
  const status = await start(['cluster', 'status', '--json'], { env: { WEIR_SERVER: first.addresses.api } }).ended;
  expect(JSON.parse(status.out).members).toHaveLength(1);
});

test('a port given twice ends it, also when its member had begun', async () => {
  const [own, port] = await freePorts(2);
  const address = `127.0.0.1:${own}`;
  const args = ['--data', 'data', '--listen', address, '--openflow', address, '--ovsdb', '127.0.0.1:0', '--insecure-switches'];
  const ended = await start(['serve', ...args, '--member-id', 'a', '--founders', `a=127.0.0.1:${port}`]).ended;
  expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringContaining(`EADDRINUSE: address already in use ${address}`) });
  expect(ended.err).toContain('this member leads');
});

test('a member without data begins no cluster that nobody asked for', async () => {
  const [port] = await freePorts(1);
  const member = ['--member-id', 'a', '--member-listen', `127.0.0.1:${port}`];
  const ended = await start(['serve', '--data', 'data', '--listen', '127.0.0.1:0', ...member]).ended;
  expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/there is no data in .*--founders a=127.*\(no-data\)/) });
});

test('serve refuses an open address without TLS and tokens', async () => {
  const ended = await start(['serve', '--data', 'data', '--listen', '0.0.0.0:0']).ended;
  expect(ended).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/TLS .* and bearer tokens/) });
});

test('without certificates for switches and without consent, nothing listens for them', async () => {
  const running = await listening(['--data', 'data', '--listen', '127.0.0.1:0']);
  expect(running.addresses).toMatchObject({ openflow: null, ovsdb: null });
  expect(running.err()).toContain('--insecure-switches');
});

test('over TLS with tokens, from certificates of our own', async () => {
  const nowMs = Date.now();
  const pki = join(directory, 'pki');
  await pkiInit({ dir: pki, name: 'test', days: 10 }, nowMs);
  const common = { dir: pki, days: 5 };
  await pkiIssue({ ...common, purpose: 'controller', name: 'weir-0', addresses: ['127.0.0.1'] }, nowMs);
  await pkiIssue({ ...common, purpose: 'client', name: 'alice', addresses: [] }, nowMs);
  const token = 'a-token-for-this-test';
  const tls = { cert: 'pki/weir-0.crt', key: 'pki/weir-0.key', ca: 'pki/ca.crt' };
  writeFileSync(
    join(directory, 'weir.json'),
    JSON.stringify({
      data: 'data',
      listen: '0.0.0.0:0',
      openflow: '127.0.0.1:0',
      ovsdb: '127.0.0.1:0',
      tls: { api: tls, switches: tls },
      tokens: [{ token, role: 'platform' }],
    }),
  );
  const running = await listening(['--config', 'weir.json']);
  expect(running.addresses).toMatchObject({
    api: expect.stringMatching(/^https:/),
    openflow: expect.stringMatching(/^ssl:/),
    ovsdb: expect.stringMatching(/^ssl:/),
  });
  const server = `https://127.0.0.1:${new URL(running.addresses.api).port}`;
  const env = { WEIR_SERVER: server, WEIR_TOKEN: token, WEIR_CA: 'pki/ca.crt', WEIR_CERT: 'pki/alice.crt', WEIR_KEY: 'pki/alice.key' };
  expect(await start(['status', '--json'], { env }).ended).toMatchObject({ code: 0 });
  expect(await start(['status'], { env: { ...env, WEIR_TOKEN: 'another-token-here' } }).ended).toMatchObject({
    code: 1,
    err: expect.stringContaining('unauthorized'),
  });
  const { WEIR_CERT: _cert, WEIR_KEY: _key, ...uncertified } = env;
  expect(await start(['status'], { env: uncertified }).ended).toMatchObject({ code: 1, err: expect.stringContaining('does not answer') });
  const { WEIR_CA: _ca, ...untrusting } = env;
  expect(await start(['status'], { env: untrusting }).ended).toMatchObject({
    code: 1,
    err: expect.stringMatching(/cannot be trusted: (self-signed|unable to).*Pass --ca FILE/),
  });
});
