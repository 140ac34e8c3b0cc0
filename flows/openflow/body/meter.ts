import { meterFlags, meterModCommands } from '../names.ts';
import { byVersion, counter, flags, names, u32, u8 } from '../shape.ts';
import { field, length16, list, optional, pad, property, structure, variant } from '../structure.ts';

/** Meters (OpenFlow 1.5.1 sections 7.3.4.4, 7.3.5.13 to 7.3.5.15). */

const band = property({
  OFPMBT_DROP: variant(1, structure(field('rate', u32), field('burst_size', u32), pad(4))),
  OFPMBT_DSCP_REMARK: variant(2, structure(field('rate', u32), field('burst_size', u32), field('prec_level', u8), pad(3))),
});

export const meterMod = structure(
  field('command', names(16, meterModCommands)),
  field('flags', flags(16, meterFlags)),
  field('meter_id', u32),
  field('bands', list(band)),
);

export const meterRequest = structure(field('meter_id', u32), pad(4));

/** 1.5 renames `flow_count` to `ref_count`. */
export const meterStats = structure(
  field('meter_id', u32),
  length16,
  pad(6),
  field('flow_count', u32),
  field('packet_in_count', counter),
  field('byte_in_count', counter),
  field('duration_sec', u32),
  field('duration_nsec', u32),
  field('band_stats', list(structure(field('packet_band_count', counter), field('byte_band_count', counter)))),
);

export const meterConfig = structure(length16, field('flags', flags(16, meterFlags)), field('meter_id', u32), field('bands', list(band)));

const features13 = structure(
  field('max_meter', u32),
  field('band_types', u32),
  field('capabilities', flags(32, meterFlags)),
  field('max_bands', u8),
  field('max_color', u8),
  pad(2),
);
/** 1.5.1 ends with `features`; Open vSwitch leaves it out. */
const features15 = structure(
  field('max_meter', u32),
  field('band_types', u32),
  field('capabilities', flags(32, meterFlags)),
  field('max_bands', u8),
  field('max_color', u8),
  pad(2),
  field('extension', optional(structure(field('features', u32), pad(4)))),
);
export const meterFeatures = byVersion(features13, features13, features15);
