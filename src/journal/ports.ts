import type { Direction, RuleAction, Tier } from '../../policies/compiled.ts';

/** What the API may know of the records that rules with `log: true` leave. */

/** One end of a logged packet. Names are there where the address is an interface's; of another tenant's interface only for the platform. */
export interface LoggedEnd {
  readonly address: string;
  readonly tenant?: string;
  readonly vm?: string;
  readonly interface?: string;
}

/** A connection, or a packet that would have opened one, that a rule decided. */
export interface LogRecord {
  /** Rises from record to record, over restarts too: microseconds since 1970, made distinct. Each member has numbers of its own. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  /** Whose interface was judged; the only tenant that sees the record. */
  readonly tenant: string;
  readonly host: string;
  readonly tier: Tier;
  readonly policy: string;
  /** Counts from 0 in the policy's list of that direction. */
  readonly rule: number;
  readonly direction: Direction;
  readonly verdict: Exclude<RuleAction, 'pass'>;
  readonly packet: {
    readonly from: LoggedEnd;
    readonly to: LoggedEnd;
    /** By name where it has one here, else its number. */
    readonly protocol: string;
    readonly sourcePort?: number;
    readonly port?: number;
    readonly type?: number;
    readonly code?: number;
    /** Bytes of the IP packet. */
    readonly length: number;
  };
  /** Records of this policy and tenant that were not written since the last one. */
  readonly dropped: number;
}

/** One that is in no line yet. */
export type UnnumberedRecord = Omit<LogRecord, 'id'>;

export interface PolicyLog {
  /**
   * The kept records of a tenant (undefined: of all), oldest first: the first `limit` behind the record `since`, or without it the last `limit`.
   */
  read(tenant: string | undefined, since: number | undefined, limit: number): readonly LogRecord[];
  /** Calls back with each new record; returns what ends that. */
  follow(tenant: string | undefined, onRecord: (record: LogRecord) => void): () => void;
}
