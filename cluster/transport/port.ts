import type { MemberId, Message, Term } from '../raft/types.ts';
import type { SegmentBase } from '../storage/segment.ts';

/** What members say to each other. A message may be lost, late or doubled, and never waits; requests and snapshots are answered or fail. */
export interface Transport {
  send(message: Message): void;
  /** JSON in, JSON out. Rejects with a WeirError: `unreachable`, `timeout`, or what the other side answered. */
  request(to: MemberId, request: unknown, timeoutMs: number): Promise<unknown>;
  /** Settles when the other side has installed it. Rejects with a WeirError. */
  sendSnapshot(to: MemberId, offer: SnapshotOffer, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Who belongs to it, and where they listen. Others are cut; one that greets and is not refused is added by itself. */
  setPeers(peers: ReadonlyMap<MemberId, PeerAddress>): void;
  /** Whether there is a connection to the member. */
  isReachable(member: MemberId): boolean;
  close(): Promise<void>;
}

/** What a leader sends a snapshot as. */
export interface SnapshotOffer {
  readonly term: Term;
  /** What it stands for. */
  readonly base: SegmentBase;
}

/** `host:port`, where the member listens for the others. */
export type PeerAddress = string;

/** The receiving end. */
export interface TransportHandlers {
  readonly onMessage: (message: Message) => void;
  readonly onRequest: (from: MemberId, request: unknown) => Promise<unknown>;
  /** Settles once it is installed; rejects when it is not. */
  readonly onSnapshot: (from: MemberId, offer: SnapshotOffer, chunks: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Messages to the member were lost. */
  readonly onUnreachable: (member: MemberId) => void;
}
