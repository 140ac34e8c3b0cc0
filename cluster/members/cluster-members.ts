import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import { reasonOf, WeirError } from '../../src/base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import type { MemberStore } from '../store/member-store.ts';
import type { SocketTransport } from '../transport/sockets.ts';
import type { Release } from '../version/index.ts';
import { encodeBackup } from './backup.ts';
import type { Identity } from './identity.ts';
import type { Backup, ClusterStatus, MemberAddition, MemberPlace, Members } from './port.ts';
import { type MemberRequest, readAddress, readId, readMemberRequest, readRelease } from './requests.ts';
import { encodeRecord, memberKey, type Roster } from './roster.ts';
import { Steward } from './steward.ts';

export interface ClusterMembersOptions {
  readonly identity: Identity;
  readonly store: MemberStore;
  readonly roster: Roster;
  readonly clock: Clock;
  /** Undefined: alone, and reached by nobody. */
  readonly transport: SocketTransport | undefined;
  /** Where the others find this member. */
  readonly address: string;
  /** Where members are that the store says nothing of yet. */
  readonly initial: ReadonlyMap<MemberId, string>;
  /** What this member runs. */
  readonly runs: Release;
  /** Why another member has turned this one away for its release, once it has. */
  readonly refusedBy: () => WeirError | undefined;
  /** Once for each reason: why it cannot be ready yet. */
  readonly onWaiting: (reason: string) => void;
  /** Once. */
  readonly onRemoved: () => void;
}

const removal = (id: MemberId): WeirError =>
  new WeirError('removed', `${id} was removed from the cluster: ask another member, and stop this one`);

const patienceMs = 10_000;
const retryMs = 20;
const retriable: ReadonlySet<string> = new Set(['not-leader', 'no-leader', 'leadership-lost', 'unreachable', 'timeout', 'transferring']);

/** The members, asked at any of them: what only the leader can do is brought to it. */
export class ClusterMembers implements Members {
  readonly #options: ClusterMembersOptions;
  readonly #steward: Steward;
  #isRemoved = false;

  constructor(options: ClusterMembersOptions) {
    const { store, roster, clock, transport } = options;
    this.#options = options;
    const isReachable = transport && ((member: MemberId) => transport.isReachable(member));
    this.#steward = new Steward({ store, roster, clock, isReachable });
  }

  close(): void {
    this.#steward.close();
  }

  get id(): string {
    return this.#options.identity.member;
  }

  get cluster(): string {
    return this.#options.identity.cluster;
  }

  get leader(): string | undefined {
    return this.#options.store.cluster.leader;
  }

