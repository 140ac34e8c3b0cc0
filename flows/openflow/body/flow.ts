import { DecodeError } from '../../../src/base/errors.ts';
import type { Instruction } from '../../model/instruction.ts';
import type { Match } from '../../model/match.ts';
import { decodeInstructions, encodeInstructions, instructionsShape } from '../instruction.ts';
import { flowFlags, flowModCommands, flowRemovedReasons } from '../names.ts';
import { decodeMatch, encodeMatch, matchShape } from '../oxm.ts';
import { bigOf, byVersion, counter, flags, hexOf, integerOf, malformed, names, objectOf, u16, u32, u64, u8 } from '../shape.ts';
import type { Json, Reader, Shape, Value } from '../shape.ts';
import { field, length16, pad, structure } from '../structure.ts';
import type { Writer } from '../writer.ts';

/** Flow-mod, flow-removed and flow statistics (OpenFlow 1.5.1 sections 7.3.4.2, 7.4.2, 7.3.5.2). */

export const flowFlagsShape = flags(16, flowFlags);
const commandShape = names(8, flowModCommands);

const flowModHead = [
  field('cookie', u64),
  field('cookie_mask', u64),
  field('table_id', u8),
  field('command', commandShape),
  field('idle_timeout', u16),
  field('hard_timeout', u16),
  field('priority', u16),
  field('buffer_id', u32),
  field('out_port', u32),
  field('out_group', u32),
  field('flags', flowFlagsShape),
] as const;
const flowMod13 = structure(...flowModHead, pad(2), field('match', matchShape), field('instructions', instructionsShape));
const flowMod14 = structure(...flowModHead, field('importance', u16), field('match', matchShape), field('instructions', instructionsShape));
/** 1.4 adds `importance`. */
export const flowMod = byVersion(flowMod13, flowMod14, flowMod14);

/** One statistic of 1.5 (OXS, class 0x8002). `duration` is seconds in the upper half, nanoseconds in the lower. */
export type Statistic =
  | { readonly field: 'duration' | 'idle_time' | 'flow_count' | 'packet_count' | 'byte_count'; readonly value: bigint }
  | { readonly field: 'oxs'; readonly class: number; readonly number: number; readonly reserved: number; readonly bytes: string };

const statisticNumbers = { duration: 0, idle_time: 1, flow_count: 3, packet_count: 4, byte_count: 5 } as const;
type StatisticName = keyof typeof statisticNumbers;
const statisticNames = new Map<number, StatisticName>(
  Object.entries(statisticNumbers).map(([name, number]) => [number, name as StatisticName]),
);
const basicStatistics = 0x8002;
const statisticBytes = (name: StatisticName): 4 | 8 => (name === 'flow_count' ? 4 : 8);

function decodeStatistic(reader: Reader): Statistic {
  const header = reader.u32();
  const name = header >>> 16 === basicStatistics && (header & 0x100) === 0 ? statisticNames.get((header >>> 9) & 127) : undefined;
  const length = header & 0xff;
  if (name !== undefined && length === statisticBytes(name))
    return { field: name, value: length === 4 ? BigInt(reader.u32()) : reader.u64() };
  return { field: 'oxs', class: header >>> 16, number: (header >>> 9) & 127, reserved: (header >>> 8) & 1, bytes: reader.hex(length) };
}

function encodeStatistic(writer: Writer, statistic: Statistic): void {
  if (statistic.field === 'oxs') {
    writer.u32(((statistic.class << 16) | (statistic.number << 9) | (statistic.reserved << 8) | (statistic.bytes.length >> 1)) >>> 0);
    writer.hex(statistic.bytes);
    return;
  }
  const bytes = statisticBytes(statistic.field);
  writer.u32(((basicStatistics << 16) | (statisticNumbers[statistic.field] << 9) | bytes) >>> 0);
  if (bytes === 4) writer.u32(Number(statistic.value));
  else writer.u64(statistic.value);
}

function statisticFromJson(json: unknown, path: string): Statistic {
  const given = objectOf(json, path);
  const name = given['field'];
  if (name === 'oxs')
    return {
      field: name,
      class: integerOf(given['class'], `${path}/class`, 0xffff),
      number: integerOf(given['number'], `${path}/number`, 127),
      reserved: integerOf(given['reserved'], `${path}/reserved`, 1),
      bytes: hexOf(given['bytes'], `${path}/bytes`),
    };
  if (typeof name !== 'string' || !Object.hasOwn(statisticNumbers, name)) throw malformed(`${path}/field`, 'names no statistic');
  const known = name as StatisticName;
  return { field: known, value: bigOf(given['value'], `${path}/value`, statisticBytes(known) * 8) };
}

/** `struct ofp_stats`: reserved, length, statistics, padding to 8. */
const statistics: Shape<readonly Statistic[]> = {
  decode: (reader) => {
    const start = reader.offset;
    reader.skip(2);
    const outer = reader.narrow(start, reader.u16());
    const list: Statistic[] = [];
    while (reader.left > 0) list.push(decodeStatistic(reader));
    reader.widen(outer);
    reader.align8(start);
    return list;
  },
  encode: (writer, value) => {
    const start = writer.length;
    writer.u32(0);
    for (const statistic of value) encodeStatistic(writer, statistic);
    writer.patch16(start + 2, writer.length - start);
    writer.align8(start);
  },
  toJson: (value) =>
    value.map((statistic): Json =>
      statistic.field === 'oxs' ? { ...statistic } : { field: statistic.field, value: statistic.value.toString() },
    ),
  fromJson: (json, path) => {
    if (!Array.isArray(json)) throw malformed(path, 'must be a list of statistics');
    return json.map((statistic, index) => statisticFromJson(statistic, `${path}/${index}`));
  },
};

