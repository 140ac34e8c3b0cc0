import { WeirError } from '../../src/base/errors.ts';
import type { Action, ActionKind, ActionOf, Conntrack, Nat, Subfield } from '../model/action.ts';
import { decodeLearn, encodeLearn } from './learn-action.ts';
import { decodeField, decodeHeader, encodeField, encodeHeader, isExperimenterField } from './oxm.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** Nicira's actions (Open vSwitch `ofp-actions.c`, structs `nx_action_*`), from behind experimenter and subtype. */
export const niciraId = 0x2320;

/** In `resubmit`: the packet's own port, the present table. */
const ownPort = 0xfff8;
const presentTable = 0xff;
const noRecirculation = 0xff;

const commitFlag = 1;
const forceFlag = 2;

type DecodeNested = (reader: Reader) => readonly Action[];
type EncodeNested = (writer: Writer, actions: readonly Action[]) => void;

/** `(offset << 6) | (bits - 1)`. */
function decodePacked(reader: Reader): { readonly offset: number; readonly bits: number } {
  const packed = reader.u16();
  return { offset: packed >> 6, bits: (packed & 63) + 1 };
}

function encodePacked(writer: Writer, subfield: Subfield): void {
  if (subfield.bits < 1 || subfield.bits > 64 || subfield.offset > 1023)
    throw new WeirError('malformed', `${subfield.field} cannot be taken at bit ${subfield.offset} for ${subfield.bits} bits here`);
  writer.u16((subfield.offset << 6) | (subfield.bits - 1));
}

/** Packed range, then header. */
function decodePackedField(reader: Reader): Subfield | undefined {
  const range = decodePacked(reader);
  const whole = decodeHeader(reader);
  return whole && { ...whole, ...range };
}

function decodeMove(reader: Reader): Action | undefined {
  const bits = reader.u16();
  const srcOffset = reader.u16();
  const dstOffset = reader.u16();
  const src = decodeHeader(reader);
  const dst = decodeHeader(reader);
  return src && dst && { kind: 'reg_move', src: { ...src, offset: srcOffset, bits }, dst: { ...dst, offset: dstOffset, bits } };
}

function decodeLoad(reader: Reader): Action | undefined {
  const dst = decodePackedField(reader);
  return dst && { kind: 'reg_load', dst, value: reader.u64() };
}

/** A masked `reg_load2` is what 1.5 says with a masked `set_field`. */
function decodeLoad2(reader: Reader): Action | undefined {
  const condition = decodeField(reader);
  if (condition.field === 'oxm') return undefined;
  if (condition.mask === undefined) return { kind: 'reg_load2', ...condition };
  return reader.version < 6 ? { kind: 'set_field', ...condition } : undefined;
}

function decodeResubmit(reader: Reader, subtype: number): Action {
  const inPort = reader.u16();
  const port = inPort === ownPort ? undefined : { inPort };
  if (subtype === 1) return { kind: 'resubmit', ...port };
  const table = reader.u8();
  return subtype === 44 ? { kind: 'resubmit', ...port, table, ct: true } : { kind: 'resubmit', ...port, table };
}

function decodeConntrack(reader: Reader, nested: DecodeNested): Action | undefined {
  const flags = reader.u16();
  const source = reader.peek32(0);
  let zone: number | Subfield;
  if (source === 0) {
    reader.skip(4);
    zone = reader.u16();
  } else {
    const whole = decodeHeader(reader);
    if (!whole) return undefined;
    zone = { ...whole, ...decodePacked(reader) };
  }
  const table = reader.u8();
  reader.skip(3);
  const alg = reader.u16();
  reader.enter();
  const actions = nested(reader);
  reader.leave();
  const action: { -readonly [M in keyof Conntrack]: Conntrack[M] } = { kind: 'ct', actions };
  if ((flags & commitFlag) !== 0) action.commit = true;
  if ((flags & forceFlag) !== 0) action.force = true;
  if (flags > 3) action.otherFlags = flags & ~3;
  if (zone !== 0) action.zone = zone;
  if (table !== noRecirculation) action.table = table;
  if (alg !== 0) action.alg = alg;
  return action;
}

