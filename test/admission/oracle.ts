import type { Document, Scoped } from '../../policies/model/index.ts';
import { resolveName } from '../../policies/model/index.ts';
import type { Snapshot } from '../../src/admission/index.ts';

type Policy = Extract<Document, { kind: 'Policy' }>;

/** The groups that a policy's rules name. */
export function groupsOf(policy: Policy): readonly Scoped[] {
  const owner = policy.metadata.tenant;
  const peers = [...policy.spec.ingress, ...policy.spec.egress].flatMap((rule) => rule.peers ?? []);
  return [
    ...(policy.spec.appliesTo ?? []).map((name) => resolveName(owner, name)),
    ...peers.flatMap((peer) =>
      peer.kind !== 'group'
        ? []
        : peer.tenant === undefined
          ? [resolveName(owner, peer.group)]
          : [{ tenant: peer.tenant, name: peer.group }],
    ),
  ];
}

/** The tenants to whose interfaces a policy may apply. */
export function concernedTenants(snapshot: Snapshot, policy: Policy): readonly string[] {
  if (policy.metadata.tenant !== undefined) return [policy.metadata.tenant];
  const all = [...snapshot.list('Tenant')].map(({ document }) => document.metadata.name);
  if (policy.spec.appliesTo === undefined) return all;
  const reaches = policy.spec.appliesTo.map((name) => snapshot.get('Group', undefined, name)?.document.spec.tenants ?? 'all');
  return all.filter((tenant) => reaches.some((reach) => reach === 'all' || reach.includes(tenant)));
}
