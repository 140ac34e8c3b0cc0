import type { Exchange } from '../ownership/exchange.ts';
import type { Presence } from '../ownership/presence.ts';
import type { MemberId } from '../raft/types.ts';
import type { Store } from '../store/port.ts';
import { MailExchange } from './exchange.ts';
import { EtcdLayout } from './layout.ts';
import { EtcdLink } from './link.ts';
import type { EtcdStoreOptions } from './etcd-store.ts';
import { openEtcdStore } from './opening.ts';
import { LeasePresence } from './presence.ts';

export interface EtcdMemberOptions extends EtcdStoreOptions {
  /** No two members have the same. */
  readonly id: MemberId;
}

/** A member whose cluster is kept by an etcd: what it shares with the others. */
export interface EtcdMember {
  readonly store: Store;
  readonly exchange: Exchange;
  /** Call it once. `counted`: who is in the committed epoch. */
  presence(counted: () => ReadonlySet<MemberId>): Presence;
  close(): Promise<void>;
}

/** Rejects as `openEtcdStore` does. */
export async function openEtcdMember(options: EtcdMemberOptions): Promise<EtcdMember> {
  const { id, etcd, clock } = options;
  const store = await openEtcdStore(options);
  const link = new EtcdLink(etcd, clock);
  let presence: LeasePresence | undefined;
  const others = (): MemberId[] => [...(presence?.present() ?? [])].filter((member) => member !== id);
  const exchange = new MailExchange({ id, link, layout: new EtcdLayout(etcd.prefix), others });
  return {
    store,
    exchange,
    presence: (counted) => {
      presence = new LeasePresence({ etcd, id, clock, counted });
      return presence;
    },
    close: async () => {
      exchange.close();
      await store.close();
      link.close();
    },
  };
}
