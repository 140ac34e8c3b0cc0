import { evictionFlags, tableConfig, tableReasons } from '../names.ts';
import { byVersion, counter, flags, names, text, u32, u64, u8 } from '../shape.ts';
import { field, length16, list, pad, property, structure, variant } from '../structure.ts';

/** Tables (OpenFlow 1.5.1 sections 7.3.4.1, 7.3.5.4, 7.3.5.5, 7.3.5.17, 7.4.5). */

const config = flags(32, tableConfig);

const tableProperties = list(
  property({
    OFPTMPT_EVICTION: variant(2, structure(field('flags', flags(32, evictionFlags)))),
    OFPTMPT_VACANCY: variant(3, structure(field('vacancy_down', u8), field('vacancy_up', u8), field('vacancy', u8), pad(1))),
  }),
);

const tableMod13 = structure(field('table_id', u8), pad(3), field('config', config));
const tableMod14 = structure(field('table_id', u8), pad(3), field('config', config), field('properties', tableProperties));
export const tableMod = byVersion(tableMod13, tableMod14, tableMod14);

export const tableDesc = structure(length16, field('table_id', u8), pad(1), field('config', config), field('properties', tableProperties));
export const tableStatus = structure(field('reason', names(8, tableReasons)), pad(7), field('table', tableDesc));

export const tableStats = structure(
  field('table_id', u8),
  pad(3),
  field('active_count', u32),
  field('lookup_count', counter),
  field('matched_count', counter),
);

/** Ids as they stand on the wire, without contents: type and length, for experimenters also who. */
const ids = structure(field('ids', list(property({}, { padded: false }))));
const tables = structure(field('next_table_ids', list(u8)));
/** OXM headers; an experimenter's is followed by its id. */
const headers = structure(field('oxm_ids', list(u32)));

const featureProperties = list(
  property({
    OFPTFPT_INSTRUCTIONS: variant(0, ids),
    OFPTFPT_INSTRUCTIONS_MISS: variant(1, ids),
    OFPTFPT_NEXT_TABLES: variant(2, tables),
    OFPTFPT_NEXT_TABLES_MISS: variant(3, tables),
    OFPTFPT_WRITE_ACTIONS: variant(4, ids),
    OFPTFPT_WRITE_ACTIONS_MISS: variant(5, ids),
    OFPTFPT_APPLY_ACTIONS: variant(6, ids),
    OFPTFPT_APPLY_ACTIONS_MISS: variant(7, ids),
    OFPTFPT_MATCH: variant(8, headers),
    OFPTFPT_WILDCARDS: variant(10, headers),
    OFPTFPT_WRITE_SETFIELD: variant(12, headers),
    OFPTFPT_WRITE_SETFIELD_MISS: variant(13, headers),
    OFPTFPT_APPLY_SETFIELD: variant(14, headers),
    OFPTFPT_APPLY_SETFIELD_MISS: variant(15, headers),
    OFPTFPT_TABLE_SYNC_FROM: variant(16, tables),
    OFPTFPT_WRITE_COPYFIELD: variant(18, headers),
    OFPTFPT_WRITE_COPYFIELD_MISS: variant(19, headers),
    OFPTFPT_APPLY_COPYFIELD: variant(20, headers),
    OFPTFPT_APPLY_COPYFIELD_MISS: variant(21, headers),
    OFPTFPT_PACKET_TYPES: variant(22, headers),
  }),
);

const featureTail = [
  field('name', text(32)),
  field('metadata_match', u64),
  field('metadata_write', u64),
  field('capabilities', config),
  field('max_entries', u32),
  field('properties', featureProperties),
] as const;
const features13 = structure(length16, field('table_id', u8), pad(5), ...featureTail);
const features15 = structure(
  length16,
  field('table_id', u8),
  field('command', names(8, { OFPTFC_REPLACE: 0, OFPTFC_MODIFY: 1, OFPTFC_ENABLE: 2, OFPTFC_DISABLE: 3 })),
  field('features', u32),
  ...featureTail,
);
/** 1.3 calls `capabilities` `config`. */
export const tableFeatures = byVersion(features13, features13, features15);
