import { mkdir } from 'node:fs/promises';
import type { MemberId } from '../raft/types.ts';
import { reasonOf, WeirError } from '../../src/base/errors.ts';
import { type MemberStore, openStore, type StoreOptions } from '../store/opening.ts';
import { assertReadable, assertWithin, directoryVersion, type Release, writeDirectoryVersion } from '../version/index.ts';
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
  /** What this member runs. */
  readonly runs: Release;
  /** Asked only when the directory was never used. */
  readonly origin: () => Promise<Origin>;
  readonly onEvent: (event: TransportEvent) => void;
  /** Another leads, or nobody that this member knows of. */
  readonly onLeader?: (leader: MemberId | undefined, term: number) => void;
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
 * Rejects as `openStore` does, with `other-member` when the directory is another member's, and with `release-too-old` or `release-too-new` when this release cannot
 * read what is there.
 */
export async function openMember(options: MemberOpening): Promise<OpenMember> {
  const { directory, id, listen, clock, runs } = options;
  await assertReadable(directory, runs);
  const identity = await identify(options);
  if (id !== undefined && id !== identity.member) {
    throw new WeirError('other-member', `${directory} is the data of member ${identity.member}, and this one is to be ${id}`);
  }
  const initial = new Map(Object.entries(identity.places));
  const roster = new Roster(await directoryVersion(directory));
  const marker = new Marker(directory, roster.version, (reason) => options.onProblem?.(new WeirError('store-failed', reason)));
  let transport: SocketTransport | undefined;
  let refusedBy: WeirError | undefined;
  const onEvent = (event: TransportEvent): void => {
    if (event.kind === 'peer-down' && event.code.startsWith('release-'))
      refusedBy ??= new WeirError(event.code, `${event.member} ${event.reason}`);
    options.onEvent(event);
  };
  let members: ClusterMembers | undefined;
  const place = (): void => {
    if (members !== undefined) transport?.setPeers(members.peers());
    marker.set(roster.version);
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
            { id: member, cluster, instance, runs, ...listen, peers: initial, refusalOf, onEvent, onRemoved },
            handlers,
          );
          return transport;
        }),
      onMembership: place,
      onLeader: (leader, term) => options.onLeader?.(leader, term),
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
    runs,
    refusedBy: () => refusedBy,
    onWaiting: options.onWaiting,
    onRemoved: () => options.onRemoved?.(),
  });
  await roster.follow(store, () => {
    place();
    if (roster.isRemoved(identity.member)) members.removed();
  });
  const close = async (): Promise<void> => {
    members?.close();
    roster.close();
    await store.close();
    await marker.settled;
  };
  try {
    assertWithin(roster.version, runs, directory);
  } catch (error) {
    await close();
    throw error;
  }
  return { store, members, ready: () => members.ready(), renew: (tls) => transport?.renew(tls), close };
}

/** Keeps the directory's version in step with the active one. */
class Marker {
  readonly #directory: string;
  readonly #onProblem: (reason: string) => void;
  #written: number;
  settled: Promise<void> = Promise.resolve();

  constructor(directory: string, written: number, onProblem: (reason: string) => void) {
    this.#directory = directory;
    this.#written = written;
    this.#onProblem = onProblem;
  }

  set(version: number): void {
    if (version === this.#written) return;
    const before = this.#written;
    this.#written = version;
    this.settled = this.settled
      .then(() => writeDirectoryVersion(this.#directory, version))
      .catch((error: unknown) => {
        // With the next word of the members it is tried again.
        this.#written = before;
        this.#onProblem(`the version of ${this.#directory} cannot be written: ${reasonOf(error)}`);
      });
  }
}

async function identify({ directory, id, origin, runs }: MemberOpening): Promise<Identity> {
  const found = await readIdentity(directory);
  if (found !== undefined) return found;
  const identity = newIdentity(id, await origin());
  await mkdir(directory, { recursive: true });
  await writeDirectoryVersion(directory, runs.versionMin);
  await writeIdentity(directory, identity);
  return identity;
}
