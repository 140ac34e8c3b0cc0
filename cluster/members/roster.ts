import { setTimeout as pause } from 'node:timers/promises';
import { recordPrefix } from '../ownership/epoch.ts';
import type { MemberId } from '../raft/types.ts';
import type { Change, Entry, Store, Watch } from '../store/port.ts';
import type { Hello, Refusal } from '../transport/connection.ts';

/**
 * Members in the store:
 *
 *     cluster/member/ID     where it listens, and the instance of its directory once it came
 *     cluster/removed/ID    was a member; the name is not used again, because its vote may still be under way
 */
const memberPrefix = 'cluster/member/';
const removedPrefix = 'cluster/removed/';
const everything = { start: 'cluster/', end: 'cluster0' } as const;
const reloadPauseMs = 50;

export const memberKey = (id: MemberId): string => `${memberPrefix}${id}`;
export const removedKey = (id: MemberId): string => `${removedPrefix}${id}`;
const isMembers = (key: string): boolean => key.startsWith(everything.start);

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
  #watch: Watch | undefined;
  #closed = false;

  get(id: MemberId): MemberRecord | undefined {
    return this.#records.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  get records(): ReadonlyMap<MemberId, MemberRecord> {
    return this.#records;
  }

  /** Why a member that has the certificate and the cluster's name is none of ours; undefined: nothing speaks against it. */
  refusalOf({ from, instance }: Pick<Hello, 'from' | 'instance'>): Refusal | undefined {
    if (this.#removed.has(from)) return { reason: `${from} was removed from the cluster`, isRemoved: true };
    const known = this.#records.get(from)?.instance;
    if (known === undefined || known === instance) return undefined;
    const reason = `its data is not that with which ${from} joined: remove ${from}, and let it join under another name`;
    return { reason, isRemoved: false };
  }

  /** Reads what is there, then follows. A snapshot may take the place of what was followed: then it is read again. */
  async follow(store: Store, onChange: () => void): Promise<void> {
    while (!this.#closed) {
      try {
        const { entries, revision } = await store.range({ ...everything, at: store.revision });
        if (this.#closed) return;
        this.#load(entries);
        onChange();
        this.#watch = store.watch(
          revision,
          (commits) => {
            const changes = commits.flatMap((commit) => commit.changes.filter(({ key }) => isMembers(key)));
            for (const change of changes) this.#change(change);
            if (changes.length > 0) onChange();
          },
          ({ code }) => {
            if (code === 'compacted') void this.follow(store, onChange);
          },
        );
        return;
      } catch {
        // The state is being replaced.
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
    for (const entry of entries) this.#change({ key: entry.key, after: entry });
  }

  #change({ key, after }: Change): void {
    if (key.startsWith(removedPrefix)) {
      if (after === undefined) this.#removed.delete(key.slice(removedPrefix.length));
      else this.#removed.add(key.slice(removedPrefix.length));
    } else if (key.startsWith(memberPrefix)) {
      if (after === undefined) this.#records.delete(key.slice(memberPrefix.length));
      else this.#records.set(key.slice(memberPrefix.length), decodeRecord(after.value));
    }
  }
}

export const encodeRecord = ({ address, instance }: MemberRecord): string => JSON.stringify({ address, instance: instance ?? null });

function decodeRecord(value: string): MemberRecord {
  const { address, instance } = JSON.parse(value) as { readonly address: string; readonly instance: string | null };
  return { address, instance: instance ?? undefined };
}