const natFlags = { src: 1, dst: 2, persistent: 4, hash: 8, random: 16 } as const;

function decodeNat(reader: Reader): Action {
  reader.skip(2);
  const flags = reader.u16();
  const present = reader.u16();
  const action: { -readonly [M in keyof Nat]: Nat[M] } = { kind: 'nat' };
  if ((flags & 3) !== 0) action.direction = (flags & natFlags.src) !== 0 ? 'src' : 'dst';
  if ((flags & natFlags.persistent) !== 0) action.persistent = true;
  if ((flags & natFlags.hash) !== 0) action.hash = true;
  if ((flags & natFlags.random) !== 0) action.random = true;
  if ((present & 1) !== 0) action.ipv4Min = reader.u32();
  if ((present & 2) !== 0) action.ipv4Max = reader.u32();
  if ((present & 4) !== 0) action.ipv6Min = reader.u128();
  if ((present & 8) !== 0) action.ipv6Max = reader.u128();
  if ((present & 16) !== 0) action.protoMin = reader.u16();
  if ((present & 32) !== 0) action.protoMax = reader.u16();
  return action;
}

function decodeClone(reader: Reader, nested: DecodeNested): Action {
  reader.skip(6);
  reader.enter();
  const actions = nested(reader);
  reader.leave();
  return { kind: 'clone', actions };
}

/** Properties: type, length, contents, padding to 8. */
function decodeController2(reader: Reader): Action | undefined {
  reader.skip(6);
  const action: { -readonly [M in keyof ActionOf<'controller2'>]: ActionOf<'controller2'>[M] } = { kind: 'controller2' };
  while (reader.left > 0) {
    const start = reader.offset;
    const type = reader.u16();
    const outer = reader.narrow(start, reader.u16());
    if (type === 0) action.maxLen = reader.u16();
    else if (type === 1) action.controllerId = reader.u16();
    else if (type === 2) action.reason = reader.u8();
    else if (type === 3) action.userdata = reader.hex(reader.left);
    else if (type === 4) action.pause = true;
    else if (type === 5) action.meterId = reader.u32();
    else return undefined;
    reader.widen(outer);
    reader.align8(start);
  }
  return action;
}

function decodeCntIds(reader: Reader): Action {
  const count = reader.u16();
  reader.skip(4);
  return { kind: 'dec_ttl_cnt_ids', controllerIds: Array.from({ length: Math.min(count, reader.left >> 1) }, () => reader.u16()) };
}

function decodeCheckPktLarger(reader: Reader): Action | undefined {
  const pktLen = reader.u16();
  const offset = reader.u16();
  const dst = decodeHeader(reader);
  return dst && { kind: 'check_pkt_larger', pktLen, dst, offset };
}

function decodeStack(reader: Reader, kind: 'stack_push' | 'stack_pop'): Action | undefined {
  const offset = reader.u16();
  const whole = decodeHeader(reader);
  return whole && { kind, subfield: { ...whole, offset, bits: reader.u16() } };
}

function decodeOutputRegister(reader: Reader, form: 1 | 2): Action | undefined {
  const range = decodePacked(reader);
  const early = form === 2 ? reader.u16() : 0;
  const whole = decodeHeader(reader);
  return whole && { kind: 'output_reg', form, src: { ...whole, ...range }, maxLen: form === 2 ? early : reader.u16() };
}

function decodeMultipath(reader: Reader): Action | undefined {
  const fields = reader.u16();
  const basis = reader.u16();
  reader.skip(2);
  const algorithm = reader.u16();
  const maxLink = reader.u16();
  const arg = reader.u32();
  reader.skip(2);
  const dst = decodePackedField(reader);
  return dst && { kind: 'multipath', fields, basis, algorithm, maxLink, arg, dst };
}

