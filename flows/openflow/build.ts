import type { Action } from '../model/action.ts';
import { reservedPort } from '../model/action.ts';
import type { Flow } from '../model/flow.ts';
import type { Bucket, Group } from '../model/group.ts';
import type { Match } from '../model/match.ts';
import type { Meter, MeterBand } from '../model/meter.ts';
import type { Bucket13, Bucket15 } from './body/group.ts';
import { netronomeId } from './body/group.ts';
import { flowFlagsShape } from './body/flow.ts';
import { encodeInstructions } from './instruction.ts';
import type { Message, MessageOf, MessageType } from './message.ts';
import { flowModCommands } from './names.ts';
import type { flowMonitorFlags, groupModCommands, meterModCommands } from './names.ts';
import { onfId } from './action.ts';
import { encodeMatch } from './oxm.ts';
import type { Version } from './reader.ts';
import { encodeFilled } from './template-encoding.ts';
import type { Writer } from './writer.ts';

/** Messages from domain values, alike for every version. */

const any = 0xffffffff;
const noBuffer = 0xffffffff;
export const allTables = 0xff;

export type FlowModCommand = keyof typeof flowModCommands;
export type GroupModCommand = keyof typeof groupModCommands;
export type MeterModCommand = keyof typeof meterModCommands;

/** Which of the flows that match a modification or deletion concerns. */
export interface FlowModOptions {
  /** Compares `flow.cookie` under this mask. For OFPFC_ADD leave it 0. */
  readonly cookieMask?: bigint;
  readonly outPort?: number;
  readonly outGroup?: number;
  readonly bufferId?: number;
}

function message<T extends MessageType>(version: number, type: T, xid: number, body: unknown): MessageOf<T> {
  return { version, type, xid, body } as MessageOf<T>;
}

export function flowMod(
  version: Version,
  xid: number,
  command: FlowModCommand,
  flow: Flow,
  options: FlowModOptions = {},
): MessageOf<'OFPT_FLOW_MOD'> {
  return message(version, 'OFPT_FLOW_MOD', xid, {
    cookie: flow.cookie,
    cookie_mask: options.cookieMask ?? 0n,
    table_id: flow.tableId,
    command,
    idle_timeout: flow.idleTimeout ?? 0,
    hard_timeout: flow.hardTimeout ?? 0,
    priority: flow.priority,
    buffer_id: options.bufferId ?? noBuffer,
    out_port: options.outPort ?? any,
    out_group: options.outGroup ?? any,
    flags: flow.flags ?? [],
    ...(version > 4 && { importance: flow.importance ?? 0 }),
    match: flow.match,
    instructions: flow.instructions,
  });
}

/** Appends the bytes of `flowMod` with nothing built in between. */
export function encodeFlowMod(
  writer: Writer,
  version: Version,
  xid: number,
  command: FlowModCommand,
  flow: Flow,
  options: FlowModOptions = {},
): void {
  const start = writer.length;
  writer.version = version;
  writer.u16((version << 8) | 14);
  writer.u16(0);
  writer.u32(xid);
  writer.u64(flow.cookie);
  writer.u64(options.cookieMask ?? 0n);
  writer.u8(flow.tableId);
  writer.u8(flowModCommands[command]);
  writer.u16(flow.idleTimeout ?? 0);
  writer.u16(flow.hardTimeout ?? 0);
  writer.u16(flow.priority);
  writer.u32(options.bufferId ?? noBuffer);
  writer.u32(options.outPort ?? any);
  writer.u32(options.outGroup ?? any);
  flowFlagsShape.encode(writer, flow.flags ?? []);
  writer.u16(version > 4 ? (flow.importance ?? 0) : 0);
  if (flow.filled) encodeFilled(writer, flow.filled);
  else {
    encodeMatch(writer, flow.match);
    encodeInstructions(writer, flow.instructions);
  }
  writer.patch16(start + 2, writer.length - start);
}

function bucket13Of(bucket: Bucket): Bucket13 {
  return {
    weight: bucket.weight ?? 0,
    watch_port: bucket.watchPort ?? any,
    watch_group: bucket.watchGroup ?? any,
    actions: bucket.actions,
  };
}

