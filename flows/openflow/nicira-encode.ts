import { WeirError } from '../../src/base/errors.ts';
import type { Action, ActionKind, ActionOf, Conntrack, Nat, Subfield } from '../model/action.ts';
import { encodeLearn } from './learn-action.ts';
import { commitFlag, forceFlag, natFlags, noRecirculation, ownPort, presentTable } from './nicira-numbers.ts';
import { encodeField, encodeHeader, isExperimenterField } from './oxm.ts';
import type { Writer } from './writer.ts';

/** Nicira's actions as they are sent (Open vSwitch `ofp-actions.c`, structs `nx_action_*`), from behind the experimenter. */
type EncodeNested = (writer: Writer, actions: readonly Action[]) => void;

/** `(offset << 6) | (bits - 1)`. */
function encodePacked(writer: Writer, subfield: Subfield): void {
  if (subfield.bits < 1 || subfield.bits > 64 || subfield.offset > 1023)
    throw new WeirError('malformed', `${subfield.field} cannot be taken at bit ${subfield.offset} for ${subfield.bits} bits here`);
  writer.u16((subfield.offset << 6) | (subfield.bits - 1));
}

function encodeConntrack(writer: Writer, action: Conntrack, nested: EncodeNested): void {
  writer.u16(35);
  writer.u16((action.commit === true ? commitFlag : 0) | (action.force === true ? forceFlag : 0) | (action.otherFlags ?? 0));
  if (typeof action.zone === 'object') {
    encodeHeader(writer, action.zone.field, action.zone.bytes);
    encodePacked(writer, action.zone);
  } else {
    writer.u32(0);
    writer.u16(action.zone ?? 0);
  }
  writer.u32(((action.table ?? noRecirculation) << 24) >>> 0);
  writer.u16(action.alg ?? 0);
  nested(writer, action.actions);
}

function encodeNat(writer: Writer, action: Nat): void {
  writer.u16(36);
  writer.u16(0);
  const { direction, persistent, hash, random, ipv4Min, ipv4Max, ipv6Min, ipv6Max, protoMin, protoMax } = action;
  writer.u16(
    (direction ? natFlags[direction] : 0) |
      (persistent ? natFlags.persistent : 0) |
      (hash ? natFlags.hash : 0) |
      (random ? natFlags.random : 0),
  );
  const parts = [ipv4Min, ipv4Max, ipv6Min, ipv6Max, protoMin, protoMax];
  writer.u16(parts.reduce<number>((present, part, index) => (part === undefined ? present : present | (1 << index)), 0));
  for (const address of [ipv4Min, ipv4Max]) if (address !== undefined) writer.u32(address);
  for (const address of [ipv6Min, ipv6Max]) if (address !== undefined) writer.u128(address);
  for (const port of [protoMin, protoMax]) if (port !== undefined) writer.u16(port);
}

function encodeController2(writer: Writer, action: ActionOf<'controller2'>): void {
  writer.u16(37);
  writer.zeros(6);
  const property = (type: number, bytes: number, contents: () => void): void => {
    const start = writer.length;
    writer.u16(type);
    writer.u16(4 + bytes);
    contents();
    writer.align8(start);
  };
  const { maxLen, controllerId, reason, userdata, pause, meterId } = action;
  // Open vSwitch gives properties of 16 bits a length of 8, two bytes of which are zero.
  if (maxLen !== undefined) property(0, 4, () => writer.u32((maxLen << 16) >>> 0));
  if (controllerId !== undefined) property(1, 4, () => writer.u32((controllerId << 16) >>> 0));
  if (reason !== undefined) property(2, 1, () => writer.u8(reason));
  if (userdata !== undefined) property(3, userdata.length >> 1, () => writer.hex(userdata));
  if (pause === true) property(4, 0, () => undefined);
  if (meterId !== undefined) property(5, 4, () => writer.u32(meterId));
}

