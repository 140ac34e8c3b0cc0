import { DecodeError } from '../../src/base/errors.ts';
import type { Action } from '../model/action.ts';
import { actionFromJson, actionToJson } from './action-json.ts';
import { decodeNicira } from './nicira-decode.ts';
import { encodeNicira } from './nicira-encode.ts';
import type { NiciraAction } from './nicira-encode.ts';
import { niciraId } from './nicira-numbers.ts';
import { decodeField, decodeHeader, encodeField, encodeHeader } from './oxm.ts';
import { malformed } from './shape.ts';
import type { Reader, Shape } from './shape.ts';
import { Writer } from './writer.ts';

/**
 * Actions (OpenFlow 1.5.1 section 7.2.6, Open vSwitch `ofp-actions.c`). A multiple of 8 bytes each: type, length, contents. An
 * action that is not known here, or whose contents are not those of its type, is kept as bytes. Padding is zero when sent and
 * not looked at when received.
 */
export const onfId = 0x4f4e4600;

const ttlTypes = { set_mpls_ttl: 15, set_nw_ttl: 23 } as const;
const pushTypes = { push_vlan: 17, push_mpls: 19, pop_mpls: 20, push_pbb: 26 } as const;
const bareTypes = { copy_ttl_out: 11, copy_ttl_in: 12, dec_mpls_ttl: 16, pop_vlan: 18, dec_nw_ttl: 24, pop_pbb: 27 } as const;

const bareKinds = new Map<number, keyof typeof bareTypes>(
  Object.entries(bareTypes).map(([kind, type]) => [type, kind as keyof typeof bareTypes]),
);

/** From behind the header. Nothing when the type is unknown or the contents are not its own. */
function decodeStandard(reader: Reader, type: number): Action | undefined {
  switch (type) {
    case 0: {
      const port = reader.u32();
      const maxLen = reader.u16();
      return maxLen === 0 ? { kind: 'output', port } : { kind: 'output', port, maxLen };
    }
    case 15:
      return { kind: 'set_mpls_ttl', ttl: reader.u8() };
    case 17:
      return { kind: 'push_vlan', ethertype: reader.u16() };
    case 19:
      return { kind: 'push_mpls', ethertype: reader.u16() };
    case 20:
      return { kind: 'pop_mpls', ethertype: reader.u16() };
    case 21:
      return { kind: 'set_queue', queueId: reader.u32() };
    case 22:
      return { kind: 'group', groupId: reader.u32() };
    case 23:
      return { kind: 'set_nw_ttl', ttl: reader.u8() };
    case 25:
      return decodeSetField(reader);
    case 26:
      return { kind: 'push_pbb', ethertype: reader.u16() };
    case 28:
      return reader.version >= 6 ? decodeCopyField(reader) : undefined;
    case 29:
      return reader.version >= 6 ? { kind: 'meter', meterId: reader.u32() } : undefined;
    default: {
      const kind = bareKinds.get(type);
      return kind === undefined ? undefined : { kind };
    }
  }
}

function decodeSetField(reader: Reader): Action | undefined {
  const condition = decodeField(reader);
  if (condition.field === 'oxm') return undefined;
  const { field, value, mask, bytes } = condition;
  if (bytes !== undefined) return { kind: 'set_field', ...condition };
  if (mask === undefined) return { kind: 'set_field', field, value };
  // Before 1.5 a mask is no part of this action: what carries one is kept as it is.
  return reader.version >= 6 ? { kind: 'set_field', field, value, mask } : undefined;
}

/** Behind type and length in 1.5; behind the experimenter's header before. */
function decodeCopyField(reader: Reader): Action | undefined {
  const bits = reader.u16();
  const srcOffset = reader.u16();
  const dstOffset = reader.u16();
  reader.skip(2);
  const src = decodeHeader(reader);
  const dst = decodeHeader(reader);
  return src && dst && { kind: 'copy_field', src: { ...src, offset: srcOffset, bits }, dst: { ...dst, offset: dstOffset, bits } };
}

function decodeExperimenter(reader: Reader): Action | undefined {
  const experimenter = reader.u32();
  if (experimenter === niciraId) return decodeNicira(reader, reader.u16(), decodeActions);
  if (experimenter === onfId && reader.version < 6 && reader.u16() === 3200) {
    reader.skip(2);
    return decodeCopyField(reader);
  }
  return undefined;
}

/** Actions whose parts may come in an order, or with a redundancy, that the decoded value does not show. */
const hasForms: ReadonlySet<Action['kind']> = new Set(['controller2', 'learn', 'nat', 'bundle', 'dec_ttl_cnt_ids', 'encap']);

const scratch = new Writer(1024);

