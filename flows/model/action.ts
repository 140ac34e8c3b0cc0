import type { FieldName } from './field.ts';
import type { FieldMatch } from './match.ts';

/**
 * `bits` bits of a field from bit `offset` (0 is the least significant). `bytes` is the payload's length of a Geneve option,
 * and of no other field.
 */
export interface Subfield {
  readonly field: FieldName;
  readonly offset: number;
  readonly bits: number;
  readonly bytes?: number;
}

/** A field by its header alone. */
export interface WholeField {
  readonly field: FieldName;
  readonly bytes?: number;
}

/** Reserved ports (OpenFlow 1.5.1 section 7.2.1.1), as 32-bit numbers. */
export const reservedPort = {
  unset: 0xfffffff7,
  inPort: 0xfffffff8,
  table: 0xfffffff9,
  normal: 0xfffffffa,
  flood: 0xfffffffb,
  all: 0xfffffffc,
  controller: 0xfffffffd,
  local: 0xfffffffe,
  any: 0xffffffff,
} as const;

interface Output {
  readonly kind: 'output';
  readonly port: number;
  /** Bytes sent to the controller; counts for `reservedPort.controller` only. 0 when absent. */
  readonly maxLen?: number;
}
interface Group {
  readonly kind: 'group';
  readonly groupId: number;
}
interface SetQueue {
  readonly kind: 'set_queue';
  readonly queueId: number;
}
interface MeterAction {
  readonly kind: 'meter';
  readonly meterId: number;
}
/** A mask needs OpenFlow 1.5; before, use `reg_load` or `reg_load2`. */
interface SetField extends FieldMatch {
  readonly kind: 'set_field';
}
interface Push {
  readonly kind: 'push_vlan' | 'push_mpls' | 'push_pbb' | 'pop_mpls';
  readonly ethertype: number;
}
interface Ttl {
  readonly kind: 'set_nw_ttl' | 'set_mpls_ttl';
  readonly ttl: number;
}
/** Actions without arguments. */
interface Bare {
  readonly kind: 'pop_vlan' | 'pop_pbb' | 'dec_nw_ttl' | 'dec_mpls_ttl' | 'copy_ttl_out' | 'copy_ttl_in';
}
interface ExtensionBare {
  readonly kind: 'ct_clear' | 'exit' | 'pop_queue' | 'dec_nsh_ttl';
}
/** Natively on 1.5, by ONF's extension before. */
interface CopyField {
  readonly kind: 'copy_field';
  readonly src: Subfield;
  readonly dst: Subfield;
}
/** Nicira's `move`; refused by Open vSwitch on 1.5, where `copy_field` stands for it. */
interface RegisterMove {
  readonly kind: 'reg_move';
  readonly src: Subfield;
  readonly dst: Subfield;
}
/** Refused by Open vSwitch on 1.5: use `set_field`. */
interface RegisterLoad {
  readonly kind: 'reg_load';
  readonly dst: Subfield;
  readonly value: bigint;
}
/** Refused by Open vSwitch on 1.5: use `set_field` with a mask. */
interface RegisterLoad2 extends FieldMatch {
  readonly kind: 'reg_load2';
}
interface Resubmit {
  readonly kind: 'resubmit';
  /** 16 bits; 0xfff8 (the packet's own) when absent. */
  readonly inPort?: number;
  /** The present table when absent. */
  readonly table?: number;
  /** Look up with the connection's original tuple. */
  readonly ct?: boolean;
}
export interface Conntrack {
  readonly kind: 'ct';
  readonly commit?: boolean;
  readonly force?: boolean;
  /** Flag bits other than commit and force. */
  readonly otherFlags?: number;
  /** An immediate zone, or where to read it. 0 when absent. */
  readonly zone?: number | Subfield;
  /** The table in which the packet goes on, tracked; none when absent. */
  readonly table?: number;
  /** Port of the application helper (21 FTP, 69 TFTP). */
  readonly alg?: number;
  readonly actions: readonly Action[];
}
/** Inside of `ct` only. IPv4 addresses have 32 bits, IPv6 128. */
export interface Nat {
  readonly kind: 'nat';
  readonly direction?: 'src' | 'dst';
  readonly persistent?: boolean;
  readonly hash?: boolean;
  readonly random?: boolean;
  readonly ipv4Min?: number;
  readonly ipv4Max?: number;
  readonly ipv6Min?: bigint;
  readonly ipv6Max?: bigint;
  readonly protoMin?: number;
  readonly protoMax?: number;
}
/** `clause` counts from 0. */
interface Conjunction {
  readonly kind: 'conjunction';
  readonly id: number;
  readonly clause: number;
  readonly clauses: number;
}
/** Where a part of a learned flow comes from: a field of the packet, or an immediate of `bits` bits. */
export type LearnSource =
  | { readonly kind: 'field'; readonly src: WholeField; readonly offset: number }
  | { readonly kind: 'immediate'; readonly value: bigint };
export type LearnTarget =
  | { readonly kind: 'match'; readonly dst: WholeField; readonly offset: number }
  | { readonly kind: 'load'; readonly dst: WholeField; readonly offset: number }
  | { readonly kind: 'output' };
