import type { Revision } from '../../cluster/store/port.ts';
import type { Element, ElementKey, HostChange } from '../../policies/compiled.ts';
import { transitionsOf } from '../../policies/index.ts';
import type { Transition } from '../../policies/index.ts';
import type { CoOwners } from './co-owners.ts';
import type { Realization } from './realization.ts';

/** For how long a switch may take to carry out a restriction before the others go on without it. */
export const patienceMs = 500;
/** For how long a datapath goes on as before when its switch has committed a change: what it has kept of the flows is looked at again after that. */
export const settlingMs = 50;

/** What a changeover needs to know of a host. */
export interface ChangingHost {
  readonly elements: ReadonlyMap<ElementKey, Element>;
  readonly isConnected: boolean;
  /** @returns milliseconds spent on meters */
  apply(change: HostChange, revision: Revision): number;
  /**
   * Makes the first stage of a change.
   * @returns the sequence of what is different by that; undefined: nothing
   */
  restrict(change: HostChange): number | undefined;
  carriesOut(sequence: number): boolean;
}

interface Commit {
  readonly revision: Revision;
  /** All members have it, as they do not when the clock asks for it: each has its own. */
  readonly isShared: boolean;
  changes: readonly HostChange[];
  /** It waits for an earlier one; or for switches that carry out its restriction. */
  state: 'new' | 'waiting' | 'restricting';
}

interface Restricted {
  readonly name: string;
  readonly host: ChangingHost;
  readonly sequence: number;
}

/**
 * Hands what commits change to the hosts. Nearly all of it goes at once. A change that takes away on one side of connections and gives
 * on the other goes in two stages: no host is given what it permits before all hosts that answer have lost what it takes away, those of
 * other members too: each says so of its own. Commits that concern a host which is between the stages come after it.
 */
export class Changeover {
  readonly #realization: Realization;
  readonly #hostOf: (name: string) => ChangingHost;
  readonly #coOwners: CoOwners;
  /** Those under way, in order. */
  #commits: readonly Commit[] = [];
  /** Hosts that were waited for in vain, and for what: not again before they have it. */
  readonly #late = new Map<string, number>();

  constructor(realization: Realization, hostOf: (name: string) => ChangingHost, coOwners: CoOwners) {
    this.#realization = realization;
    this.#hostOf = hostOf;
    this.#coOwners = coOwners;
  }

  /** @returns milliseconds spent on meters by what was handed over at once */
  apply(changes: readonly HostChange[], revision: Revision, isShared = true): number {
    const commit: Commit = { revision, isShared, changes, state: 'new' };
    this.#commits = [...this.#commits, commit];
    return this.#begin(commit);
  }

  /** The host is gone: nothing is changed there any more. */
  forget(name: string): void {
    this.#late.delete(name);
    for (const commit of this.#commits) commit.changes = commit.changes.filter(({ host }) => host !== name);
  }

  #begin(commit: Commit): number {
    if (this.#isBehind(commit)) {
      this.#put(commit, 'waiting');
      return 0;
    }
    const changing = commit.changes.map((change) => ({ elements: this.#hostOf(change.host).elements, change }));
    const transitions = transitionsOf(changing);
    if (!transitions) return this.#end(commit);
    const awaited = transitions.flatMap(({ restriction }) => this.#restrict(restriction));
    commit.changes = transitions.map(({ change }) => change);
    const isAmongOthers = commit.isShared && this.#coOwners.of(commit.changes.map(({ host }) => host)).size > 0;
    const others = isAmongOthers ? this.#othersToAwait(commit, transitions) : [];
    if (awaited.length + others.length === 0) {
      if (isAmongOthers) this.#coOwners.restricted(commit.revision);
      return this.#end(commit);
    }
    this.#put(commit, 'restricting');
    void this.#awaitRestrictions(commit, awaited, isAmongOthers ? others : undefined);
    return 0;
  }

  /** Owners of hosts that lose something, when any of ours may be given something. */
  #othersToAwait({ revision, changes }: Commit, transitions: readonly Transition[]): readonly string[] {
    if (!changes.some(({ host }) => this.#hostOf(host).isConnected)) return [];
    const losing = transitions.filter(({ restriction: { put, removed } }) => put.length + removed.length > 0);
    const owners = this.#coOwners.of(losing.map(({ restriction }) => restriction.host));
    return [...owners].filter((member) => this.#coOwners.isAwaited(member, revision));
  }

  #isBehind(commit: Commit): boolean {
    const hosts = new Set(commit.changes.map(({ host }) => host));
    const before = this.#commits.slice(0, this.#commits.indexOf(commit));
    return before.some((earlier) => earlier.changes.some(({ host }) => hosts.has(host)));
  }

  /** All hosts owe the revision from now on, though they are told later. */
  #put(commit: Commit, state: 'waiting' | 'restricting'): void {
    if (commit.state === 'new') for (const { host } of commit.changes) this.#realization.promise(host, commit.revision);
    commit.state = state;
  }

  #restrict(restriction: HostChange): Restricted[] {
    const name = restriction.host;
    const host = this.#hostOf(name);
    const late = this.#late.get(name);
    const isLate = late !== undefined && !host.carriesOut(late);
    if (!isLate) this.#late.delete(name);
    const sequence = host.restrict(restriction);
    return sequence === undefined || isLate || !host.isConnected ? [] : [{ name, host, sequence }];
  }

  async #awaitRestrictions(commit: Commit, own: readonly Restricted[], others: readonly string[] | undefined): Promise<void> {
    await Promise.all([this.#awaitOwn(commit, own, others !== undefined), this.#awaitOthers(commit, others ?? [])]);
    await this.#realization.until(() => false, settlingMs);
    this.#end(commit);
    for (const later of this.#commits) if (later.state === 'waiting') this.#begin(later);
  }

  async #awaitOwn({ revision }: Commit, awaited: readonly Restricted[], isAmongOthers: boolean): Promise<void> {
    const isMissing = ({ host, sequence }: Restricted): boolean => host.isConnected && !host.carriesOut(sequence);
    await this.#realization.until(() => !awaited.some(isMissing), patienceMs);
    for (const { name, sequence } of awaited.filter(isMissing)) this.#late.set(name, sequence);
    if (isAmongOthers) this.#coOwners.restricted(revision);
  }

  async #awaitOthers({ revision }: Commit, members: readonly string[]): Promise<void> {
    const isMissing = (member: string): boolean => this.#coOwners.isAwaited(member, revision);
    await this.#realization.until(() => !members.some(isMissing), patienceMs);
    for (const member of members.filter(isMissing)) this.#coOwners.missed(member, revision);
  }

  #end(commit: Commit): number {
    this.#commits = this.#commits.filter((other) => other !== commit);
    let qosMs = 0;
    for (const change of commit.changes) qosMs += this.#hostOf(change.host).apply(change, commit.revision);
    return qosMs;
  }
}
