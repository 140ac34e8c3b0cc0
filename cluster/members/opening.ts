import { mkdir } from 'node:fs/promises';
import type { MemberId } from '../raft/types.ts';
import { reasonOf, WeirError } from '../../src/base/errors.ts';
import type { MemberStore, StoreOptions } from '../store/member-store.ts';
import { openStore } from '../store/opening.ts';
import { assertReadable, assertWithin, directoryVersion, type Release, writeDirectoryVersion } from '../version/index.ts';
import { type MemberTls, openSocketTransport, type SocketTransport, type TransportEvent } from '../transport/sockets.ts';
import { ChosenName } from './chosen-name.ts';
import { ClusterMembers } from './cluster-members.ts';
import { foundersOf, type Identity, type MemberName, nameOf, newIdentity, type Origin, readIdentity, writeIdentity } from './identity.ts';
import { type MemberListening, type Placed, placedAt } from './place.ts';
import type { Members } from './port.ts';
import { Roster } from './roster.ts';

export interface MemberOpening extends Omit<StoreOptions, 'member'> {
  /** Undefined: as the directory says, or a random one. */
  readonly id: MemberId | undefined;
  /** Where this member listens for others; undefined: nowhere, so that it stays alone. */
  readonly listen: MemberListening | undefined;
  /** What this member runs. */
  readonly runs: Release;
  /** Asked only when the directory was never used. `keep`: others are about to learn of the name, which is to be the same when this is asked again. */
  readonly origin: (named: MemberName, keep: () => Promise<void>) => Promise<Origin>;
  readonly onEvent: (event: TransportEvent) => void;
  /** Another leads, or nobody that this member knows of. */
  readonly onLeader?: (leader: MemberId | undefined, term: number, id: MemberId) => void;
  readonly onWaiting: (reason: string) => void;
  /** Once: this member was removed, and serves no more. */
  readonly onRemoved?: () => void;
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
  const { directory, clock, runs } = options;
  await assertReadable(directory, runs);
  const { identity, listen } = await identify(options);
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
            {
              id: member,
              cluster,
              instance,
              founders: foundersOf(identity),
              runs,
              ...listen,
              peers: initial,
              refusalOf,
              onEvent,
              onRemoved,
            },
            handlers,
          );
          return transport;
        }),
      onMembership: place,
      onLeader: (leader, term) => options.onLeader?.(leader, term, identity.member),
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
  const changed = (): void => {
    place();
    if (roster.isRemoved(identity.member)) members.removed();
  };
  await roster.follow(store, changed, (error) => options.onProblem?.(error));
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

interface Identified {
  readonly identity: Identity;
  readonly listen: Placed | undefined;
}

async function identify({ directory, id, listen, origin, runs }: MemberOpening): Promise<Identified> {
  const found = await readIdentity(directory);
  if (found !== undefined && id !== undefined && id !== found.member)
    throw new WeirError('other-member', `${directory} is the data of member ${found.member}, and this one is to be ${id}`);
  const chosen = new ChosenName(directory);
  const before = found === undefined && id === undefined ? await chosen.read() : undefined;
  const placed = listen && (await placedAt(listen, found?.places[found.member] ?? before?.address));
  if (found !== undefined) return { identity: await remember(directory, found, placed), listen: placed };
  const named = { id: nameOf(id ?? before?.id), address: placed?.advertise ?? '' };
  const begun = newIdentity(named.id, await originOf(named, chosen, origin));
  await mkdir(directory, { recursive: true });
  await writeDirectoryVersion(directory, runs.versionMin);
  const identity = { ...begun, places: { ...begun.places, ...placeOf(named.id, placed) } };
  await writeIdentity(directory, identity);
  await chosen.forget();
  return { identity, listen: placed };
}

/** A name that cannot be had any more is not asked for again: it was removed meanwhile, or has another address. */
async function originOf(named: MemberName, chosen: ChosenName, origin: MemberOpening['origin']): Promise<Origin> {
  try {
    return await origin(named, () => chosen.write(named));
  } catch (error) {
    if (error instanceof WeirError && (error.code === 'member-removed' || error.code === 'member-exists')) await chosen.forget();
    throw error;
  }
}

/** Where it listens was not written down: by an earlier release, or as it listened nowhere. */
async function remember(directory: string, found: Identity, placed: Placed | undefined): Promise<Identity> {
  if (placed === undefined || found.places[found.member] !== undefined) return found;
  const identity = { ...found, places: { ...found.places, ...placeOf(found.member, placed) } };
  await writeIdentity(directory, identity);
  return identity;
}

const placeOf = (id: MemberId, placed: Placed | undefined): Record<MemberId, string> => (placed ? { [id]: placed.advertise } : {});
