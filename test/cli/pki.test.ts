import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pkiInit, pkiIssue, type PkiFiles } from '../../src/cli/pki.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-pki-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const nowMs = Date.now();
const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8' });
const issue = (purpose: 'controller' | 'switch' | 'client', name: string, addresses: readonly string[] = []): Promise<PkiFiles> =>
  pkiIssue({ dir: directory, purpose, name, addresses, days: 30 }, nowMs);

test('openssl verifies what the authority signed, for its purpose', async () => {
  const authority = await pkiInit({ dir: directory, name: 'test authority', days: 365 }, nowMs);
  const controller = await issue('controller', 'weir-0', ['127.0.0.1', '::1', 'weir.example']);
  const host = await issue('switch', '5f1e7d3c-1111-4222-8333-444455556666');
  const client = await issue('client', 'alice@example');

  const verify = (purpose: string, files: PkiFiles): string =>
    openssl('verify', '-x509_strict', '-CAfile', authority.certificate, '-purpose', purpose, files.certificate);
  expect(verify('sslserver', controller)).toContain(': OK');
  expect(verify('sslclient', host)).toContain(': OK');
  expect(verify('sslclient', client)).toContain(': OK');
  expect(() => verify('sslserver', client)).toThrow(/unsuitable certificate purpose|unsupported certificate purpose/);

  const text = (files: PkiFiles): string => openssl('x509', '-in', files.certificate, '-noout', '-text', '-nameopt', 'RFC2253');
  expect(text(authority)).toMatch(/CA:TRUE, pathlen:0/);
  expect(text(controller)).toMatch(/CA:FALSE/);
  expect(text(controller)).toMatch(/IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1, DNS:weir\.example/);
  expect(text(host)).toMatch(/Subject: CN=5f1e7d3c-1111-4222-8333-444455556666/);
  expect(text(host)).toMatch(/prime256v1/);
});

test('files are for their owner only', async () => {
  const authority = await pkiInit({ dir: directory, name: 'test authority', days: 365 }, nowMs);
  for (const path of Object.values(authority)) expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('an authority is not replaced, and none is invented', async () => {
  await expect(issue('switch', 'host-1')).rejects.toMatchObject({ code: 'authority-missing' });
  await pkiInit({ dir: directory, name: 'first', days: 365 }, nowMs);
  await expect(pkiInit({ dir: directory, name: 'second', days: 365 }, nowMs)).rejects.toMatchObject({ code: 'authority-exists' });
  await expect(issue('switch', '../escape')).rejects.toMatchObject({ code: 'malformed' });
  await expect(issue('switch', 'Host_1')).rejects.toThrow('no DNS label');
  await expect(issue('controller', 'weir-0', ['not an address'])).rejects.toMatchObject({ code: 'malformed' });
});

test('a controller’s certificate gives way to a newer one of its own, not to a switch’s of its name', async () => {
  await pkiInit({ dir: directory, name: 'first', days: 365 }, nowMs);
  const { certificate } = await issue('controller', 'a', ['127.0.0.1']);
  const before = readFileSync(certificate, 'utf8');
  await expect(issue('switch', 'a')).rejects.toMatchObject({ code: 'certificate-exists' });
  expect(readFileSync(certificate, 'utf8')).toBe(before);
  await issue('controller', 'a', ['127.0.0.1']);
  expect(readFileSync(certificate, 'utf8')).not.toBe(before);
  await issue('switch', 'h1');
  await expect(issue('controller', 'h1', ['127.0.0.1'])).rejects.toMatchObject({ code: 'certificate-exists' });
});

test('a certificate ends no later than its authority', async () => {
  const authority = await pkiInit({ dir: directory, name: 'short', days: 2 }, nowMs);
  const leaf = await issue('client', 'bob');
  const end = (files: PkiFiles): string => openssl('x509', '-in', files.certificate, '-noout', '-enddate');
  expect(end(leaf)).toBe(end(authority));
});

test('switch and controller prove who they are to each other', async () => {
  const authority = await pkiInit({ dir: directory, name: 'test authority', days: 365 }, nowMs);
  const ca = readFileSync(authority.certificate);
  const read = (files: PkiFiles) => ({ cert: readFileSync(files.certificate), key: readFileSync(files.key), ca });
  const server = createServer({ ...read(await issue('controller', 'weir-0', ['127.0.0.1'])), requestCert: true, rejectUnauthorized: true });
  const names: unknown[] = [];
  server.on('secureConnection', (socket: TLSSocket) => {
    names.push(socket.getPeerCertificate().subject.CN);
    socket.end('welcome');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const talk = (options: object): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ...options });
      socket.on('data', (data) => resolve(String(data)));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed')));
    });
  try {
    await expect(talk(read(await issue('switch', 'host-1')))).resolves.toBe('welcome');
    expect(names).toEqual(['host-1']);
    await expect(talk({ ca })).rejects.toThrow(/certificate required|closed/);
    expect(names).toHaveLength(1);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
