/** The wire codec of OpenFlow 1.3, 1.4 and 1.5. */
export { versionsOf } from './body/connection.ts';
export type { ErrorBody } from './body/connection.ts';
export type { FlowEntry, FlowStats, Statistic } from './body/flow.ts';
export { hasMore } from './body/multipart.ts';
export type { MultipartReply, MultipartRequest, PartType } from './body/multipart.ts';
export type { Port } from './body/port.ts';
export {
  allGroups,
  allMeters,
  allTables,
  beginBundleAdd,
  bundleAdd,
  bundleControl,
  encodeFlowMod,
  flowDump,
  flowMod,
  flowMonitor,
  groupMod,
  meterMod,
  packetOut,
} from './build.ts';
export type {
  BundleAction,
  BundleFlag,
  FlowFilter,
  FlowModCommand,
  FlowModOptions,
  FlowMonitorFlag,
  GroupModCommand,
  MeterModCommand,
  PacketOut,
} from './build.ts';
export { isFlowPart, readFlowCounts } from './flow-counts.ts';
export type { FlowCount } from './flow-counts.ts';
export { Framer } from './framer.ts';
export { decode, encode, encodeInto, fromJson, toJson } from './message.ts';
export type { BodyOf, Experimenter, InnerMessage, Message, MessageOf, MessageType, UnknownMessage } from './message.ts';
export { bundleReplyOf, flowChangesOf, flowOf, flowsOf, groupsOf, metersOf } from './read.ts';
export type { BundleReply, FlowChange } from './read.ts';
export { toHex } from './reader.ts';
export type { Version } from './reader.ts';
export type { Json } from './shape.ts';
export { Writer } from './writer.ts';