function encodeBundle(writer: Writer, action: ActionOf<'bundle'>): void {
  writer.u16(action.dst ? 13 : 12);
  writer.u16(action.algorithm);
  writer.u16(action.fields);
  writer.u16(action.basis);
  encodeHeader(writer, 'in_port_nxm');
  writer.u16(action.members.length);
  if (action.dst) {
    encodePacked(writer, action.dst);
    encodeHeader(writer, action.dst.field, action.dst.bytes);
    writer.zeros(4);
  } else writer.zeros(10);
  for (const member of action.members) writer.u16(member);
}

function encodeSample(writer: Writer, action: ActionOf<'sample'>): void {
  writer.u16(action.form === 1 ? 29 : action.form === 2 ? 38 : 41);
  writer.u16(action.probability);
  writer.u32(action.collectorSetId);
  writer.u32(action.obsDomainId);
  writer.u32(action.obsPointId);
  if (action.form === 1) return;
  writer.u16(action.samplingPort ?? 0xffff);
  writer.u8(action.direction ?? 0);
  writer.zeros(5);
}

function encodeMultipath(writer: Writer, action: ActionOf<'multipath'>): void {
  writer.u16(10);
  writer.u16(action.fields);
  writer.u16(action.basis);
  writer.u16(0);
  writer.u16(action.algorithm);
  writer.u16(action.maxLink);
  writer.u32(action.arg);
  writer.u16(0);
  encodePacked(writer, action.dst);
  encodeHeader(writer, action.dst.field, action.dst.bytes);
}

function encodeResubmit(writer: Writer, action: ActionOf<'resubmit'>): void {
  const simple = action.table === undefined && action.ct !== true;
  writer.u16(simple ? 1 : action.ct === true ? 44 : 14);
  writer.u16(action.inPort ?? ownPort);
  if (!simple) writer.u8(action.table ?? presentTable);
}

function encodeOutputRegister(writer: Writer, action: ActionOf<'output_reg'>): void {
  writer.u16(action.form === 2 ? 32 : 15);
  encodePacked(writer, action.src);
  if (action.form === 2) writer.u16(action.maxLen);
  encodeHeader(writer, action.src.field, action.src.bytes);
  if (action.form === 1) writer.u16(action.maxLen);
}

function encodeStack(writer: Writer, action: ActionOf<'stack_push' | 'stack_pop'>): void {
  writer.u16(action.kind === 'stack_push' ? 27 : 28);
  writer.u16(action.subfield.offset);
  encodeHeader(writer, action.subfield.field, action.subfield.bytes);
  writer.u16(action.subfield.bits);
}

function encodeMove(writer: Writer, action: ActionOf<'reg_move'>): void {
  writer.u16(6);
  writer.u16(action.src.bits);
  writer.u16(action.src.offset);
  writer.u16(action.dst.offset);
  encodeHeader(writer, action.src.field, action.src.bytes);
  encodeHeader(writer, action.dst.field, action.dst.bytes);
}

function encodeDeleteField(writer: Writer, action: ActionOf<'delete_field'>): void {
  writer.u16(50);
  encodeHeader(writer, action.dst.field, action.dst.bytes);
  writer.zeros(isExperimenterField(action.dst.field, writer.version) ? 6 : 10);
}

function encodeSetTunnel(writer: Writer, action: ActionOf<'set_tunnel'>): void {
  writer.u16(action.form === 64 ? 9 : 2);
  writer.zeros(action.form === 64 ? 6 : 2);
  if (action.form === 64) writer.u64(action.id);
  else writer.u32(Number(BigInt.asUintN(32, action.id)));
}

function encodeCntIds(writer: Writer, action: ActionOf<'dec_ttl_cnt_ids'>): void {
  writer.u16(21);
  writer.u16(action.controllerIds.length);
  writer.zeros(4);
  for (const id of action.controllerIds) writer.u16(id);
}

function encodeConjunction(writer: Writer, action: ActionOf<'conjunction'>): void {
  writer.u16(34);
  writer.u8(action.clause);
  writer.u8(action.clauses);
  writer.u32(action.id);
}