export interface LearnSpec {
  readonly bits: number;
  readonly source: LearnSource;
  readonly target: LearnTarget;
}
export interface Learn {
  readonly kind: 'learn';
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly priority: number;
  readonly cookie: bigint;
  /** 1 send flow removed, 2 delete learned flows with this one, 4 write the result. */
  readonly flags: number;
  readonly tableId: number;
  readonly finIdleTimeout: number;
  readonly finHardTimeout: number;
  /** Present for the second form (Nicira 45), which bounds the number of learned flows. */
  readonly limit?: number;
  readonly result?: WholeField & { readonly offset: number };
  readonly specs: readonly LearnSpec[];
}
interface Note {
  readonly kind: 'note';
  /** Hexadecimal; 6 bytes and then multiples of 8. */
  readonly note: string;
}
interface Clone {
  readonly kind: 'clone';
  readonly actions: readonly Action[];
}
interface Controller {
  readonly kind: 'controller';
  readonly maxLen: number;
  readonly controllerId: number;
  readonly reason: number;
}
/** A property that is absent is not sent; the switch then takes all bytes, id 0, reason ACTION, no meter. */
interface Controller2 {
  readonly kind: 'controller2';
  readonly maxLen?: number;
  readonly controllerId?: number;
  readonly reason?: number;
  /** Hexadecimal. */
  readonly userdata?: string;
  readonly pause?: boolean;
  readonly meterId?: number;
}
interface DecTtlCntIds {
  readonly kind: 'dec_ttl_cnt_ids';
  readonly controllerIds: readonly number[];
}
interface CheckPktLarger {
  readonly kind: 'check_pkt_larger';
  readonly pktLen: number;
  readonly dst: WholeField;
  /** The bit of `dst` that gets the answer. */
  readonly offset: number;
}
interface Stack {
  readonly kind: 'stack_push' | 'stack_pop';
  readonly subfield: Subfield;
}
/** `form` 2 (Nicira 32) takes experimenter fields too. */
interface OutputRegister {
  readonly kind: 'output_reg';
  readonly form: 1 | 2;
  readonly src: Subfield;
  readonly maxLen: number;
}
interface OutputTrunc {
  readonly kind: 'output_trunc';
  readonly port: number;
  readonly maxLen: number;
}
/** `form` 64 sends all 64 bits. */
interface SetTunnel {
  readonly kind: 'set_tunnel';
  readonly form: 32 | 64;
  readonly id: bigint;
}
interface Multipath {
  readonly kind: 'multipath';
  readonly fields: number;
  readonly basis: number;
  readonly algorithm: number;
  readonly maxLink: number;
  readonly arg: number;
  readonly dst: Subfield;
}
/** With `dst` the chosen port is loaded there (Nicira 13), without it the packet is sent to it (12). */
interface Bundle {
  readonly kind: 'bundle';
  readonly algorithm: number;
  readonly fields: number;
  readonly basis: number;
  readonly members: readonly number[];
  readonly dst?: Subfield;
}
interface FinTimeout {
  readonly kind: 'fin_timeout';
  readonly finIdleTimeout: number;
  readonly finHardTimeout: number;
}
/** `form` is Nicira's 29, 38 or 41; port and direction belong to the latter two. */
interface Sample {
  readonly kind: 'sample';
  readonly form: 1 | 2 | 3;
  readonly probability: number;
  readonly collectorSetId: number;
  readonly obsDomainId: number;
  readonly obsPointId: number;
  readonly samplingPort?: number;
  readonly direction?: number;
}
interface DeleteField {
  readonly kind: 'delete_field';
  readonly dst: WholeField;
}
interface WriteMetadataAction {
  readonly kind: 'write_metadata_action';
  readonly metadata: bigint;
  readonly mask: bigint;
}
interface Encap {
  readonly kind: 'encap';
  readonly headerBytes: number;
  readonly newPacketType: number;
  /** Properties as they stand on the wire, hexadecimal. */
  readonly properties: string;
}
interface Decap {
  readonly kind: 'decap';
  readonly newPacketType: number;
}
/** Not known here; sent again as it came. `bytes` is the whole action, hexadecimal. */
interface Unknown {
  readonly kind: 'unknown';
  readonly bytes: string;
}

export type Action =
  | Output
  | Group
  | SetQueue
  | MeterAction
  | SetField
  | Push
  | Ttl
  | Bare
  | ExtensionBare
  | CopyField
  | RegisterMove
  | RegisterLoad
  | RegisterLoad2
  | Resubmit
  | Conntrack
  | Nat
  | Conjunction
  | Learn
  | Note
  | Clone
  | Controller
  | Controller2
  | DecTtlCntIds
  | CheckPktLarger
  | Stack
  | OutputRegister
  | OutputTrunc
  | SetTunnel
  | Multipath
  | Bundle
  | FinTimeout
  | Sample
  | DeleteField
  | WriteMetadataAction
  | Encap
  | Decap
  | Unknown;

export type ActionKind = Action['kind'];

type Having<A, K> = A extends { readonly kind: infer Own } ? ([K] extends [Own] ? A : never) : never;

/** The member of the union that has this `kind`. */
export type ActionOf<K extends ActionKind> = Having<Action, K>;
