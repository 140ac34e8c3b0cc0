import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { referenceCloud } from '../../bench/workloads/reference-cloud.ts';
import { presentSpec } from '../../policies/model/index.ts';
import { WeirCluster } from '../support/weir-cluster.ts';
import { until } from '../support/weir-client.ts';
import type { WeirProcess } from '../support/weir-process.ts';

/** A tenth of the reference cloud on three members that share a machine: while everything is compiled, nobody takes the leader for dead. */

const directory = mkdtempSync(join(tmpdir(), 'weir-consensus-'));
const ids = ['a', 'b', 'c'];
const kinds = ['Host', 'Tenant', 'Network', 'Router', 'Service', 'Group', 'Policy', 'QosPolicy', 'Vm'] as const;
const batch = 100;

let cluster: WeirCluster;
let members: readonly WeirProcess[];

beforeAll(async () => {
  cluster = await WeirCluster.found(directory, ids);
  members = [...cluster.members.values()];
  await Promise.all(members.map((member) => member.start()));
  const cloud = referenceCloud({ seed: 1, scale: 0.1, placement: 'packed' });
  const documents = kinds.flatMap((kind) =>
    [...cloud.documents.list(kind)].map(({ document }) => {
      const { name, tenant, labels } = document.metadata;
      return { kind, metadata: { name, tenant, labels }, spec: presentSpec(document) };
    }),
  );
  for (let at = 0; at < documents.length; at += batch) await applied(documents.slice(at, at + batch));
});

afterAll(async () => {
  await cluster.close();
  rmSync(directory, { recursive: true, force: true });
});

const first = (): WeirProcess => {
  const [member] = members;
  if (!member) throw new Error('there is no member');
  return member;
};

/** Of each member, once all that is stored is compiled there: what is asked now is answered after that. */
async function terms(): Promise<readonly number[]> {
  await Promise.all(members.map((member) => member.must('GET', '/v1/status')));
  return Promise.all(members.map((member) => member.metric('weir_cluster_term')));
}

/** The same everywhere: no election is under way. */
const agreedTerms = (): Promise<readonly number[]> =>
  until(async () => {
    const found = await terms();
    return new Set(found).size === 1 ? found : undefined;
  });

const busyMsMax = 200_000;

/** Where a machine is so busy that there is no leader for a moment, it is asked again. */
async function applied(documents: readonly object[]): Promise<void> {
  let said = '';
  const isApplied = async (): Promise<boolean> => {
    const { status, body } = await first().call('POST', '/v1/apply', documents);
    said = `${status} ${JSON.stringify(body)}`;
    return status < 300;
  };
  await until(isApplied, busyMsMax).catch((error: unknown) => Promise.reject(new Error(`the last answer: ${said}`, { cause: error })));
}

async function followers(): Promise<readonly WeirProcess[]> {
  const leads = await until(async () => {
    const found = await Promise.all(members.map((member) => member.metric('weir_cluster_leader')));
    return found.includes(1) ? found : undefined;
  });
  return members.filter((_, at) => leads[at] !== 1);
}

test('a follower that starts cold compiles everything, and no election comes of it', async () => {
  const before = await agreedTerms();
  const [follower] = await followers();
  await follower?.end('SIGTERM');
  await follower?.start();
  expect(await follower?.metric('weir_store_revision')).toBeGreaterThan(0);
  expect(await terms()).toEqual(before);
});

test('a change that concerns all hosts is compiled everywhere, and no election comes of it', async () => {
  const before = await agreedTerms();
  const ingress = [{ action: 'deny', services: [{ protocol: 'tcp', port: 23 }] }];
  await first().must('PUT', '/v1/policies/no-telnet', { spec: { tier: 'platform', order: 10, ingress } });
  expect(await terms()).toEqual(before);
});

test('all of them start cold: once there is a leader, it stays', async () => {
  for (const member of members) await member.end('SIGTERM');
  await Promise.all(members.map((member) => member.start()));
  await followers();
  const before = await agreedTerms();
  expect(await terms()).toEqual(before);
});
