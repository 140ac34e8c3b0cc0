/** The words of the Raft core (Ongaro, "Consensus: Bridging Theory and Practice", 2014; sections are of that text). */

/** Names a member for as long as the cluster lives. A member that lost its disk gets a new one. */
export type MemberId = string;

/** Counts entries from 1; 0 is before the first. */
export type LogIndex = number;

/** Increases with every election; 0 is before the first. */
export type Term = number;

/** Who counts. Voters are never empty; no one is both. Both are sorted. */
export interface Membership {
  readonly voters: readonly MemberId[];
  /** Get the log and do not count (§4.2.1). */
  readonly learners: readonly MemberId[];
}

export type Entry =
  | { readonly kind: 'command'; readonly index: LogIndex; readonly term: Term; readonly payload: Uint8Array }
  /** Holds from the moment it is in a member's log, committed or not (§4.1). */
  | { readonly kind: 'membership'; readonly index: LogIndex; readonly term: Term; readonly membership: Membership }
  /** The first of every leader: it commits what earlier terms left (§3.6.2). */
  | { readonly kind: 'empty'; readonly index: LogIndex; readonly term: Term };

/** Must be durable before any message that follows from it is sent. */
export interface HardState {
  readonly term: Term;
  /** For whom this member voted in `term`. */
  readonly votedFor: MemberId | undefined;
}

/** What a snapshot stands for: the state after all entries up to `index`. */
export interface SnapshotMark {
  readonly index: LogIndex;
  readonly term: Term;
  readonly membership: Membership;
}

/** `term` is the sender's, but for `pre-vote` and a granted `pre-vote-reply`, where it is the one that would be stood for. */
export type Message = { readonly from: MemberId; readonly to: MemberId; readonly term: Term } & MessageBody;

export type MessageBody =
  /** "Would you vote for me?" No state changes (§9.6). `isTransfer`: the leader asked for it. */
  | { readonly kind: 'pre-vote'; readonly lastIndex: LogIndex; readonly lastTerm: Term }
  | { readonly kind: 'pre-vote-reply'; readonly granted: boolean }
  /** `isTransfer`: the leader itself asked for this election, so that its lease is no reason to refuse. */
  | { readonly kind: 'vote'; readonly lastIndex: LogIndex; readonly lastTerm: Term; readonly isTransfer: boolean }
  | { readonly kind: 'vote-reply'; readonly granted: boolean }
  | {
      readonly kind: 'append';
      readonly previousIndex: LogIndex;
      readonly previousTerm: Term;
      readonly entries: readonly Entry[];
      readonly commit: LogIndex;
      /** Only tells what is committed: accepted in silence. A member of an earlier release answers all the same. */
      readonly isNotice: boolean;
    }
  | { readonly kind: 'append-accepted'; readonly match: LogIndex }
  /** The receiver has no entry of that term at `refused`. `hintIndex` is the last place where the logs may agree, as far as it can tell. */
  | { readonly kind: 'append-refused'; readonly refused: LogIndex; readonly hintIndex: LogIndex; readonly hintTerm: Term }
  /** `round` increases with each heartbeat of a leader's term. `commit` is never beyond what the receiver is known to have. */
  | { readonly kind: 'heartbeat'; readonly commit: LogIndex; readonly round: number }
  | { readonly kind: 'heartbeat-reply'; readonly round: number }
  /** Announces the snapshot; its bytes go apart, and the receiver's node steps this once it has them all. */
  | { readonly kind: 'snapshot'; readonly mark: SnapshotMark }
  /** "Stand for election now" (§3.10). */
  | { readonly kind: 'timeout-now' }
  /** A follower's question for `index`, behind which a read there is linearizable (§6.4). */
  | { readonly kind: 'read'; readonly id: number }
  | { readonly kind: 'read-reply'; readonly id: number; readonly index: LogIndex };

/** A read may be answered once everything up to `index` is applied. */
export interface ReadyRead {
  readonly id: number;
  readonly index: LogIndex;
}

/**
 * What must happen now. The order is the node's duty: `messages` may go at once; `hardState`, `snapshot` and `entries` are made durable,
 * in this order; then `persisted` is told, and `replies` go.
 */
export interface Ready {
  readonly messages: readonly Message[];
  /** Undefined: nothing to persist, and no `persisted` is awaited. */
  readonly write: Write | undefined;
  readonly reads: readonly ReadyRead[];
  /** Reads that will not be answered: there is no leader to tell, or it is another now. */
  readonly lostReads: readonly number[];
  /** Entries for a follower that are no longer in memory; give them to `fetched`. */
  readonly fetches: readonly Fetch[];
}

export interface Write {
  readonly hardState: HardState | undefined;
  /** Its state is to be put in place of all that was applied, and of the whole log. */
  readonly snapshot: SnapshotMark | undefined;
  /** Replace whatever stands at the first of their indexes and behind it. */
  readonly entries: readonly Entry[];
  /** Go once all of this is durable. */
  readonly replies: readonly Message[];
}

export interface Fetch {
  readonly to: MemberId;
  readonly from: LogIndex;
  readonly upTo: LogIndex;
}