/** A masked `set_field` before 1.5, and `reg_load2`. */
function encodeLoad2(writer: Writer, action: ActionOf<'set_field'> | ActionOf<'reg_load2'>): void {
  writer.u16(33);
  encodeField(writer, action);
}

function encodeLoad(writer: Writer, action: ActionOf<'reg_load'>): void {
  writer.u16(7);
  encodePacked(writer, action.dst);
  encodeHeader(writer, action.dst.field, action.dst.bytes);
  writer.u64(action.value);
}

function bare(subtype: number): (writer: Writer) => void {
  return (writer) => {
    writer.u16(subtype);
    writer.zeros(6);
  };
}

/** Actions with an encoding of the standard, in every version. */
type StandardKind =
  | 'output'
  | 'group'
  | 'set_queue'
  | 'meter'
  | 'push_vlan'
  | 'push_mpls'
  | 'pop_mpls'
  | 'push_pbb'
  | 'set_nw_ttl'
  | 'set_mpls_ttl'
  | 'copy_ttl_out'
  | 'copy_ttl_in'
  | 'dec_mpls_ttl'
  | 'pop_vlan'
  | 'dec_nw_ttl'
  | 'pop_pbb'
  | 'copy_field'
  | 'unknown';
type NiciraKind = Exclude<ActionKind, StandardKind>;
export type NiciraAction = Exclude<Action, { readonly kind: StandardKind }>;

const encoders: { readonly [K in NiciraKind]: (writer: Writer, action: ActionOf<K>, nested: EncodeNested) => void } = {
  ct: encodeConntrack,
  nat: encodeNat,
  conjunction: encodeConjunction,
  resubmit: encodeResubmit,
  set_field: encodeLoad2,
  reg_load2: encodeLoad2,
  reg_load: encodeLoad,
  reg_move: encodeMove,
  learn: encodeLearn,
  controller2: encodeController2,
  set_tunnel: encodeSetTunnel,
  dec_ttl_cnt_ids: encodeCntIds,
  stack_push: encodeStack,
  stack_pop: encodeStack,
  output_reg: encodeOutputRegister,
  multipath: encodeMultipath,
  bundle: encodeBundle,
  sample: encodeSample,
  delete_field: encodeDeleteField,
  pop_queue: bare(5),
  exit: bare(17),
  ct_clear: bare(43),
  dec_nsh_ttl: bare(48),
  clone: (writer, action, nested) => {
    writer.u16(42);
    writer.zeros(6);
    nested(writer, action.actions);
  },
  controller: (writer, action) => {
    writer.u16(20);
    writer.u16(action.maxLen);
    writer.u16(action.controllerId);
    writer.u8(action.reason);
  },
  note: (writer, action) => {
    writer.u16(8);
    writer.hex(action.note);
  },
  check_pkt_larger: (writer, action) => {
    writer.u16(49);
    writer.u16(action.pktLen);
    writer.u16(action.offset);
    encodeHeader(writer, action.dst.field, action.dst.bytes);
  },
  output_trunc: (writer, action) => {
    writer.u16(39);
    writer.u16(action.port);
    writer.u32(action.maxLen);
  },
  fin_timeout: (writer, action) => {
    writer.u16(19);
    writer.u16(action.finIdleTimeout);
    writer.u16(action.finHardTimeout);
  },
  write_metadata_action: (writer, action) => {
    writer.u16(22);
    writer.zeros(6);
    writer.u64(action.metadata);
    writer.u64(action.mask);
  },
  encap: (writer, action) => {
    writer.u16(46);
    writer.u16(action.headerBytes);
    writer.u32(action.newPacketType);
    writer.hex(action.properties);
  },
  decap: (writer, action) => {
    writer.u16(47);
    writer.u16(0);
    writer.u32(action.newPacketType);
  },
};

/** Subtype and contents; header and final padding are the caller's. */
export function encodeNicira(writer: Writer, action: NiciraAction, nested: EncodeNested): void {
  const encode = encoders[action.kind] as (writer: Writer, action: NiciraAction, nested: EncodeNested) => void;
  encode(writer, action, nested);
}
