import type { Action, ActionOf, Conntrack, Nat, Subfield } from '../model/action.ts';
import { decodeLearn } from './learn-action.ts';
import { commitFlag, forceFlag, natFlags, noRecirculation, ownPort } from './nicira-numbers.ts';
import { decodeField, decodeHeader } from './oxm.ts';
import type { Reader } from './reader.ts';

/** Nicira's actions as they come (Open vSwitch `ofp-actions.c`, structs `nx_action_*`), from behind experimenter and subtype. */
type DecodeNested = (reader: Reader) => readonly Action[];

/** `(offset << 6) | (bits - 1)`. */
function decodePacked(reader: Reader): { readonly offset: number; readonly bits: number } {
  const packed = reader.u16();
  return { offset: packed >> 6, bits: (packed & 63) + 1 };
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
