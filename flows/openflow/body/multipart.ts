import { flags, malformed, objectOf, rest, text, u16, u32 } from '../shape.ts';
import type { Shape, Value } from '../shape.ts';
import { empty, field, list, structure } from '../structure.ts';
import { aggregate, flowEntry, flowStats15, flowStatsRequest } from './flow.ts';
import { groupDesc, groupDescRequest, groupFeatures, groupRequest, groupStats } from './group.ts';
import { meterConfig, meterFeatures, meterRequest, meterStats } from './meter.ts';
import { flowUpdate, monitorRequest, onfFlowUpdate, onfMonitorRequest } from './monitor.ts';
import { port, portDescRequest, portRequest, portStats, queueDesc, queueRequest, queueStats } from './port.ts';
import { tableDesc, tableFeatures, tableStats } from './table.ts';

/**
 * Multipart messages (OpenFlow 1.5.1 section 7.3.5). Types keep their 1.3 names in every version; 1.5's names are understood in
 * JSON. One message holds whole entries; putting the parts of a reply together is the session's work.
 */
const desc = structure(
  field('mfr_desc', text(256)),
  field('hw_desc', text(256)),
  field('sw_desc', text(256)),
  field('serial_num', text(32)),
  field('dp_desc', text(256)),
);

const opaque = structure(field('data', rest));

const onfExperimenter = 0x4f4e4600;
const onfFlowMonitor = 1870;

/** ONF's flow monitor for 1.3 is known by name; another experimenter's data stays bytes. */
function experimenterPart<T, const N extends string>(name: N, entries: Shape<T>) {
  type Part =
    | { readonly experimenter: number; readonly exp_type: number; readonly name: N; readonly entries: T }
    | { readonly experimenter: number; readonly exp_type: number; readonly name: null; readonly data: Uint8Array };
  const named = name as 'monitor';
  type Loose = { readonly experimenter: number; readonly exp_type: number } & (
    | { readonly name: 'monitor'; readonly entries: T }
    | { readonly name: null; readonly data: Uint8Array }
  );
  const shape: Shape<Loose> = {
    decode: (reader) => {
      const head = { experimenter: reader.u32(), exp_type: reader.u32() };
      if (head.experimenter === onfExperimenter && head.exp_type === onfFlowMonitor)
        return { ...head, name: named, entries: entries.decode(reader) };
      return { ...head, name: null, data: reader.take(reader.left) };
    },
    encode: (writer, value) => {
      writer.u32(value.experimenter);
      writer.u32(value.exp_type);
      if (value.name === null) writer.raw(value.data);
      else entries.encode(writer, value.entries);
    },
    toJson: (value, version) => {
      const head = { experimenter: value.experimenter, exp_type: value.exp_type, name: value.name };
      return value.name === null
        ? { ...head, data: rest.toJson(value.data, version) }
        : { ...head, entries: entries.toJson(value.entries, version) };
    },
    fromJson: (json, path, version) => {
      const given = objectOf(json, path);
      const head = {
        experimenter: u32.fromJson(given['experimenter'], `${path}/experimenter`, version),
        exp_type: u32.fromJson(given['exp_type'], `${path}/exp_type`, version),
      };
      if (given['name'] === name) return { ...head, name: named, entries: entries.fromJson(given['entries'], `${path}/entries`, version) };
      return { ...head, name: null, data: rest.fromJson(given['data'], `${path}/data`, version) };
    },
  };
  return shape as unknown as Shape<Part>;
}

const parts = {
  OFPMP_DESC: { number: 0, request: empty, reply: desc },
  OFPMP_FLOW: { number: 1, request: flowStatsRequest, reply: list(flowEntry) },
  OFPMP_AGGREGATE: { number: 2, request: flowStatsRequest, reply: aggregate },
  OFPMP_TABLE: { number: 3, request: empty, reply: list(tableStats) },
  OFPMP_PORT_STATS: { number: 4, request: portRequest, reply: list(portStats) },
  OFPMP_QUEUE: { number: 5, request: queueRequest, reply: list(queueStats) },
  OFPMP_GROUP: { number: 6, request: groupRequest, reply: list(groupStats) },
  OFPMP_GROUP_DESC: { number: 7, request: groupDescRequest, reply: list(groupDesc) },
  OFPMP_GROUP_FEATURES: { number: 8, request: empty, reply: groupFeatures },
  OFPMP_METER: { number: 9, request: meterRequest, reply: list(meterStats) },
  OFPMP_METER_CONFIG: { number: 10, request: meterRequest, reply: list(meterConfig) },
  OFPMP_METER_FEATURES: { number: 11, request: empty, reply: meterFeatures },
  OFPMP_TABLE_FEATURES: { number: 12, request: list(tableFeatures), reply: list(tableFeatures) },
  OFPMP_PORT_DESC: { number: 13, request: portDescRequest, reply: list(port) },
  OFPMP_TABLE_DESC: { number: 14, request: empty, reply: list(tableDesc) },
  OFPMP_QUEUE_DESC: { number: 15, request: queueRequest, reply: list(queueDesc) },
  OFPMP_FLOW_MONITOR: { number: 16, request: list(monitorRequest), reply: list(flowUpdate) },
  OFPMP_FLOW_STATS: { number: 17, request: flowStatsRequest, reply: list(flowStats15) },
  OFPMP_EXPERIMENTER: {
    number: 0xffff,
    request: experimenterPart('ONFMP_FLOW_MONITOR', list(onfMonitorRequest)),
    reply: experimenterPart('ONFMP_FLOW_MONITOR', list(onfFlowUpdate)),
  },
} as const;

