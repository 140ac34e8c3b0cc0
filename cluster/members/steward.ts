import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import { WeirError } from '../../src/base/errors.ts';
import type { MembershipChange } from '../raft/memberships.ts';
import type { MemberId } from '../raft/types.ts';
import type { MemberStore } from '../store/member-store.ts';
import type { Transaction } from '../store/port.ts';
import { refusalAt } from '../version/index.ts';
import type { MemberRequest } from './requests.ts';
import { encodeRecord, memberKey, removedKey, type Roster } from './roster.ts';

export interface StewardOptions {
  readonly store: MemberStore;
  readonly roster: Roster;
  readonly clock: Clock;
  /** Undefined: others cannot reach this member. */
  readonly isReachable: ((member: MemberId) => boolean) | undefined;
}

/** Of one log header, and of what elections can bear. */
const membersMax = 15;
const promotionIntervalMs = 100;
/** Entries that a learner may be behind to become a voter. */
const promotionLagMax = 100;
const changePatienceMs = 5_000;
const transferPatienceMs = 3_000;
const pauseMs = 10;

/** What the leader does about members: each step can be taken again, by it or the next leader, if the one before did not get to its end. */
export class Steward {
  readonly #options: StewardOptions;
  readonly #timer: NodeJS.Timeout;

  constructor(options: StewardOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#promote(), promotionIntervalMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  get isLeading(): boolean {
    const { cluster } = this.#options.store;
    return cluster.leader === cluster.id;
  }

  /** Throws `not-leader` when this member does not lead. */
  async carryOut(request: MemberRequest): Promise<void> {
    if (!this.isLeading) throw new WeirError('not-leader', 'this member does not lead');
    switch (request.kind) {
      case 'status':
        return;
      case 'add':
        return this.#add(request);
      case 'remove':
        return this.#remove(request.id);
      case 'transfer':
        return this.#transfer(request.to ?? this.#successor());
    }
  }

