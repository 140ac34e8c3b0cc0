import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { pkiInit, pkiIssue } from '../../../src/cli/pki.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { RunningEtcd } from '../../support/running-etcd.ts';
import { membersOn } from './stores.ts';

async function authority() {
  const dir = mkdtempSync(join(tmpdir(), 'weir-etcd-pki-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const ca = await pkiInit({ dir, name: 'test', days: 2 }, Date.now());
  const issue = (purpose: 'controller' | 'client', name: string) =>
    pkiIssue({ dir, purpose, name, addresses: purpose === 'controller' ? ['127.0.0.1'] : [], days: 1 }, Date.now());
  return { ca: ca.certificate, server: await issue('controller', 'etcd'), client: await issue('client', 'weir') };
}

const text = (path: string): string => readFileSync(path, 'utf8');

test('over TLS, from clients with certificates only', async () => {
  const { ca, server, client } = await authority();
  const etcd = await RunningEtcd.start({ tls: { ca, cert: server.certificate, key: server.key } });
  onTestFinished(() => etcd.stop());
  const member = await membersOn(etcd, '/weir');
  const own = { cert: text(client.certificate), key: text(client.key) };
  const store = await member({ etcd: { tls: { ca: text(ca), client: own } } });
  expect(await store.transact(writing(put('k', '1')))).toEqual({ committed: true, revision: 1 });
  const stranger = await authority();
  const strange = [
    { ca: text(ca), client: undefined },
    { ca: text(stranger.ca), client: own },
    { ca: text(ca), client: { cert: text(stranger.client.certificate), key: text(stranger.client.key) } },
    undefined,
  ];
  for (const under of await Promise.allSettled(strange.map((tls) => member({ etcd: { tls }, patienceMs: 2_000 })))) {
    expect(under).toMatchObject({ status: 'rejected', reason: { code: 'no-leader' } });
  }
});

test('with a user that may touch the prefix only, also when its token has run out', async () => {
  const etcd = await RunningEtcd.start({ flags: ['--auth-token-ttl', '1'] });
  onTestFinished(() => etcd.stop());
  await etcd.ctl('user', 'add', 'root:secret');
  await etcd.ctl('user', 'grant-role', 'root', 'root');
  await etcd.ctl('role', 'add', 'weir');
  await etcd.ctl('role', 'grant-permission', 'weir', '--prefix=true', 'readwrite', '/weir/');
  await etcd.ctl('user', 'add', 'weir:mine');
  await etcd.ctl('user', 'grant-role', 'weir', 'weir');
  await etcd.ctl('auth', 'enable');
  const member = await membersOn(etcd, '/weir');
  const user = { name: 'weir', password: 'mine' };
  const store = await member({ etcd: { user } });
  const other = await member({ etcd: { user } });
  for (let round = 1; round <= 4; round++) {
    expect(await store.transact(writing(put('k', String(round)), put('large', 'v'.repeat(600_000))))).toEqual({
      committed: true,
      revision: round,
    });
    expect((await other.get('k'))?.value).toBe(String(round));
    await pause(1_100);
  }
  await expect(member({ etcd: { user: { name: 'weir', password: 'wrong' } } })).rejects.toMatchObject({ code: 'store-failed' });
  await expect(member({ etcd: { user: undefined } })).rejects.toMatchObject({ code: 'store-failed' });
  await expect(member({ etcd: { user, prefix: '/elsewhere' } })).rejects.toMatchObject({
    code: 'store-failed',
    message: expect.stringContaining('permission denied'),
  });
});
