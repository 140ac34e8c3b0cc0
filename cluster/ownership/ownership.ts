import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import { assert, WeirError } from '../../src/base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import type { Change, Commit, Operation, Revision, Store, Transaction, Watch } from '../store/port.ts';
import {
  decodeEpoch,
  decodeRecord,
  epochAfter,
  epochKey,
  isSameMembers,
  recordKey,
  recordPrefix,
  sharingPipeline,
  type MemberRecord,
  type OwnershipEpoch,
} from './epoch.ts';
import type { Presence } from './presence.ts';
import { highestWeight } from './rendezvous.ts';
import { assertWithin, decodeVersion, encodeVersion, highestCommon, isInUse, type Release, versionKey } from '../version/index.ts';

/** Where switches find a member, as Open vSwitch writes targets. */
export interface Endpoints {
  readonly openflow: string;
  readonly ovsdb: string;
}

/** Who owns which switch, as this member knows it. */
export interface Ownership {
  readonly id: MemberId;
  /** Of the committed epoch. */
  readonly epoch: number;
  /** The member that has this switch in the committed epoch. */
  ownerOf(host: string): MemberId | undefined;
  /** It is this one, in this life of it. */
  isMine(host: string): boolean;
  /** Of every member that has told, also of those that are away; in the order of their ids. */
  endpoints(): readonly (Endpoints & { readonly id: MemberId })[];
  /** Also when a member came or went. `isWhole`: this member has seen each epoch since the last call; else ownership may have gone and come back meanwhile. Returns what ends it. */
  onChange(listener: (isWhole: boolean) => void): () => void;
}

/** The same as a value. */
export interface OwnershipView {
  readonly epoch: number;
  readonly members: readonly MemberId[];
  /** This member is among them, in this life of it. */
  readonly isCounted: boolean;
  readonly endpoints: ReturnType<Ownership['endpoints']>;
}

export interface OwnershipOptions {
  readonly id: MemberId;
  readonly store: Store;
  readonly clock: Clock;
  readonly presence: (counted: () => ReadonlySet<MemberId>) => Presence;
  /** The members of the cluster; undefined where only those who have told are known. */
  readonly members: () => ReadonlySet<MemberId> | undefined;
  /** What this member runs, and the version of the pipeline that it gives to switches. */
  readonly runs: Release;
  readonly pipeline: number;
  /** Whether no switch can go over from one version of the pipeline to the other, as they have the same tables. */
  readonly clashes: (pipeline: number, other: number) => boolean;
  readonly onProblem: (error: WeirError) => void;
}

const retryMs = 100;
/** Between two epochs that one member writes. */
const restMs = 50;

/**
 * Keeps the committed epoch, and the active version, in step with who is there: on the member that decides it writes, by compare-and-set; on all of them it
 * follows the store. Life cycle: open (a new incarnation is stored; alone, the epoch too) → announce → close.
 */
export class StoredOwnership implements Ownership {
  readonly id: MemberId;
  readonly #options: OwnershipOptions;
  readonly #presence: Presence;
  readonly #records = new Map<MemberId, Stored<MemberRecord>>();
  readonly #listeners = new Set<(isWhole: boolean) => void>();
  #incarnation = 0;
  #hasEntered = false;
  #current: Stored<OwnershipEpoch> = { epoch: 0, members: [], pipeline: 0, revision: 0 };
  #active: Stored<{ readonly version: number }> = { version: 1, revision: 0 };
  #watch: Watch | undefined;
  #isCommitting = false;
  #isCorrecting = false;
  #announced: Endpoints | undefined;
  #isClosed = false;
  #isRetired = false;

  private constructor(options: OwnershipOptions) {
    this.id = options.id;
    this.#options = options;
    this.#presence = options.presence(() => new Set(this.#current.members.map(({ id }) => id)));
  }

  /** Settles when this start of the member is stored. Rejects with `release-too-old` or `release-too-new` when it cannot take part in what is stored. */
  static async open(options: OwnershipOptions): Promise<StoredOwnership> {
    const ownership = new StoredOwnership(options);
    try {
      await ownership.#enter();
    } catch (error) {
      ownership.close();
      throw error;
    }
    return ownership;
  }