export type PartType = keyof typeof parts;
type Direction = 'request' | 'reply';

/** What 1.5 calls the same parts. */
const laterNames: Readonly<Record<string, PartType>> = {
  OFPMP_FLOW_DESC: 'OFPMP_FLOW',
  OFPMP_AGGREGATE_STATS: 'OFPMP_AGGREGATE',
  OFPMP_TABLE_STATS: 'OFPMP_TABLE',
  OFPMP_QUEUE_STATS: 'OFPMP_QUEUE',
  OFPMP_GROUP_STATS: 'OFPMP_GROUP',
  OFPMP_METER_STATS: 'OFPMP_METER',
  OFPMP_METER_DESC: 'OFPMP_METER_CONFIG',
};

const partNames = new Map<number, PartType>(Object.entries(parts).map(([name, { number }]) => [number, name as PartType]));
const moreFlags = flags(16, { OFPMPF_MORE: 1 });
type Flags = Value<typeof moreFlags>;

type Multipart<D extends Direction> =
  | { [P in PartType]: { readonly type: P; readonly flags: Flags; readonly body: Value<(typeof parts)[P][D]> } }[PartType]
  | { readonly type: number; readonly flags: Flags; readonly body: { readonly data: Uint8Array } };
export type MultipartRequest = Multipart<'request'>;
export type MultipartReply = Multipart<'reply'>;

function partShape(type: PartType | number, direction: Direction): Shape<unknown> {
  return typeof type === 'number' ? opaque : parts[type][direction];
}

function partOf(number: number, version: number): PartType | number {
  const name = partNames.get(number);
  const since = number === 17 ? 6 : number >= 14 && number <= 16 ? 5 : 4;
  return name === undefined || version < since ? number : name;
}

function multipart<D extends Direction>(direction: D): Shape<Multipart<D>> {
  const shape: Shape<{ readonly type: PartType | number; readonly flags: Flags; readonly body: unknown }> = {
    decode: (reader) => {
      const type = partOf(reader.u16(), reader.version);
      const flagList = moreFlags.decode(reader);
      reader.skip(4);
      return { type, flags: flagList, body: partShape(type, direction).decode(reader) };
    },
    encode: (writer, value) => {
      writer.u16(typeof value.type === 'number' ? value.type : parts[value.type].number);
      moreFlags.encode(writer, value.flags);
      writer.u32(0);
      partShape(value.type, direction).encode(writer, value.body);
    },
    toJson: (value, version) => ({
      type: value.type,
      flags: moreFlags.toJson(value.flags, version),
      body: partShape(value.type, direction).toJson(value.body, version),
    }),
    fromJson: (json, path, version) => {
      const given = objectOf(json, path);
      const name =
        typeof given['type'] === 'string'
          ? (laterNames[given['type']] ?? given['type'])
          : u16.fromJson(given['type'], `${path}/type`, version);
      if (typeof name === 'string' && !Object.hasOwn(parts, name)) throw malformed(`${path}/type`, 'names no multipart type');
      const type = name as PartType | number;
      return {
        type,
        flags: moreFlags.fromJson(given['flags'], `${path}/flags`, version),
        body: partShape(type, direction).fromJson(given['body'], `${path}/body`, version),
      };
    },
  };
  return shape as unknown as Shape<Multipart<D>>;
}

export const multipartRequest = multipart('request');
export const multipartReply = multipart('reply');

/** Whether more parts of this reply follow. */
export function hasMore(body: { readonly flags: Flags }): boolean {
  return body.flags.includes('OFPMPF_MORE');
}
