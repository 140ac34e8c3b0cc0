import { DecodeError, assert } from '../../src/base/errors.ts';
import { fields, isFieldName } from '../model/field.ts';
import type { Field, FieldName } from '../model/field.ts';
import { isOpaque } from '../model/match.ts';
import type { FieldMatch, Match, MatchField } from '../model/match.ts';
import { bigOf, hexOf, integerOf, malformed, objectOf } from './shape.ts';
import type { Json, Reader, Shape, Writer } from './shape.ts';

/**
 * OXM, the extensible match (OpenFlow 1.5.1 section 7.2.3): a 32-bit header of class, field, hasmask and payload length, for
 * experimenters the experimenter's id, then value and mask. Headers are computed once from the field table.
 */
const experimenterClass = 0xffff;

interface Coding {
  readonly field: Field;
  /** Class and field number, without mask bit and length. */
  readonly header: number;
  readonly experimenter: number;
  /** Header with the length of an exact value. */
  readonly exact: number;
  /** Header with mask bit and the length of value and mask. */
  readonly masked: number;
}

function codingOf(field: Field, place: { readonly oxmClass: number; readonly experimenter: number; readonly number: number }): Coding {
  const header = ((place.oxmClass << 16) | (place.number << 9)) >>> 0;
  const extra = place.oxmClass === experimenterClass ? 4 : 0;
  return {
    field,
    header,
    experimenter: place.experimenter,
    exact: (header | (field.bytes + extra)) >>> 0,
    masked: (header | 0x100 | ((field.bytes * 2 + extra) & 0xff)) >>> 0,
  };
}

/** Field numbers have 7 bits: per class an array, per experimenter an array. */
class Dictionary {
  private readonly classes = new Map<number, (Coding | undefined)[]>();
  private readonly experimenters = new Map<number, (Coding | undefined)[]>();
  private readonly basic: (Coding | undefined)[] = [];
  private readonly extension: (Coding | undefined)[] = [];
  private readonly names: Readonly<Record<string, Coding>>;

  constructor(before15: boolean) {
    const names: Record<string, Coding> = {};
    this.classes.set(0x8000, this.basic);
    this.classes.set(1, this.extension);
    for (const field of fields) {
      const place = before15 && field.before15 ? field.before15 : field;
      const coding = codingOf(field, place);
      names[field.name] = coding;
      const tables = place.oxmClass === experimenterClass ? this.experimenters : this.classes;
      const key = place.oxmClass === experimenterClass ? place.experimenter : place.oxmClass;
      const table = tables.get(key) ?? [];
      table[place.number] = coding;
      tables.set(key, table);
    }
    this.names = names;
  }

  named(name: FieldName): Coding {
    const coding = this.names[name];
    assert(coding, `no match field is called ${name}`);
    return coding;
  }

  find(oxmClass: number, number: number, experimenter: number): Coding | undefined {
    if (oxmClass === 0x8000) return this.basic[number];
    if (oxmClass === 1) return this.extension[number];
    return oxmClass === experimenterClass ? this.experimenters.get(experimenter)?.[number] : this.classes.get(oxmClass)?.[number];
  }
}

const dictionary15 = new Dictionary(false);
const dictionaryBefore15 = new Dictionary(true);
const dictionaryOf = (version: number): Dictionary => (version >= 6 ? dictionary15 : dictionaryBefore15);

function readValue(reader: Reader, bytes: number, wide: boolean): number | bigint {
  switch (bytes) {
    case 1:
      return reader.u8();
    case 2:
      return reader.u16();
    case 3:
      return reader.u24();
    case 4:
      return wide ? BigInt(reader.u32()) : reader.u32();
    case 6:
      return reader.u48();
    case 8:
      return reader.u64();
    case 16:
      return reader.u128();
    default:
      return reader.big(bytes);
  }
}