  list(): readonly MemberPlace[] {
    const { voters, learners } = this.#options.store.cluster.membership;
    return [...voters, ...learners].toSorted().map((id) => ({ id, address: this.#addressOf(id) }));
  }

  #addressOf(id: MemberId): string {
    const { roster, initial, identity, address } = this.#options;
    return id === identity.member ? address : (roster.get(id)?.address ?? initial.get(id) ?? '');
  }

  /** Everybody that is a member, or about to become one. */
  peers(): ReadonlyMap<MemberId, string> {
    const { roster, initial, store } = this.#options;
    const { voters, learners } = store.cluster.membership;
    // A member that joins knows nobody but those that it was told of.
    const ids = voters.length === 0 ? initial.keys() : new Set([...voters, ...learners, ...roster.records.keys()]);
    return new Map([...ids].map((id) => [id, this.#addressOf(id)] as const).filter(([, address]) => address !== ''));
  }

  get isRemoved(): boolean {
    return this.#isRemoved || this.#options.roster.isRemoved(this.id);
  }

  /** What a member said of this one, or the store: either is committed, and for ever. */
  removed(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    this.#options.onRemoved();
  }

  unreadyReason(): string | undefined {
    if (this.isRemoved) return removal(this.id).message;
    return this.leader === undefined ? 'the cluster has no leader' : undefined;
  }

  /**
   * Settles when this member has everything that was committed before the call, and is in the roster. Waits for a leader as long as it takes. Rejects with `release-too-old` or
   * `release-too-new` when another member has turned it away for that.
   */
  async ready(): Promise<void> {
    const { store, refusedBy, onWaiting } = this.#options;
    for (let told = ''; ;) {
      if (this.isRemoved) throw removal(this.id);
      const refusal = refusedBy();
      if (refusal !== undefined) throw refusal;
      try {
        await this.#register();
        return;
      } catch (error) {
        const isPassing =
          error instanceof WeirError && (retriable.has(error.code) || error.code === 'unknown-outcome' || error.code === 'store-busy');
        if (!isPassing) throw error;
        const reason = store.cluster.leader === undefined ? 'the cluster has no leader' : reasonOf(error);
        if (reason !== told) onWaiting(reason);
        told = reason;
        await pause(retryMs);
      }
    }
  }

  async #register(): Promise<void> {
    const { store, identity, address, roster, runs } = this.#options;
    const key = memberKey(identity.member);
    for (;;) {
      const entry = await store.get(key);
      if (address === '') return;
      const refusal = roster.refusalOf({ from: identity.member, instance: identity.instance, ...runs });
      if (refusal !== undefined)
        throw new WeirError(refusal.code.startsWith('release-') ? refusal.code : 'member-replaced', refusal.reason);
      const value = encodeRecord({ address, instance: identity.instance });
      if (entry?.value === value) return;
      const compares = [{ key, modRevision: entry?.modRevision ?? 0 }];
      const { committed } = await store.transact({ compares, operations: [{ kind: 'put', key, value }] });
      if (committed) return;
    }
  }

  async status(): Promise<ClusterStatus> {
    try {
      return await this.#atLeader({ kind: 'status' }, 2_000);
    } catch (error) {
      if (error instanceof WeirError && error.code === 'no-leader') return this.view();
      throw error;
    }
  }

  async add({ id, address, runs }: MemberAddition): Promise<ClusterStatus> {
    return this.#atLeader({ kind: 'add', id: readId(id), address: readAddress(address), runs: readRelease(runs) });
  }

  async remove(id: string): Promise<ClusterStatus> {
    return this.#atLeader({ kind: 'remove', id: readId(id) });
  }

  async transfer(to?: string): Promise<ClusterStatus> {
    await this.#atLeader({ kind: 'transfer', to: to === undefined ? undefined : readId(to) });
    return this.status();
  }

  async backup<T>(use: (backup: Backup) => Promise<T>): Promise<T> {
    const { store, identity, clock, roster } = this.#options;
    await store.get(memberKey(identity.member));
    return store.snapshot((snapshot) => use(encodeBackup(snapshot, identity.cluster, roster.version, clock.wallMs())));
  }

  /** Of another member. */
  async answer(request: unknown): Promise<ClusterStatus> {
    await this.#steward.carryOut(readMemberRequest(request));
    return this.view();
  }

  /** Until one answers who leads. Each request has its effect once, however often it is carried out. */
  async #atLeader(request: MemberRequest, waitMs = patienceMs): Promise<ClusterStatus> {
    const { clock } = this.#options;
    const endMs = clock.nowMs() + waitMs;
    for (;;) {
      try {
        const answer = await this.#attempt(request, endMs - clock.nowMs());
        if (answer !== undefined) return answer;
      } catch (error) {
        if (!(error instanceof WeirError) || !retriable.has(error.code)) throw error;
      }
      if (clock.nowMs() > endMs) throw new WeirError('no-leader', 'the cluster has no leader; try again');
      await pause(retryMs);
    }
  }

  async #attempt(request: MemberRequest, timeoutMs: number): Promise<ClusterStatus | undefined> {
    const { transport } = this.#options;
    if (this.#steward.isLeading) return this.answer(request);
    const { leader } = this;
    if (leader === undefined || transport === undefined) return undefined;
    const status = (await transport.request(leader, request, Math.max(timeoutMs, 1))) as ClusterStatus;
    // One that is of before there were versions tells nothing of them.
    return { ...status, version: status.version ?? 1, members: status.members.map((each) => ({ ...each, runs: each.runs ?? null })) };
  }

  view(): ClusterStatus {
    const { store, identity, transport, roster, runs } = this.#options;
    const { cluster } = store;
    const { voters, learners } = cluster.membership;
    return {
      cluster: identity.cluster,
      from: identity.member,
      leader: cluster.leader ?? null,
      term: cluster.term,
      commit: cluster.commitIndex,
      applied: cluster.appliedIndex,
      revision: store.revision,
      version: roster.version,
      members: [...voters, ...learners].toSorted().map((id) => ({
        id,
        address: this.#addressOf(id),
        role: voters.includes(id) ? 'voter' : 'learner',
        leader: id === cluster.leader,
        reachable: id === identity.member || transport?.isReachable(id) === true,
        joined: id === identity.member || roster.get(id)?.instance !== undefined,
        match: cluster.matchOf(id) ?? null,
        runs: id === identity.member ? runs : (roster.releaseOf(id) ?? null),
      })),
    };
  }
}
