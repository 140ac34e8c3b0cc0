import type { Flow } from '../model/flow.ts';
import type { Bucket, Group, GroupType } from '../model/group.ts';
import type { Meter, MeterBand } from '../model/meter.ts';
import type { Bucket13, Bucket15 } from './body/group.ts';
import { netronomeId } from './body/group.ts';
import type { FlowEntry } from './body/flow.ts';
import type { FlowUpdate, OnfFlowUpdate } from './body/monitor.ts';
import type { BodyOf, Message } from './message.ts';
import { toHex } from './reader.ts';

/** Domain values from messages, alike for every version. */

const any = 0xffffffff;

/** The flow of a dump's entry. Values that mean "none" are left out, so that it equals the flow that was added. */
export function flowOf(entry: FlowEntry): Flow {
  const flow: { -readonly [M in keyof Flow]: Flow[M] } = {
    tableId: entry.table_id,
    priority: entry.priority,
    cookie: entry.cookie,
    match: entry.match,
    instructions: entry.instructions,
  };
  if (entry.idle_timeout !== 0) flow.idleTimeout = entry.idle_timeout;
  if (entry.hard_timeout !== 0) flow.hardTimeout = entry.hard_timeout;
  if (entry.importance !== 0) flow.importance = entry.importance;
  if (entry.flags.length > 0) flow.flags = entry.flags;
  return flow;
}

/** The flows of one part of an OFPMP_FLOW reply; nothing for any other message. */
export function flowsOf(message: Message): readonly Flow[] | undefined {
  if (message.type !== 'OFPT_MULTIPART_REPLY' || message.body.type !== 'OFPMP_FLOW') return undefined;
  return message.body.body.map(flowOf);
}

const groupTypes: Readonly<Record<string, GroupType>> = {
  OFPGT_ALL: 'all',
  OFPGT_SELECT: 'select',
  OFPGT_INDIRECT: 'indirect',
  OFPGT_FF: 'ff',
};

function bucketOf(bucket: Bucket13 | Bucket15): Bucket {
  const plain: { -readonly [M in keyof Bucket]: Bucket[M] } = { actions: bucket.actions };
  if ('bucket_id' in bucket) {
    plain.bucketId = bucket.bucket_id;
    for (const property of bucket.properties) {
      if (property.type === 'OFPGBPT_WEIGHT') plain.weight = property.weight;
      else if (property.type === 'OFPGBPT_WATCH_PORT') plain.watchPort = property.watch;
      else if (property.type === 'OFPGBPT_WATCH_GROUP') plain.watchGroup = property.watch;
    }
    return plain;
  }
  if (bucket.weight !== 0) plain.weight = bucket.weight;
  if (bucket.watch_port !== any) plain.watchPort = bucket.watch_port;
  if (bucket.watch_group !== any) plain.watchGroup = bucket.watch_group;
  return plain;
}

/** The groups of one part of an OFPMP_GROUP_DESC reply; a group of a type that is not known is left out. */
export function groupsOf(message: Message): readonly Group[] | undefined {
  if (message.type !== 'OFPT_MULTIPART_REPLY' || message.body.type !== 'OFPMP_GROUP_DESC') return undefined;
  return message.body.body.flatMap((entry): Group[] => {
    const type = groupTypes[entry.type];
    if (type === undefined) return [];
    const buckets: readonly (Bucket13 | Bucket15)[] = entry.buckets;
    const group: Group = { groupId: entry.group_id, type, buckets: buckets.map(bucketOf) };
    const selection = 'properties' in entry ? entry.properties.find((property) => property.type === 'OFPGPT_EXPERIMENTER') : undefined;
    if (!selection || !('selection_method' in selection) || selection.experimenter !== netronomeId) return [group];
    return [
      {
        ...group,
        selection: { method: selection.selection_method, parameter: selection.selection_method_param, fields: selection.fields },
      },
    ];
  });
}

type WireBand = Extract<BodyOf<'OFPT_METER_MOD'>['bands'][number], unknown>;

