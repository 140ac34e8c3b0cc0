import type { Lease } from 'etcd3';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import type { Presence } from '../ownership/presence.ts';
import type { MemberId } from '../raft/types.ts';
import { EtcdLayout } from './layout.ts';
import { type EtcdAccess, EtcdLink } from './link.ts';

export interface LeasePresenceOptions {
  readonly etcd: EtcdAccess;
  readonly id: MemberId;
  readonly clock: Clock;
  /** Who is in the committed epoch. */
  readonly counted: () => ReadonlySet<MemberId>;
}

/** The least that etcd grants with its default election timeout; what it takes back a second later at most. */
const ttlSeconds = 2;
const beatMs = 300;
const answerMsMax = 1_000;
/** One that was gone must have been there for so long. */
const steadyMs = 2_000;

/**
 * Presence by leases: each member has a key under a lease of its own, and those whose keys are there are present; the oldest
 * of them decides. While etcd cannot be asked everybody stays
 * who they were, and this member decides nothing.
 *
 * Life cycle: absent → registered (under a lease that was granted) → absent when etcd has let the lease go, and again → closed (the lease is given back, so
 * that the others see it at once).
 */
export class LeasePresence implements Presence {
  readonly #options: LeasePresenceOptions;
  readonly #link: EtcdLink;
  readonly #layout: EtcdLayout;
  readonly #listeners = new Set<() => void>();
  readonly #bell: { close(): void };
  readonly #ended: Promise<void>;
  /** From when on each was there without a gap. */
  #since: ReadonlyMap<MemberId, number> = new Map();
  #present: ReadonlySet<MemberId>;
  #decides = false;
  #lease: Lease | undefined;
  #rest = new AbortController();
  #isClosed = false;

  constructor(options: LeasePresenceOptions) {
    const { etcd, id, clock } = options;
    this.#options = options;
    this.#link = new EtcdLink(etcd, clock);
    this.#layout = new EtcdLayout(etcd.prefix);
    this.#present = new Set([id]);
    this.#bell = this.#link.bell(this.#layout.members, () => this.#rest.abort());
    this.#ended = this.#run();
  }

  get decides(): boolean {
    return this.#decides;
  }

  present(): ReadonlySet<MemberId> {
    return this.#present;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#rest.abort();
    this.#bell.close();
    void this.#leave();
  }

  /** A beat, then rest until the next one is due or a member has come or gone. */
  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#rest = new AbortController();
      this.#become(await this.#beat());
      await pause(beatMs, undefined, { signal: this.#rest.signal, ref: false }).catch(() => undefined);
    }
  }

  /** Whether this member decides. */
  async #beat(): Promise<boolean> {
    try {
      if (this.#lease === undefined) this.#lease = await this.#register();
      else await this.#lease.keepaliveOnce({ deadline: Date.now() + answerMsMax });
      const nowMs = this.#options.clock.nowMs();
      const there = await this.#look();
      this.#since = new Map(there.map((member) => [member, this.#since.get(member) ?? nowMs]));
      return there[0] === this.#options.id;
    } catch {
      // That etcd let it go shows only when it could be asked.
      if (this.#lease?.revoked() === true) this.#lease = undefined;
      return false;
    }
  }

  async #register(): Promise<Lease> {
    const lease = this.#link.lease(ttlSeconds, answerMsMax);
    const id = await lease.grant();
    const put = {
      key: Buffer.concat([this.#layout.members, Buffer.from(this.#options.id)]),
      value: Buffer.from(this.#options.id),
      lease: id,
    };
    await this.#link.txn({ success: [{ request_put: put }] }, answerMsMax);
    return lease;
  }

  /** The one who has been there for the longest comes first. */
  async #look(): Promise<readonly MemberId[]> {
    const { members, membersEnd } = this.#layout;
    const byAge = { sort_target: 'Create', sort_order: 'Ascend' } as const;
    const { kvs } = await this.#link.range({ key: members, range_end: membersEnd, keys_only: true, ...byAge }, answerMsMax);
    return kvs.map(({ key }) => key.toString('utf8', members.length));
  }

  #become(decides: boolean): void {
    const { id, clock, counted } = this.#options;
    const nowMs = clock.nowMs();
    const isCounted = counted();
    const there = [...this.#since].filter(([member, sinceMs]) => isCounted.has(member) || nowMs - sinceMs >= steadyMs);
    const present = new Set([id, ...there.map(([member]) => member)]);
    const isSame =
      decides === this.#decides && present.size === this.#present.size && [...present].every((member) => this.#present.has(member));
    this.#present = present;
    this.#decides = decides;
    if (!isSame) for (const listener of this.#listeners) listener();
  }

  async #leave(): Promise<void> {
    await this.#ended;
    await this.#lease?.revoke({ deadline: Date.now() + answerMsMax }).catch(() => undefined);
    this.#link.close();
  }
}