  async #enter(): Promise<void> {
    do {
      this.#follow(await this.#load());
      if (this.#active.revision > 0) assertWithin(this.#active.version, this.#options.runs, 'what is stored');
      this.#assertGoesOver();
      this.#incarnation = (this.#records.get(this.id)?.incarnation ?? 0) + 1;
    } while (!(await this.#store(true)));
    this.#hasEntered = true;
    this.#presence.onChange(() => this.#tell(true));
    // Who is there, and who decides, may have changed while it was being stored.
    this.#consider();
  }

  /** Throws unless switches can go over from what they have, and from what any other member gives them, to what this one does, and back. */
  #assertGoesOver(): void {
    const { pipeline, clashes, members } = this.#options;
    const stays = members() ?? this.#presence.present();
    const others = [...this.#records.values()].filter(({ id }) => id !== this.id && stays.has(id));
    const other = [this.#current, ...others].find((each) => each.pipeline > 0 && clashes(pipeline, each.pipeline))?.pipeline;
    if (other === undefined) return;
    throw new WeirError(
      other < pipeline ? 'release-too-new' : 'release-too-old',
      `this release gives switches version ${pipeline} of the pipeline, and they, or another member, have version ${other}, which has the same tables: a switch cannot go over from one to the other; start a release between them first`,
    );
  }

  get epoch(): number {
    return this.#current.epoch;
  }

  ownerOf(host: string): MemberId | undefined {
    if (this.#isRetired) return undefined;
    return highestWeight(
      host,
      this.#current.members.map(({ id }) => id),
    );
  }

  isMine(host: string): boolean {
    return this.#isCounted && this.ownerOf(host) === this.id;
  }

  get #isCounted(): boolean {
    if (this.#isRetired) return false;
    return this.#current.members.some(({ id, incarnation }) => id === this.id && incarnation === this.#incarnation);
  }

  view(): OwnershipView {
    const { epoch, members } = this.#current;
    const owners = this.#isRetired ? [] : members.map(({ id }) => id);
    return { epoch, members: owners, isCounted: this.#isCounted, endpoints: this.endpoints() };
  }

  endpoints(): readonly (Endpoints & { readonly id: MemberId })[] {
    const records = [...this.#records.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return records.flatMap(({ id, openflow, ovsdb }) => (openflow === undefined || ovsdb === undefined ? [] : [{ id, openflow, ovsdb }]));
  }

  /** Members that are there and own nothing, because nobody knows where switches find them, as of others. Ascending. */
  unfound(): readonly MemberId[] {
    const present = this.#presence.present();
    const isFound = ({ openflow }: MemberRecord): boolean => openflow !== undefined;
    const records = [...this.#records.values()];
    if (!records.some(isFound)) return [];
    return records
      .filter((record) => present.has(record.id) && !isFound(record))
      .map(({ id }) => id)
      .toSorted();
  }

  onChange(listener: (isWhole: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Where switches find this member. Stored as soon as there are others to tell it to. */
  announce(endpoints: Endpoints): void {
    this.#announced = endpoints;
    this.#consider();
  }

  /** This member was removed: it owns nothing from now on, whatever it knew last. */
  retire(): void {
    if (this.#isRetired || this.#isClosed) return;
    this.#isRetired = true;
    this.#tell(false);
  }

  close(): void {
    this.#isClosed = true;
    this.#presence.close();
    this.#watch?.close();
    this.#listeners.clear();
  }

  /** @returns the revision that was read */
  async #load(): Promise<Revision> {
    const { entries, revision } = await this.#options.store.range({ start: 'sys/', end: 'sys0' });
    this.#records.clear();
    for (const { key, value, modRevision } of entries) this.#learn(key, value, modRevision);
    return revision;
  }

  #learn(key: string, value: string | undefined, revision: Revision): boolean {
    if (key === epochKey) {
      const { epoch, pipeline } = this.#current;
      this.#current = value === undefined ? { epoch, members: [], pipeline, revision: 0 } : { ...decodeEpoch(value), revision };
    } else if (key === versionKey) {
      this.#active = { version: (value === undefined ? undefined : decodeVersion(value)) ?? 1, revision };
    } else if (key.startsWith(recordPrefix)) {
      if (value === undefined) this.#records.delete(key.slice(recordPrefix.length));
      else this.#records.set(key.slice(recordPrefix.length), { ...decodeRecord(key, value), revision });
    } else return false;
    return true;
  }

  #follow(since: Revision): void {
    this.#watch?.close();
    const { store, onProblem } = this.#options;
    this.#watch = store.watch(
      since,
      (commits) => this.#committed(commits),
      (error) => {
        if (error.code === 'store-closed' || this.#isClosed) return;
        if (error.code !== 'compacted') onProblem(error);
        void this.#resume();
      },
    );
  }

  /** So much was committed meanwhile that it cannot be told one by one. */
  async #resume(): Promise<void> {
    while (!this.#isClosed) {
      try {
        this.#follow(await this.#load());
        return this.#tell(false);
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        if (error.code === 'store-closed') return;
        await pause(retryMs, undefined, { ref: false });
      }
    }
  }

  #committed(commits: readonly Commit[]): void {
    for (const { changes } of commits) {
      let isOurs = false;
      for (const change of changes) if (change.key.startsWith('sys/') && this.#changed(change)) isOurs = true;
      if (isOurs) this.#tell(true);
    }
  }

  #changed({ key, after }: Change): boolean {
    return this.#learn(key, after?.value, after?.modRevision ?? 0);
  }

  #tell(isWhole: boolean): void {
    for (const listener of this.#listeners) listener(isWhole);
    this.#consider();
  }

  #consider(): void {
    if (!this.#hasEntered || this.#isClosed || this.#isRetired || this.#isCommitting || this.#isCorrecting) return;
    if (this.#operations(false).operations.length > 0) void this.#correct();
  }

  /** @returns false when another came between */
  async #store(isEntering: boolean): Promise<boolean> {
    assert(!this.#isCommitting, 'one at a time');
    this.#isCommitting = true;
    try {
      const outcome = await this.#options.store.transact(this.#operations(isEntering));
      return outcome.committed;
    } catch (error) {
      if (!(error instanceof WeirError) || isEntering) throw error;
      return false;
    } finally {
      this.#isCommitting = false;
    }
  }

  /** Whatever comes of it, something else may be wanted by then; not at once, so that two who see others do not write without end. */
  async #correct(): Promise<void> {
    this.#isCorrecting = true;
    await this.#store(false);
    await pause(restMs, undefined, { ref: false });
    this.#isCorrecting = false;
    this.#consider();
  }

  /** What is to be written; nothing when all is as it should be. */
  #operations(isEntering: boolean): Transaction {
    const operations: Operation[] = [];
    const own = this.#ownRecord(isEntering);
    if (own !== undefined) operations.push({ kind: 'put', key: recordKey(this.id), value: JSON.stringify(own) });
    if (!this.#presence.decides) return { compares: [], operations };
    const stays = this.#options.members();
    for (const id of this.#records.keys()) if (stays?.has(id) === false) operations.push({ kind: 'delete', key: recordKey(id) });
    const { members, pipeline } = this.#wanted(own);
    if (!isSameMembers(members, this.#current.members) || pipeline !== this.#current.pipeline) {
      const epoch: OwnershipEpoch = { epoch: epochAfter(this.#current.epoch, this.#options.clock.wallMs()), members, pipeline };
      operations.push({ kind: 'put', key: epochKey, value: JSON.stringify(epoch) });
    }
    const raise = this.#raise(own);
    operations.push(...raise.operations);
    const compares = [{ key: epochKey, modRevision: this.#current.revision }, ...raise.compares];
    return { compares: operations.length === 0 ? [] : compares, operations };
  }

  /** The version that all members speak becomes active, unless one of them says meanwhile that it runs something else now. */
  #raise(own: MemberRecord | undefined): Transaction {
    const stays = this.#options.members() ?? this.#presence.present();
    const counted = [...this.#recordsWith(own).values()].filter(({ id }) => stays.has(id));
    const version = highestCommon(counted.map(({ runs }) => runs));
    if (!Number.isFinite(version) || version <= this.#active.version) return { compares: [], operations: [] };
    const compares = [
      { key: versionKey, modRevision: this.#active.revision },
      ...counted.map(({ id }) => ({ key: recordKey(id), modRevision: this.#records.get(id)?.revision ?? 0 })),
    ];
    return { compares, operations: [{ kind: 'put', key: versionKey, value: encodeVersion(version) }] };
  }

  #recordsWith(own: MemberRecord | undefined): ReadonlyMap<MemberId, MemberRecord> {
    return own === undefined ? this.#records : new Map([...this.#records, [own.id, own]]);
  }

  #ownRecord(isEntering: boolean): MemberRecord | undefined {
    const stored = this.#records.get(this.id);
    const endpoints = this.#options.members()?.size === 1 ? undefined : this.#announced;
    const { openflow, ovsdb } = endpoints ?? stored ?? { openflow: undefined, ovsdb: undefined };
    if (!isEntering && stored?.openflow === openflow && stored?.ovsdb === ovsdb) return undefined;
    const { runs, pipeline } = this.#options;
    return { id: this.id, incarnation: this.#incarnation, openflow, ovsdb, runs, pipeline };
  }

  #wanted(own: MemberRecord | undefined): Pick<OwnershipEpoch, 'members' | 'pipeline'> {
    const present = this.#presence.present();
    const stays = this.#options.members();
    const there = [...this.#recordsWith(own).values()].filter(({ id }) => present.has(id) && stays?.has(id) !== false);
    // One that switches do not find yet, or never will, can own none of them.
    const found = there.filter(({ openflow }) => openflow !== undefined);
    const able = found.length > 0 ? found : there;
    const before = this.#current.pipeline;
    const members = isInUse('pipelines', this.#active.version) ? sharingPipeline(before, able) : able;
    return {
      members: members.map(({ id, incarnation }) => ({ id, incarnation })).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      pipeline: members[0]?.pipeline ?? before,
    };
  }
}

type Stored<T> = T & {
  /** 0: it is not stored. */
  readonly revision: Revision;
};