const reason = names(8, flowRemovedReasons);
const flowRemoved13 = structure(
  field('cookie', u64),
  field('priority', u16),
  field('reason', reason),
  field('table_id', u8),
  field('duration_sec', u32),
  field('duration_nsec', u32),
  field('idle_timeout', u16),
  field('hard_timeout', u16),
  field('packet_count', counter),
  field('byte_count', counter),
  field('match', matchShape),
);
const flowRemoved15 = structure(
  field('table_id', u8),
  field('reason', reason),
  field('priority', u16),
  field('idle_timeout', u16),
  field('hard_timeout', u16),
  field('cookie', u64),
  field('match', matchShape),
  field('stats', statistics),
);
export const flowRemoved = byVersion(flowRemoved13, flowRemoved13, flowRemoved15);

/** For flow and aggregate statistics. */
export const flowStatsRequest = structure(
  field('table_id', u8),
  pad(3),
  field('out_port', u32),
  field('out_group', u32),
  pad(4),
  field('cookie', u64),
  field('cookie_mask', u64),
  field('match', matchShape),
);

/** An entry of a dump on 1.3 and 1.4 (`importance` is 1.4's). */
export interface FlowStats {
  readonly table_id: number;
  readonly duration_sec: number;
  readonly duration_nsec: number;
  readonly priority: number;
  readonly idle_timeout: number;
  readonly hard_timeout: number;
  readonly flags: Value<typeof flowFlagsShape>;
  readonly importance: number;
  readonly cookie: bigint;
  readonly packet_count: bigint;
  readonly byte_count: bigint;
  readonly match: Match;
  readonly instructions: readonly Instruction[];
}

/** Written out instead of declared: a dump has a hundred thousand of them. */
function decodeFlowStats(reader: Reader): FlowStats {
  const start = reader.offset;
  const length = reader.u16();
  if (length < 56) throw new DecodeError('bad_length', start, `a flow entry has ${length} bytes`);
  const outer = reader.narrow(start, length);
  const table = reader.u8();
  reader.skip(1);
  const seconds = reader.u32();
  const nanoseconds = reader.u32();
  const priority = reader.u16();
  const idle = reader.u16();
  const hard = reader.u16();
  const flagList = flowFlagsShape.decode(reader);
  const importance = reader.u16();
  reader.skip(2);
  const entry: FlowStats = {
    table_id: table,
    duration_sec: seconds,
    duration_nsec: nanoseconds,
    priority,
    idle_timeout: idle,
    hard_timeout: hard,
    flags: flagList,
    importance,
    cookie: reader.u64(),
    packet_count: reader.u64(),
    byte_count: reader.u64(),
    match: decodeMatch(reader),
    instructions: decodeInstructions(reader),
  };
  reader.widen(outer);
  return entry;
}

function encodeFlowStats(writer: Writer, entry: FlowStats): void {
  const start = writer.length;
  writer.u16(0);
  writer.u8(entry.table_id);
  writer.u8(0);
  writer.u32(entry.duration_sec);
  writer.u32(entry.duration_nsec);
  writer.u16(entry.priority);
  writer.u16(entry.idle_timeout);
  writer.u16(entry.hard_timeout);
  flowFlagsShape.encode(writer, entry.flags);
  writer.u16(entry.importance);
  writer.u16(0);
  writer.u64(entry.cookie);
  writer.u64(entry.packet_count);
  writer.u64(entry.byte_count);
  encodeMatch(writer, entry.match);
  encodeInstructions(writer, entry.instructions);
  writer.patch16(start, writer.length - start);
}

const flowStatsJson = structure(
  length16,
  field('table_id', u8),
  field('duration_sec', u32),
  field('duration_nsec', u32),
  field('priority', u16),
  field('idle_timeout', u16),
  field('hard_timeout', u16),
  field('flags', flowFlagsShape),
  field('importance', u16),
  field('cookie', u64),
  field('packet_count', counter),
  field('byte_count', counter),
  field('match', matchShape),
  field('instructions', instructionsShape),
);

const flowStats13: Shape<FlowStats> = { ...flowStatsJson, decode: decodeFlowStats, encode: encodeFlowStats };

/** 1.5's `struct ofp_flow_desc`. */
const flowDesc15 = structure(
  length16,
  pad(2),
  field('table_id', u8),
  pad(1),
  field('priority', u16),
  field('idle_timeout', u16),
  field('hard_timeout', u16),
  field('flags', flowFlagsShape),
  field('importance', u16),
  field('cookie', u64),
  field('match', matchShape),
  field('stats', statistics),
  field('instructions', instructionsShape),
);

/** An entry of `OFPMP_FLOW`, which 1.5 calls `OFPMP_FLOW_DESC`. */
export const flowEntry = byVersion(flowStats13, flowStats13, flowDesc15);
export type FlowEntry = Value<typeof flowEntry>;

/** An entry of 1.5's `OFPMP_FLOW_STATS`. */
export const flowStats15 = structure(
  length16,
  pad(2),
  field('table_id', u8),
  field('reason', names(8, { OFPFSR_STATS_REQUEST: 0, OFPFSR_STAT_TRIGGER: 1 })),
  field('priority', u16),
  field('match', matchShape),
  field('stats', statistics),
);

const aggregate13 = structure(field('packet_count', counter), field('byte_count', counter), field('flow_count', u32), pad(4));
export const aggregate = byVersion(aggregate13, aggregate13, structure(field('stats', statistics)));
