import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { presentSpec } from '../../policies/model/index.ts';
import type { Document } from '../../policies/model/kinds.ts';
import { WeirCluster } from '../../test/support/weir-cluster.ts';
import type { WeirProcess } from '../../test/support/weir-process.ts';
import { referenceCloud } from '../workloads/reference-cloud.ts';

const kinds = ['Host', 'Tenant', 'Network', 'Router', 'Service', 'Group', 'Policy', 'QosPolicy', 'Vm'] as const;
const batch = 500;

/** The reference cloud as documents that a client sends. */
export function documentsOf(scale: number): readonly Document[] {
  const { documents } = referenceCloud({ seed: 1, scale, placement: 'packed' });
  return kinds.flatMap((kind) => [...documents.list(kind)].map(({ document }) => document));
}

export function sent(document: Document): object {
  const { name, tenant, labels } = document.metadata;
  return { kind: document.kind, metadata: { name, tenant, labels }, spec: presentSpec(document) };
}

export async function load(member: WeirProcess, documents: readonly Document[]): Promise<void> {
  const all = documents.map(sent);
  for (let at = 0; at < all.length; at += batch) await member.must('POST', '/v1/apply', all.slice(at, at + batch));
}

/** Controllers as processes of their own, gone afterwards with all that they kept. */
export async function inCluster(
  ids: readonly string[],
  name: string,
  work: (cluster: WeirCluster, directory: string) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), `weir-bench-${name}-`));
  const cluster = await WeirCluster.found(directory, ids);
  process.once('exit', () => {
    for (const member of cluster.members.values()) void member.end('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  try {
    await work(cluster, directory);
  } finally {
    await cluster.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** `more`: of each, for its command line. */
export async function begin(cluster: WeirCluster, more: (id: string) => readonly string[] = () => []): Promise<readonly WeirProcess[]> {
  const members = [...cluster.members.values()];
  await Promise.all(members.map((member) => member.start(['--log-level', 'warn', ...more(member.id)])));
  return members;
}