/** Whether the action is encoded to the bytes that it came from. */
function isExact(action: Action, reader: Reader, start: number, length: number): boolean {
  scratch.reset();
  scratch.version = reader.version;
  encodeAction(scratch, action);
  return scratch.length === length && scratch.written().every((byte, index) => byte === reader.bytes[start + index]);
}

function decodeAction(reader: Reader): Action {
  const start = reader.offset;
  const type = reader.u16();
  const length = reader.u16();
  if (length < 8 || length % 8 !== 0) throw new DecodeError('bad_action_length', start, `an action has ${length} bytes`);
  const outer = reader.narrow(start, length);
  let action = type === 0xffff ? decodeExperimenter(reader) : decodeStandard(reader, type);
  // More than padding behind the contents, or a form that would be sent otherwise: kept as bytes.
  if (action === undefined || reader.left >= 8 || (hasForms.has(action.kind) && !isExact(action, reader, start, length))) {
    reader.offset = start;
    action = { kind: 'unknown', bytes: reader.hex(length) };
  }
  reader.widen(outer);
  return action;
}

export function decodeActions(reader: Reader): Action[] {
  const actions: Action[] = [];
  while (reader.left > 0) actions.push(decodeAction(reader));
  return actions;
}

/** Writes type and a place for the length; returns where the action starts. */
function open(writer: Writer, type: number): number {
  const start = writer.length;
  writer.u16(type);
  writer.u16(0);
  return start;
}

function close(writer: Writer, start: number): void {
  writer.align8(start);
  writer.patch16(start + 2, writer.length - start);
}

function encodeCopyField(writer: Writer, action: Extract<Action, { kind: 'copy_field' }>): void {
  const start = open(writer, writer.version >= 6 ? 28 : 0xffff);
  if (writer.version < 6) {
    writer.u32(onfId);
    writer.u16(3200);
    writer.u16(0);
  }
  writer.u16(action.src.bits);
  writer.u16(action.src.offset);
  writer.u16(action.dst.offset);
  writer.u16(0);
  encodeHeader(writer, action.src.field, action.src.bytes);
  encodeHeader(writer, action.dst.field, action.dst.bytes);
  close(writer, start);
}

function encodeExperimenter(writer: Writer, action: NiciraAction): void {
  const start = open(writer, 0xffff);
  writer.u32(niciraId);
  encodeNicira(writer, action, encodeActions);
  close(writer, start);
}

/** A masked set_field is Nicira's `reg_load2` before 1.5. */
function encodeSetField(writer: Writer, action: Extract<Action, { kind: 'set_field' }>): void {
  if (action.mask !== undefined && writer.version < 6) return encodeExperimenter(writer, action);
  const start = open(writer, 25);
  encodeField(writer, action);
  close(writer, start);
}

function encodeAction(writer: Writer, action: Action): void {
  switch (action.kind) {
    case 'output':
      writer.u32(16);
      writer.u32(action.port);
      writer.u16(action.maxLen ?? 0);
      writer.zeros(6);
      break;
    case 'set_field':
      encodeSetField(writer, action);
      break;
    case 'group':
      writer.u32((22 << 16) | 8);
      writer.u32(action.groupId);
      break;
    case 'set_queue':
      writer.u32((21 << 16) | 8);
      writer.u32(action.queueId);
      break;
    case 'meter':
      writer.u32((29 << 16) | 8);
      writer.u32(action.meterId);
      break;
    case 'push_vlan':
    case 'push_mpls':
    case 'pop_mpls':
    case 'push_pbb':
      writer.u32((pushTypes[action.kind] << 16) | 8);
      writer.u16(action.ethertype);
      writer.zeros(2);
      break;
    case 'set_nw_ttl':
    case 'set_mpls_ttl':
      writer.u32((ttlTypes[action.kind] << 16) | 8);
      writer.u8(action.ttl);
      writer.zeros(3);
      break;
    case 'copy_ttl_out':
    case 'copy_ttl_in':
    case 'dec_mpls_ttl':
    case 'pop_vlan':
    case 'dec_nw_ttl':
    case 'pop_pbb':
      writer.u32((bareTypes[action.kind] << 16) | 8);
      writer.u32(0);
      break;
    case 'copy_field':
      encodeCopyField(writer, action);
      break;
    case 'unknown':
      writer.hex(action.bytes);
      break;
    default:
      encodeExperimenter(writer, action);
  }
}

export function encodeActions(writer: Writer, actions: readonly Action[]): void {
  for (const action of actions) encodeAction(writer, action);
}

/** Actions up to the end. */
export const actionsShape: Shape<readonly Action[]> = {
  decode: decodeActions,
  encode: encodeActions,
  toJson: (actions, version) => actions.map((action) => actionToJson(action, version)),
  fromJson: (json, path, version) => {
    if (!Array.isArray(json)) throw malformed(path, 'must be a list of actions');
    return json.map((action, index) => actionFromJson(action, `${path}/${index}`, version, 0));
  },
};
