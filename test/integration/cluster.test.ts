import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClusterStatus } from '../../cluster/index.ts';
import { type MemberProcess, WeirCluster } from '../support/weir-cluster.ts';

/** The procedures of docs/operations.md, in their order, on real processes: what one test leaves, the next one finds. */

const directory = mkdtempSync(join(tmpdir(), 'weir-cluster-'));
let cluster: WeirCluster;
const founders = ['a', 'b', 'c'];

beforeAll(async () => {
  cluster = await WeirCluster.make(directory);
});

afterAll(async () => {
  await cluster.close();
  rmSync(directory, { recursive: true, force: true });
});

const status = (at: MemberProcess): Promise<ClusterStatus> => cluster.command<ClusterStatus>(at, 'cluster', 'status');

const putTenant = (at: MemberProcess, name: string) => at.call('PUT', `/v1/tenants/${name}`, { spec: { posture: 'zero-trust' } });

async function tenants(at: MemberProcess): Promise<string[]> {
  const { items } = await at.must<{ items: readonly { metadata: { name: string } }[] }>('GET', '/v1/tenants');
  return items.map(({ metadata }) => metadata.name).toSorted();
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds().catch(() => false))) await pause(50);
}

/** Everybody has it, in what it serves from memory. */
async function seenByAll(ids: readonly string[], expected: readonly string[]): Promise<void> {
  for (const id of ids) await expect.poll(() => tenants(cluster.get(id))).toEqual([...expected].toSorted());
}

const votersAre = async (at: MemberProcess, ids: readonly string[]): Promise<void> =>
  expect
    .poll(async () => (await status(at)).members.filter(({ role }) => role === 'voter').map(({ id }) => id))
    .toEqual([...ids].toSorted());

test('three begin together; each takes writes, and all see them', async () => {
  await cluster.reserve(...founders);
  for (const id of founders) await cluster.prepare(id, founders);
  await Promise.all(founders.map((id) => cluster.get(id).start()));
  for (const id of founders) expect((await putTenant(cluster.get(id), `from-${id}`)).status).toBe(201);
  await seenByAll(founders, ['from-a', 'from-b', 'from-c']);
  const { members, leader } = await status(cluster.get('b'));
  expect(members.map(({ id, role, reachable }) => ({ id, role, reachable }))).toEqual(
    founders.map((id) => ({ id, role: 'voter', reachable: true })),
  );
  const shown = await cluster.text(cluster.get('c'), 'status');
  expect(shown).toContain(`leader ${leader}`);
  expect(shown).toContain(cluster.address('a'));
  // A write is waited for at whoever does not lead, too.
  const follower = cluster.get(founders.find((id) => id !== leader) ?? '');
  const waited = await follower.call('PUT', '/v1/tenants/waited?wait=realized', { spec: {} });
  expect(waited.status).toBe(201);
});

test('the leader is killed; the others go on, and it comes back', async () => {
  const { leader } = await status(cluster.get('a'));
  const others = founders.filter((id) => id !== leader);
  await cluster.get(leader ?? '').end('SIGKILL');
  const [at] = others.map((id) => cluster.get(id));
  if (at === undefined) throw new Error('two are left');
  const answer = await putTenant(at, 'after-kill');
  // Whoever asks in the moment of the death may be told to look: it is there, or is put again.
  if (answer.status !== 201) await eventually(async () => (await putTenant(at, 'after-kill')).status < 300);
  const expected = ['from-a', 'from-b', 'from-c', 'waited', 'after-kill'];
  await seenByAll(others, expected);
  expect((await status(at)).leader).not.toBe(leader);
  await cluster.get(leader ?? '').start();
  await seenByAll(founders, expected);
});

test('leadership is handed over; a fourth joins; one is removed', async () => {
  const a = cluster.get('a');
  const { leader } = await status(a);
  const next = founders.find((id) => id !== leader) ?? '';
  expect((await cluster.command<ClusterStatus>(a, 'cluster', 'transfer', next)).leader).toBe(next);
  await cluster.reserve('d');
  const d = await cluster.prepare('d');
  await d.start(['--join', a.url, '--join-token', cluster.joinToken]);
  await votersAre(a, ['a', 'b', 'c', 'd']);
  expect((await putTenant(d, 'from-d')).status).toBe(201);
  const { members } = await cluster.command<ClusterStatus>(d, 'cluster', 'remove', 'b');
  expect(members.map(({ id }) => id)).toEqual(['a', 'c', 'd']);
  await cluster.get('b').end('SIGTERM');
  await seenByAll(['a', 'c', 'd'], ['from-a', 'from-b', 'from-c', 'waited', 'after-kill', 'from-d']);
  await expect(cluster.text(a, 'cluster', 'remove', 'nobody')).rejects.toMatchObject({ stderr: expect.stringContaining('no member') });
  await expect(cluster.text(a, 'cluster', 'add', 'b', '--address', '127.0.0.1:1')).rejects.toMatchObject({
    stderr: expect.stringContaining('a new member needs a new name'),
  });
});

test('a member whose data is damaged is replaced', async () => {
  const d = cluster.get('d');
  await d.end('SIGKILL');
  writeFileSync(join(cluster.data('d'), 'store', 'identity'), 'damaged');
  await expect(d.start()).rejects.toThrow(/checksum/);
  const a = cluster.get('a');
  await expect(cluster.text(a, 'cluster', 'rejoin', '--data', cluster.data('d'))).rejects.toMatchObject({
    stderr: expect.stringContaining('--member'),
  });
  await expect(cluster.text(a, 'cluster', 'rejoin', '--data', cluster.data('c'))).rejects.toMatchObject({
    stderr: expect.stringContaining('in use by another process'),
  });
  expect((await status(a)).members.map(({ id }) => id)).toEqual(['a', 'c', 'd']);
  const said = await cluster.text(a, 'cluster', 'rejoin', '--data', cluster.data('d'), '--member', 'd');
  expect(said).toContain('store-aside-1');
  await cluster.reserve('e');
  const e = await cluster.prepare('e', [], cluster.data('d'));
  await e.start(['--join', a.url, '--join-token', cluster.joinToken]);
  await votersAre(a, ['a', 'c', 'e']);
  expect(await tenants(e)).toContain('from-d');
});

test('a backup of the running cluster becomes another cluster elsewhere', async () => {
  const a = cluster.get('a');
  const file = join(directory, 'weir.backup');
  const { revision, cluster: of } = await cluster.command<{ revision: number; cluster: string }>(cluster.get('c'), 'backup', file);
  expect((await putTenant(a, 'too-late')).status).toBe(201);
  await expect(cluster.text(a, 'restore', file, '--data', cluster.data('a'))).rejects.toMatchObject({
    stderr: expect.stringContaining('has data'),
  });
  await cluster.reserve('r');
  const restored = await cluster.command<{ into: { cluster: string } }>(
    a,
    'restore',
    file,
    '--data',
    cluster.data('r'),
    '--member-id',
    'r',
  );
  expect(restored.into.cluster).not.toBe(of);
  const r = await cluster.prepare('r');
  await r.start();
  const expected = ['from-a', 'from-b', 'from-c', 'waited', 'after-kill', 'from-d'];
  expect(await tenants(r)).toEqual(expected.toSorted());
  expect((await status(r)).members.map(({ id }) => id)).toEqual(['r']);
  expect((await putTenant(r, 'later')).status).toBe(201);
  expect((await status(r)).revision).toBeGreaterThan(revision);
  expect(await tenants(a)).not.toContain('later');
});
