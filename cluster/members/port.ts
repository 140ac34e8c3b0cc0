import type { Revision } from '../store/port.ts';
import type { Release } from '../version/index.ts';

/** The cluster, as the rest of the program sees it. */
export interface Members {
  /** Of this member, without asking anybody. */
  readonly id: string;
  readonly cluster: string;
  /** As far as this member knows. */
  readonly leader: string | undefined;
  /** Who counts, and where they are, as far as this member knows. */
  list(): readonly MemberPlace[];
  /** Whether reads and writes can be answered now; undefined: they can, else why not. */
  unreadyReason(): string | undefined;
  /** It was a member and will be none again: what it knows is of the past. */
  readonly isRemoved: boolean;
  /** As this member sees it, without asking anybody; undefined where nobody keeps such. */
  view(): ClusterStatus | undefined;
  /** As the leader sees it; what this member knows when no leader answers. */
  status(): Promise<ClusterStatus>;
  /**
   * Settles when the member gets the data; it votes by itself once it has it all. To say it again changes nothing. Rejects with a WeirError: `member-exists` (elsewhere),
   * `member-removed`, `change-pending`, `too-many-members`, `not-listening`, `malformed`, `no-leader`,
   * `release-too-old`, `release-too-new`.
   */
  add(member: MemberAddition): Promise<ClusterStatus>;
  /** Settles when it is none any more. Rejects with a WeirError: `unknown-member`, `last-voter`, `change-pending`, `quorum-at-risk`, `no-leader`. */
  remove(id: string): Promise<ClusterStatus>;
  /** Another voter leads when it settles; without a name, the one that has most. Rejects with a WeirError: `unknown-member`, `not-transferred`, `no-leader`. */
  transfer(to?: string): Promise<ClusterStatus>;
  /** All that is stored, at one revision, not before what was acknowledged; as a file that `weir restore` takes. It can be read until `use` settles. */
  backup<T>(use: (backup: Backup) => Promise<T>): Promise<T>;
}

export interface MemberPlace {
  readonly id: string;
  /** `HOST:PORT` where it listens for the others; empty: nowhere. */
  readonly address: string;
}

export interface MemberAddition extends MemberPlace {
  /** What it runs; undefined: that shows when it comes. */
  readonly runs?: Release | undefined;
}

export interface Backup {
  readonly revision: Revision;
  readonly bytes: AsyncIterable<Buffer>;
}

export interface ClusterStatus {
  readonly cluster: string;
  /** Who says so. */
  readonly from: string;
  readonly leader: string | null;
  readonly term: number;
  /** Entries of the log. */
  readonly commit: number;
  readonly applied: number;
  readonly revision: Revision;
  /** The active one: what members say to each other and store. */
  readonly version: number;
  readonly members: readonly MemberStatus[];
}

export interface MemberStatus extends MemberPlace {
  readonly role: 'voter' | 'learner';
  readonly leader: boolean;
  /** Whether it was ever there. */
  readonly joined: boolean;
  /** Whether the one who says so has a connection to it. */
  readonly reachable: boolean;
  /** Up to where its log is known to agree with the leader's; null: nobody knows. */
  readonly match: number | null;
  /** What it ran when it was last there; null: it never was, or does not tell. */
  readonly runs: Release | null;
}
