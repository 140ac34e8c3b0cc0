import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClusterStatus } from '../../cluster/index.ts';
import { WeirCluster } from '../support/weir-cluster.ts';
import type { WeirProcess } from '../support/weir-process.ts';

/** Three members as real processes: what one test leaves, the next one finds. The procedures of docs/operations.md are in operations.test.ts. */

const directory = mkdtempSync(join(tmpdir(), 'weir-cluster-'));
let cluster: WeirCluster;
const founders = ['a', 'b', 'c'];

beforeAll(async () => {
  cluster = await WeirCluster.found(directory, founders);
});

afterAll(async () => {
  await cluster.close();
  rmSync(directory, { recursive: true, force: true });
});

const status = async (at: WeirProcess): Promise<ClusterStatus> =>
  JSON.parse(await cluster.text(at, 'cluster', 'status', '--json')) as ClusterStatus;

const putTenant = (at: WeirProcess, name: string) => at.call('PUT', `/v1/tenants/${name}`, { spec: { posture: 'zero-trust' } });

async function tenants(at: WeirProcess): Promise<string[]> {
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

test('three begin together; each takes writes, and all see them', async () => {
  await Promise.all(founders.map((id) => cluster.get(id).start()));
  for (const id of founders) expect((await putTenant(cluster.get(id), `from-${id}`)).status).toBe(201);
  await seenByAll(founders, ['from-a', 'from-b', 'from-c']);
  const { members, leader } = await status(cluster.get('b'));
  expect(members.map(({ id, role, reachable }) => ({ id, role, reachable }))).toEqual(
    founders.map((id) => ({ id, role: 'voter', reachable: true })),
  );
  const shown = await cluster.text(cluster.get('c'), 'status');
  expect(shown).toContain(`leader ${leader}`);
  expect(shown).toContain(members[0]?.address);
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
