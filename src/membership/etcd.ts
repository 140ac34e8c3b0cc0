import type { Members } from '../../cluster/index.ts';
import { WeirError } from '../base/errors.ts';

/** Whoever uses the same etcd is a member, and the data is etcd's: it has commands of its own for both. */
export function membersOnEtcd(id: string): Members {
  const refuse = (): Promise<never> =>
    Promise.reject(new WeirError('kept-by-etcd', 'documents are kept by etcd: use its own commands for members and backups'));
  return {
    id,
    cluster: 'etcd',
    leader: id,
    list: () => [{ id, address: '' }],
    unreadyReason: () => undefined,
    isRemoved: false,
    view: () => undefined,
    status: refuse,
    add: refuse,
    remove: refuse,
    transfer: refuse,
    backup: refuse,
  };
}
