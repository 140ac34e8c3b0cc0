import { errorCodeName, errorTypeName, errorTypes, experimenterError, experimenterErrorName } from '../error-names.ts';
import { capabilities, fragmentHandling, roleReasons, roles } from '../names.ts';
import { byVersion, flags, integerOf, malformed, names, objectOf, rest, u16, u32, u64, u8 } from '../shape.ts';
import type { Reader, Shape, Value } from '../shape.ts';
import { field, list, pad, property, structure, variant } from '../structure.ts';

/** Hello, error, echo, features, configuration, role and asynchronous configuration. */

const helloElement = property({ OFPHET_VERSIONBITMAP: variant(1, structure(field('bitmaps', list(u32)))) });

/** Whether a whole element follows; what is none is to be ignored (OpenFlow 1.5.1 section 6.3.1). */
function elementFollows(reader: Reader): boolean {
  if (reader.left < 4) return false;
  const length = reader.peek16(2);
  return length >= 4 && length <= reader.left;
}

/** `OFPHET_VERSIONBITMAP`: bit n of word w is wire version 32 w + n. `data` is what came behind the elements, if anything did. */
export interface Hello {
  readonly elements: readonly Value<typeof helloElement>[];
  readonly data?: Uint8Array;
}

const elements = list(helloElement);

export const hello: Shape<Hello> = {
  decode: (reader) => {
    const found = [];
    while (elementFollows(reader)) found.push(helloElement.decode(reader));
    return reader.left > 0 ? { elements: found, data: reader.take(reader.left) } : { elements: found };
  },
  encode: (writer, value) => {
    elements.encode(writer, value.elements);
    if (value.data) writer.raw(value.data);
  },
  toJson: (value, version) => ({
    elements: elements.toJson(value.elements, version),
    ...(value.data && { data: rest.toJson(value.data, version) }),
  }),
  fromJson: (json, path, version) => {
    const given = objectOf(json, path);
    return {
      elements: elements.fromJson(given['elements'], `${path}/elements`, version),
      ...(given['data'] !== undefined && { data: rest.fromJson(given['data'], `${path}/data`, version) }),
    };
  },
};

/** Wire versions that a hello offers; one without a bitmap offers all up to its own. */
export function versionsOf(body: Hello, headerVersion: number): readonly number[] {
  const element = body.elements.find((candidate) => candidate.type === 'OFPHET_VERSIONBITMAP');
  if (!element || !('bitmaps' in element)) return Array.from({ length: headerVersion }, (_, index) => index + 1);
  return element.bitmaps.flatMap((word, index) =>
    Array.from({ length: 32 }, (_, bit) => index * 32 + bit).filter((version) => ((word >>> (version % 32)) & 1) === 1),
  );
}

/**
 * `OFPT_ERROR`. For experimenter errors `type` is "OFPET_EXPERIMENTER", `code` the name of the pair of `experimenter` and
 * `exp_type` where it is known. `data` begins with the message that failed.
 */
export type ErrorBody =
  | { readonly type: string | number; readonly code: string | number; readonly data: Uint8Array }
  | {
      readonly type: 'OFPET_EXPERIMENTER';
      readonly code: string | number;
      readonly exp_type: number;
      readonly experimenter: number;
      readonly data: Uint8Array;
    };

function decodeError(reader: Reader): ErrorBody {
  const type = reader.u16();
  const code = reader.u16();
  if (type !== experimenterError)
    return { type: errorTypeName(type) ?? type, code: errorCodeName(type, code) ?? code, data: reader.take(reader.left) };
  const experimenter = reader.u32();
  return {
    type: 'OFPET_EXPERIMENTER',
    code: experimenterErrorName(experimenter, code) ?? code,
    exp_type: code,
    experimenter,
    data: reader.take(reader.left),
  };
}

function typeNumber(type: string | number): number | undefined {
  return typeof type === 'number' ? type : errorTypes[type]?.number;
}

function codeNumber(type: string | number, code: string | number): number {
  if (typeof code === 'number') return code;
  const name = typeof type === 'number' ? errorTypeName(type) : type;
  return name === undefined ? -1 : (errorTypes[name]?.codes.indexOf(code) ?? -1);
}

