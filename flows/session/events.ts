import type { Match } from '../model/index.ts';
import type { FlowCount, FlowEntry, FlowFilter, Message, PacketOut } from '../openflow/index.ts';
import type { DriftCounts, Reconciler, Refused } from '../reconcile/index.ts';
import type { PortChange, SwitchPort } from './port.ts';
import type { CloseReason } from './reasons.ts';

/** A packet that a flow sent up. `data` and `userdata` are views of what was received. */
export interface PacketIn {
  readonly reason: string;
  readonly tableId: number;
  readonly cookie: bigint;
  /** Pipeline fields and registers at that moment, `in_port` among them. */
  readonly metadata: Match;
  readonly data: Uint8Array;
  /** What the `controller2` action was given. */
  readonly userdata: Uint8Array | undefined;
}

/**
 * What of the installed flows is read, filter by filter: `counts` gives the flows that have counted anything, `entries` whole flows
 * with their counters, `entriesMax` at most.
 */
export type FlowReading =
  | { readonly kind: 'counts'; readonly filters: readonly FlowFilter[] }
  | { readonly kind: 'entries'; readonly filters: readonly FlowFilter[]; readonly entriesMax: number };

/** A whole reading of flows that have a cookie of ours. */
export interface FlowsRead {
  readonly counts: readonly FlowCount[];
  readonly entries: readonly FlowEntry[];
  /** Flows by the number of their owner, also those that have counted nothing. */
  readonly flowsByOwner: ReadonlyMap<number, number>;
  /** For how long the oldest of them has been there. */
  readonly oldestMs: number;
}

/** `token` is the caller's own name for an operation. */
export type SessionEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'message'; readonly message: Message }
  /** The stream cannot be read any further. */
  | { readonly kind: 'broken'; readonly detail: string }
  /**
   * Ends every turn: what was said is written, and this is how much of it the transport still holds. Only here the session begins to
   * install more, one bundle at a time, so that answers go out before the work of the next bundle. It repeats while it says more.
   */
  | { readonly kind: 'queued'; readonly bytes: number }
  | { readonly kind: 'tick' }
  /** This switch is ours in the given epoch: request MASTER, list its content, and follow `reconciler`. */
  | { readonly kind: 'own'; readonly reconciler: Reconciler; readonly generationId: bigint }
  /** Be slave again and send nothing more. */
  | { readonly kind: 'release' }
  | { readonly kind: 'flush-zone'; readonly zone: number; readonly token: number }
  | { readonly kind: 'packet-out'; readonly packet: PacketOut }
  | { readonly kind: 'read-flows'; readonly reading: FlowReading; readonly token: number }
  /** A frame that `countsIn` has recognized; it is not decoded. */
  | { readonly kind: 'counts'; readonly frame: Uint8Array }
  | { readonly kind: 'disconnected' };

export type SessionEffect =
  | { readonly kind: 'close'; readonly reason: CloseReason; readonly detail: string }
  /** The switch is known and slave; from here it can be owned. */
  | { readonly kind: 'joined'; readonly datapathId: bigint; readonly version: '1.3' | '1.4' | '1.5' }
  /** The switch has granted MASTER. */
  | { readonly kind: 'mastered'; readonly generationId: bigint }
  /** The switch has refused MASTER, or has taken it away; the session is slave again. */
  | { readonly kind: 'lost'; readonly cause: 'stale' | 'refused' | 'taken'; readonly detail: string }
  /** `realized`, `known` or `pending` of the reconciler may have moved. */
  | { readonly kind: 'progress' }
  /** The switch does not take these; they are set aside and tried again, the rest goes on. */
  | { readonly kind: 'refused'; readonly refused: readonly Refused[] }
  /** Somebody else changed something; it is being put right. */
  | { readonly kind: 'drift'; readonly what: 'flows' | 'groups' | 'meters' | 'config'; readonly counts: Readonly<DriftCounts> }
  | { readonly kind: 'ports'; readonly ports: ReadonlyMap<number, SwitchPort> }
  | { readonly kind: 'port'; readonly change: PortChange; readonly port: SwitchPort }
  | { readonly kind: 'packet-in'; readonly packet: PacketIn }
  /** `error` is the switch's; undefined when the connections of the zone are gone. */
  | { readonly kind: 'zone-flushed'; readonly token: number; readonly error: string | undefined }
  /** `read` is undefined when the switch refused or is gone: `error` says which. */
  | { readonly kind: 'flows-read'; readonly token: number; readonly read: FlowsRead | undefined; readonly error: string | undefined }
  /** An error that answers none of the requests that are waited for. */
  | { readonly kind: 'switch-error'; readonly name: string; readonly xid: number };

export type Report = (effect: SessionEffect) => void;