function bucket15Of(bucket: Bucket, index: number): Bucket15 {
  const properties: Bucket15['properties'][number][] = [];
  if (bucket.weight !== undefined) properties.push({ type: 'OFPGBPT_WEIGHT', weight: bucket.weight });
  if (bucket.watchPort !== undefined) properties.push({ type: 'OFPGBPT_WATCH_PORT', watch: bucket.watchPort });
  if (bucket.watchGroup !== undefined) properties.push({ type: 'OFPGBPT_WATCH_GROUP', watch: bucket.watchGroup });
  return { bucket_id: bucket.bucketId ?? index, actions: bucket.actions, properties };
}

const groupTypeNames = { all: 'OFPGT_ALL', select: 'OFPGT_SELECT', indirect: 'OFPGT_INDIRECT', ff: 'OFPGT_FF' } as const;

/** For `OFPGC_DELETE` only the id counts; `allGroups` deletes every group. `commandBucketId` places inserted and removed buckets (1.5). */
export function groupMod(
  version: Version,
  xid: number,
  command: GroupModCommand,
  group: Group,
  commandBucketId = any,
): MessageOf<'OFPT_GROUP_MOD'> {
  const head = { command, type: groupTypeNames[group.type], group_id: group.groupId };
  if (version < 6) return message(version, 'OFPT_GROUP_MOD', xid, { ...head, buckets: group.buckets.map(bucket13Of) });
  const { selection } = group;
  const properties = selection
    ? [
        {
          type: 'OFPGPT_EXPERIMENTER',
          experimenter: netronomeId,
          exp_type: 1,
          selection_method: selection.method,
          selection_method_param: selection.parameter,
          fields: selection.fields,
        },
      ]
    : [];
  return message(version, 'OFPT_GROUP_MOD', xid, {
    ...head,
    command_bucket_id: commandBucketId,
    buckets: group.buckets.map(bucket15Of),
    properties,
  });
}

export const allGroups = 0xfffffffc;
export const allMeters = 0xffffffff;

function bandOf(band: MeterBand) {
  switch (band.kind) {
    case 'drop':
      return { type: 'OFPMBT_DROP', rate: band.rate, burst_size: band.burst };
    case 'dscp_remark':
      return { type: 'OFPMBT_DSCP_REMARK', rate: band.rate, burst_size: band.burst, prec_level: band.precLevel };
    case 'unknown': {
      const bytes = new Uint8Array(Buffer.from(band.bytes, 'hex'));
      return { type: (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0), data: bytes.subarray(4) };
    }
  }
}

export function meterMod(version: Version, xid: number, command: MeterModCommand, meter: Meter): MessageOf<'OFPT_METER_MOD'> {
  const flags = [
    meter.unit === 'kbps' ? 'OFPMF_KBPS' : 'OFPMF_PKTPS',
    ...(meter.burst ? ['OFPMF_BURST'] : []),
    ...(meter.stats ? ['OFPMF_STATS'] : []),
  ];
  return message(version, 'OFPT_METER_MOD', xid, { command, flags, meter_id: meter.meterId, bands: meter.bands.map(bandOf) });
}

export interface PacketOut {
  /** `reservedPort.controller` when absent. */
  readonly inPort?: number;
  readonly bufferId?: number;
  /** Other pipeline fields; they need 1.5. */
  readonly match?: Match;
  readonly actions: readonly Action[];
  readonly data: Uint8Array;
}

export function packetOut(version: Version, xid: number, packet: PacketOut): MessageOf<'OFPT_PACKET_OUT'> {
  const inPort = packet.inPort ?? reservedPort.controller;
  const place = version < 6 ? { in_port: inPort } : { match: [{ field: 'in_port', value: inPort }, ...(packet.match ?? [])] };
  return message(version, 'OFPT_PACKET_OUT', xid, {
    buffer_id: packet.bufferId ?? noBuffer,
    ...place,
    actions: packet.actions,
    data: packet.data,
  });
}

