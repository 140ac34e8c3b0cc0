import type { MemberId } from '../raft/types.ts';
import { WeirError } from '../../src/base/errors.ts';
import { type MemberStore, openStore, type StoreOptions } from '../store/opening.ts';
import { type MemberTls, openSocketTransport, type SocketTransport, type TransportEvent } from '../transport/sockets.ts';
import { ClusterMembers } from './cluster-members.ts';
import { type Identity, newIdentity, type Origin, readIdentity, writeIdentity } from './identity.ts';
import type { Members } from './port.ts';
import { Roster } from './roster.ts';

export interface MemberOpening extends Omit<StoreOptions, 'member'> {
  /** Undefined: as the directory says, or a random one. */
  readonly id: MemberId | undefined;
  /** Where this member listens for others; undefined: nowhere, so that it stays alone. */
  readonly listen: MemberListening | undefined;
  /** Asked only when the directory was never used. */
  readonly origin: () => Promise<Origin>;
  readonly onEvent: (event: TransportEvent) => void;
  readonly onWaiting: (reason: string) => void;
  /** Once: this member was removed, and serves no more. */
  readonly onRemoved?: () => void;
}

export interface MemberListening {
  readonly host: string;
  readonly port: number;
  /** Where the others find it. */
  readonly advertise: string;
  readonly tls: MemberTls | undefined;
}

export interface OpenMember {
  readonly store: MemberStore;
  readonly members: Members;
  /** Settles when there is a leader, and this member has everything that was committed before the call. */
  ready(): Promise<void>;
  /** Certificates for connections to come. */
  renew(tls: MemberTls): void;
  close(): Promise<void>;
}

/**
 * One member with its data: a lone one, one of several founders, or one that joins. Who it is, the directory says for ever, from the first time on.
 * Rejects as `openStore` does, and with `other-member` when the directory is another member's.
 */
export async function openMember(options: MemberOpening): Promise<OpenMember> {
  const { directory, id, listen, clock, onEvent } = options;
  const identity = await identify(options);
  if (id !== undefined && id !== identity.member) {
    throw new WeirError('other-member', `${directory} is the data of member ${identity.member}, and this one is to be ${id}`);
  }
  const initial = new Map(Object.entries(identity.places));
  const roster = new Roster();
  let transport: SocketTransport | undefined;
  let members: ClusterMembers | undefined;
  const place = (): void => {
    if (members !== undefined) transport?.setPeers(members.peers());
  };
  const store = await openStore({
    ...options,
    member: {
      id: identity.member,
      founders: identity.voters,
      transport:
        listen &&
        (async (handlers) => {
          const { member, cluster, instance } = identity;
          const refusalOf = roster.refusalOf.bind(roster);
          const onRemoved = (): void => members?.removed();
          transport = await openSocketTransport(
            { id: member, cluster, instance, ...listen, peers: initial, refusalOf, onEvent, onRemoved },
            handlers,
          );
          return transport;
        }),
      onMembership: place,
      onRequest: (_from, request) => {
        if (members === undefined) throw new WeirError('not-leader', 'this member is being opened');
        return members.answer(request);
      },
    },
  });
  members = new ClusterMembers({
    identity,
    store,
    roster,
    clock,
    transport,
    address: listen?.advertise ?? '',
    initial,
    onWaiting: options.onWaiting,
    onRemoved: () => options.onRemoved?.(),
  });
  await roster.follow(store, () => {
    place();
    if (roster.isRemoved(identity.member)) members.removed();
  });
  return {
    store,
    members,
    ready: () => members.ready(),
    renew: (tls) => transport?.renew(tls),
    close: async () => {
      members.close();
      roster.close();
      await store.close();
    },
  };
}

async function identify({ directory, id, origin }: MemberOpening): Promise<Identity> {
  const found = await readIdentity(directory);
  if (found !== undefined) return found;
  const identity = newIdentity(id, await origin());
  await writeIdentity(directory, identity);
  return identity;
}