  #has(id: MemberId): boolean {
    const { voters, learners } = this.#options.store.cluster.membership;
    return voters.includes(id) || learners.includes(id);
  }

  async #add({ id, address, runs }: Extract<MemberRequest, { kind: 'add' }>): Promise<void> {
    const { store, roster, isReachable } = this.#options;
    const refusal = runs && refusalAt(roster.version, runs);
    if (refusal !== undefined) throw new WeirError(refusal.code, refusal.reason);
    const { voters, learners } = store.cluster.membership;
    if (isReachable === undefined)
      throw new WeirError('not-listening', 'this member is alone and listens for no other: start it with an address for members first');
    if (roster.isRemoved(id)) throw new WeirError('member-removed', `${id} was a member once; a new member needs a new name`);
    const present = roster.get(id);
    if (present !== undefined && present.address !== address)
      throw new WeirError('member-exists', `${id} is a member already, at ${present.address}`);
    const there = [...voters, ...learners].find((other) => other !== id && roster.get(other)?.address === address);
    if (there !== undefined) throw new WeirError('member-exists', `${there} is the member at ${address}`);
    const isMember = this.#has(id);
    if (!isMember && voters.length + learners.length >= membersMax)
      throw new WeirError('too-many-members', `${membersMax} members are the most`);
    if (present === undefined) await this.#write({ key: memberKey(id), value: encodeRecord({ address, instance: undefined }) });
    if (!isMember) await this.#change({ kind: 'add-learner', member: id });
  }

  async #remove(id: MemberId): Promise<void> {
    const { store, roster } = this.#options;
    const { cluster } = store;
    if (roster.isRemoved(id) && !this.#has(id)) return;
    if (!this.#has(id) && roster.get(id) === undefined) throw new WeirError('unknown-member', `${id} is no member`);
    if (id === cluster.id) {
      if (cluster.membership.voters.length === 1) throw new WeirError('last-voter', `${id} is the last member that votes`);
      // Whoever leads then removes this one.
      await this.#transfer(this.#successor());
      throw new WeirError('not-leader', 'this member leads no more');
    }
    if (this.#has(id)) {
      this.#keepQuorum(cluster.membership.voters.filter((voter) => voter !== id));
      await this.#change({ kind: 'remove', member: id });
    }
    const outcome = await store.transact({
      compares: [],
      operations: [
        { kind: 'delete', key: memberKey(id) },
        { kind: 'put', key: removedKey(id), value: JSON.stringify({ atMs: this.#options.clock.wallMs() }) },
      ],
    });
    if (!outcome.committed) throw new WeirError('conflict', `${id} was changed by somebody else`);
  }

  async #write({ key, value }: { readonly key: string; readonly value: string }): Promise<void> {
    const transaction: Transaction = { compares: [{ key, modRevision: 0 }], operations: [{ kind: 'put', key, value }] };
    await this.#options.store.transact(transaction);
  }

  /** Of those who would vote, more than half must be there: a change that stops the cluster could not be taken back. */
  #keepQuorum(voters: readonly MemberId[]): void {
    const { store, isReachable } = this.#options;
    const there = voters.filter((voter) => voter === store.cluster.id || isReachable?.(voter) === true);
    if (2 * there.length > voters.length) return;
    const away = voters.filter((voter) => !there.includes(voter));
    throw new WeirError('quorum-at-risk', `of ${voters.length} voters ${away.join(' and ')} would not be there: bring them back first`);
  }

  /** Settles when it is committed. */
  async #change(change: MembershipChange): Promise<void> {
    const { clock, store } = this.#options;
    const endMs = clock.nowMs() + changePatienceMs;
    const { term } = store.cluster;
    let index: number | undefined;
    for (;;) {
      const { cluster } = store;
      if (cluster.term !== term || cluster.leader !== cluster.id) throw new WeirError('leadership-lost', 'this member leads no more');
      index ??= this.#tryChange(change);
      if (index !== undefined && cluster.appliedIndex >= index) return;
      if (clock.nowMs() > endMs) throw new WeirError('change-pending', 'a change of the members is under way, and does not get to its end');
      await pause(pauseMs);
    }
  }

  /** Undefined: another one is under way. */
  #tryChange(change: MembershipChange): number | undefined {
    try {
      return this.#options.store.cluster.change(change);
    } catch (error) {
      if (error instanceof WeirError && (error.code === 'change-pending' || error.code === 'transferring')) return undefined;
      throw error;
    }
  }

  /** A learner that has what there is becomes a voter. */
  #promote(): void {
    const { store, isReachable } = this.#options;
    const { cluster } = store;
    if (!this.isLeading || cluster.membership.learners.length === 0) return;
    const ready = cluster.membership.learners.find((learner) => {
      const match = cluster.matchOf(learner) ?? 0;
      return match > 0 && match + promotionLagMax >= cluster.commitIndex && isReachable?.(learner) === true;
    });
    if (ready === undefined) return;
    try {
      this.#keepQuorum([...cluster.membership.voters, ready]);
      this.#tryChange({ kind: 'promote', member: ready });
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
    }
  }

  #successor(): MemberId {
    const { cluster } = this.#options.store;
    const { isReachable } = this.#options;
    const others = cluster.membership.voters.filter((voter) => voter !== cluster.id && isReachable?.(voter) === true);
    const [best] = others.toSorted((left, right) => (cluster.matchOf(right) ?? 0) - (cluster.matchOf(left) ?? 0));
    if (best === undefined) throw new WeirError('not-transferred', 'no other voter is there');
    return best;
  }

  async #transfer(to: MemberId): Promise<void> {
    const { store, clock } = this.#options;
    if (to === store.cluster.id) return;
    const endMs = clock.nowMs() + transferPatienceMs;
    if (!this.#has(to)) throw new WeirError('unknown-member', `${to} is no member`);
    store.cluster.transfer(to);
    while (this.isLeading) {
      if (clock.nowMs() > endMs) throw new WeirError('not-transferred', `${to} did not take over; ${store.cluster.id} goes on leading`);
      await pause(pauseMs);
    }
  }
}