export type BundleAction = 'OPEN' | 'CLOSE' | 'COMMIT' | 'DISCARD';
export type BundleFlag = 'OFPBF_ATOMIC' | 'OFPBF_ORDERED';

/** Natively on 1.4 and 1.5, by ONF's extension on 1.3. */
export function bundleControl(
  version: Version,
  xid: number,
  bundleId: number,
  action: BundleAction,
  flags: readonly BundleFlag[],
): Message {
  const payload = { bundle_id: bundleId, type: `OFPBCT_${action}_REQUEST`, flags, properties: [] };
  if (version > 4) return message(version, 'OFPT_BUNDLE_CONTROL', xid, payload);
  return message(version, 'OFPT_EXPERIMENTER', xid, { experimenter: onfId, exp_type: 2300, name: 'ONFT_BUNDLE_CONTROL', payload });
}

/** The inner message takes the outer one's xid, as the specification demands. */
export function bundleAdd(version: Version, xid: number, bundleId: number, flags: readonly BundleFlag[], inner: Message): Message {
  const payload = { bundle_id: bundleId, flags, message: { ...inner, xid }, properties: [] };
  if (version > 4) return message(version, 'OFPT_BUNDLE_ADD_MESSAGE', xid, payload);
  return message(version, 'OFPT_EXPERIMENTER', xid, { experimenter: onfId, exp_type: 2301, name: 'ONFT_BUNDLE_ADD_MESSAGE', payload });
}

/** Appends the head of a bundle-add; append one message with the same xid, then call the returned function. */
export function beginBundleAdd(writer: Writer, version: Version, xid: number, bundleId: number, flags: readonly BundleFlag[]): () => void {
  const start = writer.length;
  writer.u16((version << 8) | (version > 4 ? 34 : 4));
  writer.u16(0);
  writer.u32(xid);
  if (version === 4) {
    writer.u32(onfId);
    writer.u32(2301);
  }
  writer.u32(bundleId);
  writer.u16(0);
  writer.u16((flags.includes('OFPBF_ATOMIC') ? 1 : 0) | (flags.includes('OFPBF_ORDERED') ? 2 : 0));
  return () => writer.patch16(start + 2, writer.length - start);
}

/** What a dump or an aggregate is restricted to; everything when empty. */
export interface FlowFilter {
  readonly tableId?: number;
  readonly cookie?: bigint;
  readonly cookieMask?: bigint;
  readonly match?: Match;
  readonly outPort?: number;
  readonly outGroup?: number;
}

export function flowDump(version: Version, xid: number, filter: FlowFilter = {}): MessageOf<'OFPT_MULTIPART_REQUEST'> {
  return message(version, 'OFPT_MULTIPART_REQUEST', xid, {
    type: 'OFPMP_FLOW',
    flags: [],
    body: {
      table_id: filter.tableId ?? allTables,
      out_port: filter.outPort ?? any,
      out_group: filter.outGroup ?? any,
      cookie: filter.cookie ?? 0n,
      cookie_mask: filter.cookieMask ?? 0n,
      match: filter.match ?? [],
    },
  });
}

export type FlowMonitorFlag = keyof typeof flowMonitorFlags;

/** Natively on 1.4 and 1.5, by ONF's extension on 1.3. */
export function flowMonitor(
  version: Version,
  xid: number,
  monitorId: number,
  flags: readonly FlowMonitorFlag[],
  tableId = allTables,
): MessageOf<'OFPT_MULTIPART_REQUEST'> {
  if (version > 4)
    return message(version, 'OFPT_MULTIPART_REQUEST', xid, {
      type: 'OFPMP_FLOW_MONITOR',
      flags: [],
      body: [{ monitor_id: monitorId, out_port: any, out_group: any, flags, table_id: tableId, command: 'OFPFMC_ADD', match: [] }],
    });
  return message(version, 'OFPT_MULTIPART_REQUEST', xid, {
    type: 'OFPMP_EXPERIMENTER',
    flags: [],
    body: {
      experimenter: onfId,
      exp_type: 1870,
      name: 'ONFMP_FLOW_MONITOR',
      entries: [{ id: monitorId, flags, out_port: any, table_id: tableId, match: [] }],
    },
  });
}
