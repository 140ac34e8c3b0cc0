import type { MemberId } from '../raft/types.ts';

/**
 * Who is there: of Raft by what members tell each other, on etcd by leases. One that is silent is gone within about a second; one that was gone is back
 * when it has been there for two, so that a member that comes and goes does not move switches each time.
 */
export interface Presence {
  /** This member is always among them. */
  present(): ReadonlySet<MemberId>;
  /** Whether this member is one that commits epochs: the leader of Raft; on etcd the one that has been there for the longest. */
  readonly decides: boolean;
  /** Called when either may be another. Returns what ends it. */
  onChange(listener: () => void): () => void;
  close(): void;
}
