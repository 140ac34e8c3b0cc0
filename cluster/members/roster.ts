import { setTimeout as pause } from 'node:timers/promises';
import { WeirError } from '../../src/base/errors.ts';
import { decodeRecord as decodeOwner, recordPrefix } from '../ownership/epoch.ts';
import type { MemberId } from '../raft/types.ts';
import type { Change, Entry, Store, Watch } from '../store/port.ts';
import type { Hello } from '../transport/connection.ts';
import { decodeVersion, type Refusal, refusalAt, type Release, versionKey } from '../version/index.ts';

/**
 * Members in the store:
 *
 *     cluster/member/ID     where it listens, and the instance of its directory once it came
 *     cluster/removed/ID    was a member; the name is not used again, because its vote may still be under way
 *     sys/version           the active version
 *     sys/member/ID         among others: what it runs
 */
const memberPrefix = 'cluster/member/';
const removedPrefix = 'cluster/removed/';
const everything = { start: 'cluster/', end: 'cluster0' } as const;
const system = { start: 'sys/', end: 'sys0' } as const;
const reloadPauseMs = 50;
/** A state that takes the place of another is there by then. */
const reloadsUntold = 40;
const reloadsBetween = 1_200;

export const memberKey = (id: MemberId): string => `${memberPrefix}${id}`;
export const removedKey = (id: MemberId): string => `${removedPrefix}${id}`;
const isMembers = (key: string): boolean => key.startsWith(everything.start);
const isFollowed = (key: string): boolean => isMembers(key) || key === versionKey || key.startsWith(recordPrefix);

/** What is this cluster's own, and does not go into another one: its members, and what they say of themselves about switches. */
export const isOfCluster = (key: string): boolean => isMembers(key) || key.startsWith(recordPrefix);

export interface MemberRecord {
  readonly address: string;
  /** Undefined: it was added and did not come yet. */
  readonly instance: string | undefined;
}

/** What the store says of the members, kept up to date. */
export class Roster {
  readonly #records = new Map<MemberId, MemberRecord>();
  readonly #removed = new Set<MemberId>();
  readonly #releases = new Map<MemberId, Release>();
  readonly #versionBegun: number;
  #version: number | undefined;
  #watch: Watch | undefined;
  #closed = false;

  /** `version`: of the directory. */
  constructor(version: number) {
    this.#versionBegun = version;
  }

  /** The active version. */
  get version(): number {
    return this.#version ?? this.#versionBegun;
  }

  /** What the member ran when it was last there; undefined: it never was. */
  releaseOf(id: MemberId): Release | undefined {
    return this.#releases.get(id);
  }

  get(id: MemberId): MemberRecord | undefined {
    return this.#records.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  get records(): ReadonlyMap<MemberId, MemberRecord> {
    return this.#records;
  }

  /**
   * Why a member that has the certificate and the cluster's name is none of ours; undefined: nothing speaks against it. What is active may be higher by now than this member has
   * heard, never lower.
   */
  refusalOf({ from, instance, ...release }: Pick<Hello, 'from' | 'instance' | keyof Release>): Refusal | undefined {
    if (this.#removed.has(from)) return { code: 'removed', reason: `${from} was removed from the cluster` };
    const known = this.#records.get(from)?.instance;
    if (known === undefined || known === instance) return release.version < this.version ? refusalAt(this.version, release) : undefined;
    return {
      code: 'refused',
      reason: `its data is not that with which ${from} joined: remove ${from}, and let it join under another name`,
    };
  }

  /** Reads what is there, then follows. A snapshot may take the place of what was followed: then it is read again. `onProblem`: that does not come about. */
  async follow(store: Store, onChange: () => void, onProblem: (error: WeirError) => void): Promise<void> {
    for (let reloads = 0; !this.#closed; reloads++) {
      try {
        const { entries, revision } = await store.range({ ...everything, at: store.revision });
        const more = await store.range({ ...system, at: revision });
        if (this.#closed) return;
        this.#load([...entries, ...more.entries.filter(({ key }) => isFollowed(key))]);
        onChange();
        this.#watch = store.watch(
          revision,
          (commits) => {
            const changes = commits.flatMap((commit) => commit.changes.filter(({ key }) => isFollowed(key)));
            for (const change of changes) this.#change(change);
            if (changes.length > 0) onChange();
          },
          ({ code }) => {
            if (code !== 'store-closed') void this.follow(store, onChange, onProblem);
          },
        );
        return;
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        if (error.code === 'store-closed') return;
        // The state is being replaced; else this takes longer, and is told once a minute.
        if (reloads % reloadsBetween === reloadsUntold)
          onProblem(new WeirError(error.code, `who is a member cannot be read: ${error.message}`, { cause: error }));
        await pause(reloadPauseMs);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }

  #load(entries: readonly Entry[]): void {
    this.#records.clear();
    this.#removed.clear();
    this.#releases.clear();
    this.#version = undefined;
    for (const entry of entries) this.#change({ key: entry.key, after: entry });
  }

  #change({ key, after }: Change): void {
    if (key.startsWith(removedPrefix)) {
      if (after === undefined) this.#removed.delete(key.slice(removedPrefix.length));
      else this.#removed.add(key.slice(removedPrefix.length));
    } else if (key.startsWith(memberPrefix)) {
      if (after === undefined) this.#records.delete(key.slice(memberPrefix.length));
      else this.#records.set(key.slice(memberPrefix.length), decodeRecord(after.value));
    } else if (key === versionKey) {
      this.#version = after && decodeVersion(after.value);
    } else if (after === undefined) {
      this.#releases.delete(key.slice(recordPrefix.length));
    } else {
      this.#releases.set(key.slice(recordPrefix.length), decodeOwner(key, after.value).runs);
    }
  }
}

export const encodeRecord = ({ address, instance }: MemberRecord): string => JSON.stringify({ address, instance: instance ?? null });

function decodeRecord(value: string): MemberRecord {
  const { address, instance } = JSON.parse(value) as { readonly address: string; readonly instance: string | null };
  return { address, instance: instance ?? undefined };
}
