import type { EtcdMember, EtcdMemberOptions } from './member.ts';

export type { EtcdMember } from './member.ts';

/** Rejects with `no-leader` when etcd cannot be reached, with `store-failed` when it refuses, and with `store-locked`. What speaks with etcd is loaded by it alone. */
export async function openEtcdMember(options: EtcdMemberOptions): Promise<EtcdMember> {
  const member = await import('./member.ts');
  return member.openEtcdMember(options);
}
