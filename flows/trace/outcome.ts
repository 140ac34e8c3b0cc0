import type { Address } from '../../src/base/addresses.ts';
import type { Hit } from './flow-index.ts';

/** What became of a packet. */
export interface Trace {
  /** The tables that were visited, in order; behind a recirculation a new pass begins. */
  readonly steps: readonly Step[];
  readonly effects: readonly Effect[];
  /** `output`: at least one copy left the switch. `controller`: none did, but a controller was told. */
  readonly verdict: 'output' | 'controller' | 'dropped';
  /** What could not be followed: the trace says nothing about what comes behind it. Empty as a rule. */
  readonly problems: readonly string[];
}

export interface Step {
  readonly pass: number;
  readonly tableId: number;
  /** Undefined: no flow matches. */
  readonly hit: Hit | undefined;
  /** The packet behind the flow's actions, but before the tables to which it leads; read with `readField`. */
  readonly after: Uint32Array;
}

/** `packet` of a tunnel: as it is sent, for `outOfTunnel`. */
export type Effect = { readonly step: number } & (
  | { readonly kind: 'output'; readonly port: number }
  | { readonly kind: 'tunnel'; readonly port: number; readonly destination: Address; readonly vni: number; readonly packet: Uint32Array }
  | { readonly kind: 'controller'; readonly reason: number; readonly controllerId: number; readonly userdata: string | undefined }
  | { readonly kind: 'commit'; readonly zone: number; readonly mark: number; readonly label: bigint }
  | { readonly kind: 'meter'; readonly meterId: number }
);

/** `ct_state` of a packet that connection tracking has seen, and what it knows of the connection. */
export interface Tracking {
  readonly state: number;
  readonly mark?: number;
  readonly label?: bigint;
  /** The direction in which the connection was opened: `ct_nw_*`, `ct_ipv6_*`, `ct_tp_*`. */
  readonly original?: { readonly protocol: number; readonly source: Endpoint; readonly destination: Endpoint };
}

interface Endpoint {
  readonly address: Address;
  /** Port, or type and code of ICMP. */
  readonly port: number;
}

/** The usual answers of connection tracking, as bits of `ct_state` (ovs-fields(7)). */
export const trackingStates = { new: 0x21, established: 0x22, reply: 0x2a, related: 0x24, invalid: 0x30 } as const;

export type TrackingState = keyof typeof trackingStates;