function writeValue(writer: Writer, value: number | bigint, bytes: number, wide: boolean): void {
  if (typeof value === 'bigint' || wide) {
    const big = BigInt(value);
    if (bytes === 8) writer.u64(big);
    else if (bytes === 16) writer.u128(big);
    else writer.big(big, bytes);
    return;
  }
  switch (bytes) {
    case 1:
      writer.u8(value);
      break;
    case 2:
      writer.u16(value);
      break;
    case 3:
      writer.u24(value);
      break;
    case 4:
      writer.u32(value);
      break;
    default:
      writer.u48(value);
  }
}

/** One condition. A known field with a length that is not its own is an error; an unknown field is kept. */
export function decodeField(reader: Reader): MatchField {
  const start = reader.offset;
  const header = reader.u32();
  const oxmClass = header >>> 16;
  const number = (header >>> 9) & 127;
  const hasmask = (header & 0x100) !== 0;
  const length = header & 0xff;
  const extra = oxmClass === experimenterClass ? 4 : 0;
  const coding = dictionaryOf(reader.version).find(oxmClass, number, extra === 0 ? 0 : reader.peek32(0));
  // A header without payload names no value: some peers end a match with such zeros.
  if (!coding || length === 0) return { field: 'oxm', class: oxmClass, number, hasmask, bytes: reader.hex(length) };
  const { field } = coding;
  const payload = length - extra;
  const bytes = hasmask ? payload >> 1 : payload;
  if (
    field.variable
      ? bytes < 1 || bytes > field.bytes || (hasmask && payload % 2 !== 0)
      : payload !== (hasmask ? field.bytes * 2 : field.bytes)
  )
    throw new DecodeError('bad_match_length', start, `${field.name} has a payload of ${length} bytes`);
  if (extra !== 0) reader.skip(4);
  const value = readValue(reader, bytes, field.wide);
  if (field.variable)
    return hasmask ? { field: field.name, value, mask: readValue(reader, bytes, true), bytes } : { field: field.name, value, bytes };
  return hasmask ? { field: field.name, value, mask: readValue(reader, bytes, field.wide) } : { field: field.name, value };
}

/** The least multiple of 4 bytes that holds value and mask of a Geneve option without a declared length. */
function optionBytes(condition: FieldMatch): number {
  const bits = Math.max(condition.value.toString(2).length, (condition.mask ?? 0).toString(2).length);
  return Math.ceil(bits / 32) * 4;
}

export function encodeField(writer: Writer, condition: MatchField): void {
  if (isOpaque(condition)) {
    writer.u32(((condition.class << 16) | (condition.number << 9) | (condition.hasmask ? 0x100 : 0) | (condition.bytes.length >> 1)) >>> 0);
    writer.hex(condition.bytes);
    return;
  }
  const coding = dictionaryOf(writer.version).named(condition.field);
  const { field } = coding;
  const { mask } = condition;
  let { bytes } = field;
  if (field.variable) {
    bytes = condition.bytes ?? optionBytes(condition);
    writer.u32((coding.header | (mask === undefined ? bytes : 0x100 | (bytes * 2))) >>> 0);
  } else writer.u32(mask === undefined ? coding.exact : coding.masked);
  if (coding.experimenter !== 0) writer.u32(coding.experimenter);
  writeValue(writer, condition.value, bytes, field.wide);
  if (mask !== undefined) writeValue(writer, mask, bytes, field.wide);
}

/** A bare header, as actions name a field. Nothing when the field is unknown or the header is not that of an exact value. */
export function decodeHeader(reader: Reader): { readonly field: FieldName; readonly bytes?: number } | undefined {
  const header = reader.u32();
  const oxmClass = header >>> 16;
  const experimenter = oxmClass === experimenterClass ? reader.u32() : 0;
  const coding = dictionaryOf(reader.version).find(oxmClass, (header >>> 9) & 127, experimenter);
  if (!coding || (header & 0x100) !== 0) return undefined;
  if (coding.field.variable) return { field: coding.field.name, bytes: header & 0xff };
  return header === coding.exact ? { field: coding.field.name } : undefined;
}