function bandOf(band: WireBand): MeterBand {
  if (band.type === 'OFPMBT_DROP') return { kind: 'drop', rate: band.rate, burst: band.burst_size };
  if (band.type === 'OFPMBT_DSCP_REMARK')
    return { kind: 'dscp_remark', rate: band.rate, burst: band.burst_size, precLevel: band.prec_level };
  const length = band.data.length + 4;
  return { kind: 'unknown', bytes: `${band.type.toString(16).padStart(4, '0')}${length.toString(16).padStart(4, '0')}${toHex(band.data)}` };
}

/** The meters of one part of an OFPMP_METER_CONFIG reply. */
export function metersOf(message: Message): readonly Meter[] | undefined {
  if (message.type !== 'OFPT_MULTIPART_REPLY' || message.body.type !== 'OFPMP_METER_CONFIG') return undefined;
  return message.body.body.map((entry) => ({
    meterId: entry.meter_id,
    unit: entry.flags.includes('OFPMF_PKTPS') ? 'pktps' : 'kbps',
    burst: entry.flags.includes('OFPMF_BURST'),
    stats: entry.flags.includes('OFPMF_STATS'),
    bands: entry.bands.map(bandOf),
  }));
}

/** What a switch answers to bundle control. */
export interface BundleReply {
  readonly bundleId: number;
  readonly type: string | number;
}

/** Natively on 1.4 and 1.5, by ONF's extension on 1.3; nothing for any other message. */
export function bundleReplyOf(message: Message): BundleReply | undefined {
  if (message.type === 'OFPT_BUNDLE_CONTROL') return { bundleId: message.body.bundle_id, type: message.body.type };
  if (message.type === 'OFPT_EXPERIMENTER' && message.body.name === 'ONFT_BUNDLE_CONTROL')
    return { bundleId: message.body.payload.bundle_id, type: message.body.payload.type };
  return undefined;
}

/** What a flow monitor tells. After `paused` changes are lost until `resumed`: dump again. */
export type FlowChange =
  | { readonly kind: 'initial' | 'added' | 'removed' | 'modified'; readonly flow: Flow; readonly reason: string | number }
  /** A change that this connection's message with that xid made. */
  | { readonly kind: 'own'; readonly xid: number }
  | { readonly kind: 'paused' }
  | { readonly kind: 'resumed' };

const changeKinds: Readonly<Record<string, 'initial' | 'added' | 'removed' | 'modified'>> = {
  OFPFME_INITIAL: 'initial',
  OFPFME_ADDED: 'added',
  OFPFME_REMOVED: 'removed',
  OFPFME_MODIFIED: 'modified',
};

function changeOf(update: FlowUpdate | OnfFlowUpdate): FlowChange {
  if ('xid' in update) return { kind: 'own', xid: update.xid };
  const kind = changeKinds[update.event];
  if (kind === undefined || !('match' in update)) return { kind: update.event === 'OFPFME_RESUMED' ? 'resumed' : 'paused' };
  const flow: { -readonly [M in keyof Flow]: Flow[M] } = {
    tableId: update.table_id,
    priority: update.priority,
    cookie: update.cookie,
    match: update.match,
    instructions: update.instructions,
  };
  if (update.idle_timeout !== 0) flow.idleTimeout = update.idle_timeout;
  if (update.hard_timeout !== 0) flow.hardTimeout = update.hard_timeout;
  return { kind, flow, reason: update.reason };
}

/** Natively on 1.4 and 1.5, by ONF's extension on 1.3; nothing for a message that is no flow monitor's. */
export function flowChangesOf(message: Message): readonly FlowChange[] | undefined {
  if (message.type === 'OFPT_EXPERIMENTER') {
    if (message.body.name === 'ONFT_FLOW_MONITOR_PAUSED') return [{ kind: 'paused' }];
    return message.body.name === 'ONFT_FLOW_MONITOR_RESUMED' ? [{ kind: 'resumed' }] : undefined;
  }
  if (message.type !== 'OFPT_MULTIPART_REPLY') return undefined;
  const { body } = message;
  if (body.type === 'OFPMP_FLOW_MONITOR') return body.body.map(changeOf);
  return body.type === 'OFPMP_EXPERIMENTER' && body.body.name === 'ONFMP_FLOW_MONITOR' ? body.body.entries.map(changeOf) : undefined;
}
