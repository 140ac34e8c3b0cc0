import { actionsShape } from '../action.ts';
import { groupCapabilities, groupModCommands, groupTypes } from '../names.ts';
import { fieldsShape } from '../oxm.ts';
import { byVersion, counter, flags, names, text, u16, u32, u64 } from '../shape.ts';
import type { Value } from '../shape.ts';
import { array, empty, field, length16, list, pad, property, size16, structure, variant } from '../structure.ts';

/** Groups (OpenFlow 1.5.1 sections 7.3.4.3, 7.3.5.9 to 7.3.5.12). 1.5 gives buckets an id and properties. */

const bucket13 = structure(
  length16,
  field('weight', u16),
  field('watch_port', u32),
  field('watch_group', u32),
  pad(4),
  field('actions', actionsShape),
);

const bucketProperties = list(
  property({
    OFPGBPT_WEIGHT: variant(0, structure(field('weight', u16), pad(2))),
    OFPGBPT_WATCH_PORT: variant(1, structure(field('watch', u32))),
    OFPGBPT_WATCH_GROUP: variant(2, structure(field('watch', u32))),
  }),
);
const bucket15 = structure(
  length16,
  size16('actions'),
  field('bucket_id', u32),
  field('actions', actionsShape),
  field('properties', bucketProperties),
);
export type Bucket13 = Value<typeof bucket13>;
export type Bucket15 = Value<typeof bucket15>;

/** Netronome's selection method (`netronome-ext.h`): a property of experimenter 0x0000154d, type 1. */
export const netronomeId = 0x154d;
const groupProperties = list(
  property({
    OFPGPT_EXPERIMENTER: variant(
      0xffff,
      structure(
        field('experimenter', u32),
        field('exp_type', u32),
        pad(4),
        field('selection_method', text(16)),
        field('selection_method_param', u64),
        field('fields', fieldsShape),
      ),
    ),
  }),
);

const groupType = names(8, groupTypes);
const groupMod13 = structure(
  field('command', names(16, groupModCommands)),
  field('type', groupType),
  pad(1),
  field('group_id', u32),
  field('buckets', list(bucket13)),
);
const groupMod15 = structure(
  field('command', names(16, groupModCommands)),
  field('type', groupType),
  pad(1),
  field('group_id', u32),
  size16('buckets'),
  pad(2),
  field('command_bucket_id', u32),
  field('buckets', list(bucket15)),
  field('properties', groupProperties),
);
export const groupMod = byVersion(groupMod13, groupMod13, groupMod15);

export const groupRequest = structure(field('group_id', u32), pad(4));
/** 1.5 asks for one group or all; before it asks for all. */
export const groupDescRequest = byVersion(empty, empty, groupRequest);

export const groupStats = structure(
  length16,
  pad(2),
  field('group_id', u32),
  field('ref_count', u32),
  pad(4),
  field('packet_count', counter),
  field('byte_count', counter),
  field('duration_sec', u32),
  field('duration_nsec', u32),
  field('bucket_stats', list(structure(field('packet_count', counter), field('byte_count', counter)))),
);

const groupDesc13 = structure(length16, field('type', groupType), pad(1), field('group_id', u32), field('buckets', list(bucket13)));
const groupDesc15 = structure(
  length16,
  field('type', groupType),
  pad(1),
  field('group_id', u32),
  size16('buckets'),
  pad(6),
  field('buckets', list(bucket15)),
  field('properties', groupProperties),
);
export const groupDesc = byVersion(groupDesc13, groupDesc13, groupDesc15);

export const groupFeatures = structure(
  field('types', flags(32, { OFPGT_ALL: 1, OFPGT_SELECT: 2, OFPGT_INDIRECT: 4, OFPGT_FF: 8 })),
  field('capabilities', flags(32, groupCapabilities)),
  field('max_groups', array(u32, 4)),
  field('actions', array(u32, 4)),
);