export function encodeHeader(writer: Writer, name: FieldName, bytes?: number): void {
  const coding = dictionaryOf(writer.version).named(name);
  writer.u32(coding.field.variable ? (coding.header | (bytes ?? coding.field.bytes)) >>> 0 : coding.exact);
  if (coding.experimenter !== 0) writer.u32(coding.experimenter);
}

/** Whether the header takes 8 bytes. */
export function isExperimenterField(name: FieldName, version: number): boolean {
  return dictionaryOf(version).named(name).experimenter !== 0;
}

/** Conditions up to the reader's end. */
function decodeFields(reader: Reader): MatchField[] {
  const match: MatchField[] = [];
  while (reader.left > 0) match.push(decodeField(reader));
  return match;
}

export function decodeMatch(reader: Reader): Match {
  const start = reader.offset;
  const type = reader.u16();
  if (type !== 1) throw new DecodeError('bad_match_type', start, `match type ${type} is not OXM`);
  const outer = reader.narrow(start, reader.u16());
  const match = decodeFields(reader);
  reader.widen(outer);
  const padding = (8 - ((reader.offset - start) & 7)) & 7;
  reader.skip(padding);
  return match;
}

export function encodeMatch(writer: Writer, match: Match): void {
  const start = writer.length;
  writer.u16(1);
  writer.u16(0);
  for (const condition of match) encodeField(writer, condition);
  writer.patch16(start + 2, writer.length - start);
  writer.align8(start);
}

function valueToJson(value: number | bigint): Json {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}

export function fieldToJson(condition: MatchField): Record<string, Json> {
  if (isOpaque(condition)) return { ...condition };
  const { field, value, mask, bytes } = condition;
  return {
    field,
    value: valueToJson(value),
    ...(mask !== undefined && { mask: valueToJson(mask) }),
    ...(bytes !== undefined && { bytes }),
  };
}

function valueFromJson(json: unknown, path: string, field: Field, bytes: number): number | bigint {
  const value = bigOf(json, path, bytes * 8);
  return field.wide ? value : Number(value);
}

export function fieldFromJson(json: unknown, path: string, version: number): MatchField {
  const given = objectOf(json, path);
  const name = given['field'];
  if (name === 'oxm') {
    const bytes = hexOf(given['bytes'], `${path}/bytes`);
    if (bytes.length > 510) throw malformed(`${path}/bytes`, 'must be at most 255 bytes');
    return {
      field: 'oxm',
      class: integerOf(given['class'], `${path}/class`, 0xffff),
      number: integerOf(given['number'], `${path}/number`, 127),
      hasmask: given['hasmask'] === true,
      bytes,
    };
  }
  if (typeof name !== 'string' || !isFieldName(name)) throw malformed(`${path}/field`, `names no match field`);
  const { field } = dictionaryOf(version).named(name);
  const bytes = field.variable && given['bytes'] !== undefined ? integerOf(given['bytes'], `${path}/bytes`, field.bytes) : field.bytes;
  const condition: FieldMatch = {
    field: name,
    value: valueFromJson(given['value'], `${path}/value`, field, bytes),
    ...(given['mask'] !== undefined && { mask: valueFromJson(given['mask'], `${path}/mask`, field, bytes) }),
    ...(field.variable && given['bytes'] !== undefined && { bytes }),
  };
  return condition;
}

function matchFromJson(json: unknown, path: string, version: number): Match {
  if (!Array.isArray(json)) throw malformed(path, 'must be a list of match fields');
  return json.map((condition, index) => fieldFromJson(condition, `${path}/${index}`, version));
}

/** With header and padding: `struct ofp_match`. */
export const matchShape: Shape<Match> = {
  decode: decodeMatch,
  encode: encodeMatch,
  toJson: (match) => match.map(fieldToJson),
  fromJson: matchFromJson,
};

/** Bare conditions up to the end. */
export const fieldsShape: Shape<Match> = {
  ...matchShape,
  decode: decodeFields,
  encode: (writer, match) => {
    for (const condition of match) encodeField(writer, condition);
  },
};