export const error: Shape<ErrorBody> = {
  decode: decodeError,
  encode: (writer, value) => {
    if ('experimenter' in value) {
      writer.u16(experimenterError);
      writer.u16(value.exp_type);
      writer.u32(value.experimenter);
    } else {
      writer.u16(typeNumber(value.type) ?? 0);
      writer.u16(codeNumber(value.type, value.code));
    }
    writer.raw(value.data);
  },
  toJson: (value, version) => ({ ...value, data: rest.toJson(value.data, version) }),
  fromJson: (json, path, version) => {
    const given = objectOf(json, path);
    const data = rest.fromJson(given['data'], `${path}/data`, version);
    const { type, code } = given;
    if (type === 'OFPET_EXPERIMENTER') {
      const expType = integerOf(given['exp_type'], `${path}/exp_type`, 0xffff);
      const experimenter = integerOf(given['experimenter'], `${path}/experimenter`, 0xffffffff);
      return { type, code: experimenterErrorName(experimenter, expType) ?? expType, exp_type: expType, experimenter, data };
    }
    if ((typeof type !== 'string' && typeof type !== 'number') || typeNumber(type) === undefined)
      throw malformed(`${path}/type`, 'names no type of error');
    if ((typeof code !== 'string' && typeof code !== 'number') || codeNumber(type, code) < 0)
      throw malformed(`${path}/code`, 'names no code of that type');
    return { type, code, data };
  },
};

export const echo = structure(field('data', rest));

export const featuresReply = structure(
  field('datapath_id', u64),
  field('n_buffers', u32),
  field('n_tables', u8),
  field('auxiliary_id', u8),
  pad(2),
  field('capabilities', flags(32, capabilities)),
  field('reserved', u32),
);

export const switchConfig = structure(field('flags', names(16, fragmentHandling)), field('miss_send_len', u16));

const role13 = structure(field('role', names(32, roles)), pad(4), field('generation_id', u64));
const role15 = structure(field('role', names(32, roles)), field('short_id', u16), pad(2), field('generation_id', u64));
/** 1.5 adds `short_id`. */
export const role = byVersion(role13, role13, role15);

export const roleStatus = structure(
  field('role', names(32, roles)),
  field('reason', names(8, roleReasons)),
  pad(3),
  field('generation_id', u64),
  field('properties', list(property({}))),
);

const masks13 = structure(
  field('packet_in_mask', pairOf(u32)),
  field('port_status_mask', pairOf(u32)),
  field('flow_removed_mask', pairOf(u32)),
);

/** For master and equal, then for slave. */
function pairOf(shape: Shape<number>): Shape<readonly [number, number]> {
  return {
    decode: (reader) => [shape.decode(reader), shape.decode(reader)],
    encode: (writer, value) => value.forEach((half) => shape.encode(writer, half)),
    toJson: (value) => [...value],
    fromJson: (json, path, version) => {
      if (!Array.isArray(json) || json.length !== 2) throw malformed(path, 'must be a list of 2');
      return [shape.fromJson(json[0], `${path}/0`, version), shape.fromJson(json[1], `${path}/1`, version)];
    },
  };
}

const mask = structure(field('mask', u32));
const masks14 = structure(
  field(
    'properties',
    list(
      property({
        OFPACPT_PACKET_IN_SLAVE: variant(0, mask),
        OFPACPT_PACKET_IN_MASTER: variant(1, mask),
        OFPACPT_PORT_STATUS_SLAVE: variant(2, mask),
        OFPACPT_PORT_STATUS_MASTER: variant(3, mask),
        OFPACPT_FLOW_REMOVED_SLAVE: variant(4, mask),
        OFPACPT_FLOW_REMOVED_MASTER: variant(5, mask),
        OFPACPT_ROLE_STATUS_SLAVE: variant(6, mask),
        OFPACPT_ROLE_STATUS_MASTER: variant(7, mask),
        OFPACPT_TABLE_STATUS_SLAVE: variant(8, mask),
        OFPACPT_TABLE_STATUS_MASTER: variant(9, mask),
        OFPACPT_REQUESTFORWARD_SLAVE: variant(10, mask),
        OFPACPT_REQUESTFORWARD_MASTER: variant(11, mask),
        OFPACPT_FLOW_STATS_SLAVE: variant(12, mask),
        OFPACPT_FLOW_STATS_MASTER: variant(13, mask),
        OFPACPT_CONT_STATUS_SLAVE: variant(14, mask),
        OFPACPT_CONT_STATUS_MASTER: variant(15, mask),
      }),
    ),
  ),
);
/** Six masks on 1.3, properties later. */
export const asyncConfig = byVersion(masks13, masks14, masks14);
/** NXT_SET_ASYNC_CONFIG and NXT_SET_ASYNC_CONFIG2 have these forms on every version. */
export const asyncMasks = masks13;
export const asyncProperties = masks14;
