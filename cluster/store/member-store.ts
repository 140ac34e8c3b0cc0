import type { Clock } from '../../src/base/clock.ts';
import type { WeirError } from '../../src/base/errors.ts';
import type { Exchange } from '../ownership/exchange.ts';
import type { MembershipChange } from '../raft/memberships.ts';
import type { MemberId, Membership } from '../raft/types.ts';
import type { SegmentBase } from '../storage/segment.ts';
import type { TornTail } from '../storage/verification.ts';
import type { Transport, TransportHandlers } from '../transport/port.ts';
import type { Store } from './port.ts';

/** The name of the member of a cluster of one. */
export const aloneId = 'alone';

export interface StoreOptions {
  /** Made when it is missing. One process at a time. */
  readonly directory: string;
  readonly clock: Clock;
  /** How long versions are kept, 24 h. */
  readonly retentionMs?: number;
  /** How often versions that are too old are looked for, 60 s. */
  readonly compactionIntervalMs?: number;
  /** Of the commit log, preallocated, 8 MiB each. */
  readonly segmentBytes?: number;
  /** Kept back on the disk, 24 MiB: enough to open and to write out the index's memory on a full disk. */
  readonly reserveBytes?: number;
  /** Buffers and cache of the index, 32 MiB. */
  readonly indexMemoryBytes?: number;
  /** How much of the newest part of the log is verified on opening, 256 MiB. The rest is verified as it is read. */
  readonly verifyBytesMax?: number;
  /** Transactions that may wait before `store-busy`, 16,384, and their bytes, 64 MiB. */
  readonly waitingMax?: number;
  readonly waitingBytesMax?: number;
  /** Who this is, and how it speaks with the others; without it, a cluster of one. */
  readonly member?: MemberOptions;
  /** Told once when the store begins to refuse transactions, and of compaction that fails. For the log. */
  readonly onProblem?: (error: WeirError) => void;
}

export interface MemberOptions {
  readonly id: MemberId;
  /** Who counts at the very beginning: the same at each founder; nobody at a member that is added later. */
  readonly founders: readonly MemberId[];
  /** Undefined: nobody reaches this member, which is alone. */
  readonly transport: ((handlers: TransportHandlers) => Promise<Transport>) | undefined;
  /** Of other members, beside transactions. */
  readonly onRequest?: (from: MemberId, request: unknown) => Promise<unknown>;
  /** Who counts has changed. */
  readonly onMembership?: () => void;
  /** Another leads, or nobody that this member knows of. */
  readonly onLeader?: (leader: MemberId | undefined, term: number) => void;
}

/** What opening found and did. */
export interface OpenReport {
  /** A write was under way at a crash; what it left was dropped. Nothing of it had been acknowledged. */
  readonly tornTail: TornTail | undefined;
  readonly replayedCommits: number;
  readonly verifiedBytes: number;
  readonly entryCount: number;
  /** The index was damaged and was made again from the log. */
  readonly indexRebuilt: boolean;
  /** The disk is full: reads work, transactions fail with `store-full` until there is space. */
  readonly full: boolean;
}

export interface MemberStore extends Store {
  readonly opened: OpenReport;
  readonly cluster: Cluster;
  /** What is there now, without what it replaced; whatever is written meanwhile. It can be read until `use` settles. */
  snapshot<T>(use: (snapshot: StoreSnapshot) => Promise<T>): Promise<T>;
}

export interface StoreSnapshot {
  /** What it stands for. */
  readonly base: SegmentBase;
  /** As `SnapshotDirectory` takes them. */
  readonly chunks: AsyncIterable<Buffer>;
}

/** The cluster as this member sees it. */
export interface Cluster {
  readonly id: MemberId;
  readonly leader: MemberId | undefined;
  readonly term: number;
  readonly membership: Membership;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** At the leader: up to where the member's log is known to agree. */
  matchOf(member: MemberId): number | undefined;
  /** At the leader; where the change will stand in the log. Throws a WeirError that says why not. */
  change(change: MembershipChange): number;
  /** At the leader. Throws a WeirError that says why not. */
  transfer(to: MemberId): void;
  /** What members say to each other beside the log. */
  readonly exchange: Exchange;
}