function decodeBundle(reader: Reader, loads: boolean): Action | undefined {
  const algorithm = reader.u16();
  const fields = reader.u16();
  const basis = reader.u16();
  reader.skip(4);
  const count = reader.u16();
  const dst = loads ? decodePackedField(reader) : undefined;
  if (loads && !dst) return undefined;
  reader.skip(loads ? 4 : 10);
  const members = Array.from({ length: Math.min(count, reader.left >> 1) }, () => reader.u16());
  return { kind: 'bundle', algorithm, fields, basis, members, ...(dst && { dst }) };
}

function decodeSample(reader: Reader, form: 1 | 2 | 3): Action {
  const common = {
    kind: 'sample',
    form,
    probability: reader.u16(),
    collectorSetId: reader.u32(),
    obsDomainId: reader.u32(),
    obsPointId: reader.u32(),
  } as const;
  if (form === 1) return common;
  const samplingPort = reader.u16();
  const direction = reader.u8();
  reader.skip(5);
  return { ...common, samplingPort, direction };
}

function decodeDeleteField(reader: Reader): Action | undefined {
  const dst = decodeHeader(reader);
  reader.skip(reader.left);
  return dst && { kind: 'delete_field', dst };
}

function decodeWriteMetadata(reader: Reader): Action {
  reader.skip(6);
  return { kind: 'write_metadata_action', metadata: reader.u64(), mask: reader.u64() };
}

/** From behind the subtype. Nothing when it is unknown. */
export function decodeNicira(reader: Reader, subtype: number, nested: DecodeNested): Action | undefined {
  const decode = decoders[subtype];
  return decode?.(reader, nested);
}

const decoders: Readonly<Record<number, (reader: Reader, nested: DecodeNested) => Action | undefined>> = {
  1: (reader) => decodeResubmit(reader, 1),
  2: (reader) => {
    reader.skip(2);
    return { kind: 'set_tunnel', form: 32, id: BigInt(reader.u32()) };
  },
  5: () => ({ kind: 'pop_queue' }),
  6: decodeMove,
  7: decodeLoad,
  8: (reader) => ({ kind: 'note', note: reader.hex(reader.left) }),
  9: (reader) => {
    reader.skip(6);
    return { kind: 'set_tunnel', form: 64, id: reader.u64() };
  },
  10: decodeMultipath,
  12: (reader) => decodeBundle(reader, false),
  13: (reader) => decodeBundle(reader, true),
  14: (reader) => decodeResubmit(reader, 14),
  15: (reader) => decodeOutputRegister(reader, 1),
  16: (reader) => decodeLearn(reader, 1),
  17: () => ({ kind: 'exit' }),
  19: (reader) => ({ kind: 'fin_timeout', finIdleTimeout: reader.u16(), finHardTimeout: reader.u16() }),
  20: (reader) => ({ kind: 'controller', maxLen: reader.u16(), controllerId: reader.u16(), reason: reader.u8() }),
  21: decodeCntIds,
  22: decodeWriteMetadata,
  27: (reader) => decodeStack(reader, 'stack_push'),
  28: (reader) => decodeStack(reader, 'stack_pop'),
  29: (reader) => decodeSample(reader, 1),
  32: (reader) => decodeOutputRegister(reader, 2),
  33: decodeLoad2,
  34: (reader) => ({ kind: 'conjunction', clause: reader.u8(), clauses: reader.u8(), id: reader.u32() }),
  35: decodeConntrack,
  36: decodeNat,
  37: decodeController2,
  38: (reader) => decodeSample(reader, 2),
  39: (reader) => ({ kind: 'output_trunc', port: reader.u16(), maxLen: reader.u32() }),
  41: (reader) => decodeSample(reader, 3),
  42: decodeClone,
  43: () => ({ kind: 'ct_clear' }),
  44: (reader) => decodeResubmit(reader, 44),
  45: (reader) => decodeLearn(reader, 2),
  46: (reader) => ({ kind: 'encap', headerBytes: reader.u16(), newPacketType: reader.u32(), properties: reader.hex(reader.left) }),
  47: (reader) => {
    reader.skip(2);
    return { kind: 'decap', newPacketType: reader.u32() };
  },
  48: () => ({ kind: 'dec_nsh_ttl' }),
  49: decodeCheckPktLarger,
  50: decodeDeleteField,
};

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
