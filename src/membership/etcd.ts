import type { ClusterStatus, Exchange, Members, Release, Store } from '../../cluster/index.ts';
import { WeirError } from '../base/errors.ts';

export interface EtcdMembership {
  readonly exchange: Pick<Exchange, 'id' | 'others'>;
  readonly store: Pick<Store, 'revision'>;
  readonly runs: Release;
}

/** Whoever is at the same etcd is a member for as long as it is there, and the data is etcd's: it has commands of its own for that. */
export function membersOnEtcd({ exchange, store, runs }: EtcdMembership): Members {
  const { id } = exchange;
  const refusing = (advice: string) => (): Promise<never> =>
    Promise.reject(new WeirError('kept-by-etcd', `documents are kept by etcd: ${advice}`));
  const present = (): readonly string[] => [id, ...exchange.others()].toSorted();
  const status = (): ClusterStatus => {
    const { revision } = store;
    return {
      cluster: 'etcd',
      from: id,
      leader: null,
      term: 0,
      commit: revision,
      applied: revision,
      revision,
      version: runs.version,
      members: present().map((member) => ({
        id: member,
        address: '',
        role: 'voter',
        leader: false,
        joined: true,
        reachable: true,
        match: null,
        runs: member === id ? runs : null,
      })),
    };
  };
  const membership = refusing('who is to be a member is started with the same `store`, and is none once it is stopped');
  return {
    id,
    cluster: 'etcd',
    leader: id,
    list: () => present().map((member) => ({ id: member, address: '' })),
    unreadyReason: () => undefined,
    isRemoved: false,
    view: () => undefined,
    status: async () => status(),
    add: membership,
    remove: membership,
    transfer: refusing('its members have no leader among them'),
    backup: refusing('take the backup there, with `etcdctl snapshot save FILE`'),
  };
}
