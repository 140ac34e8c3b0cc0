import { names, u128, u16, u32, u8 } from '../shape.ts';
import { empty, field, list, pad, property, structure, variant } from '../structure.ts';
import { asyncMasks, asyncProperties } from './connection.ts';
import { packetIn2 } from './packet.ts';

/** Nicira's messages (Open vSwitch `ofp-msgs.h`, `nicira-ext.h`). */

const tuple = structure(
  pad(4),
  field(
    'properties',
    list(
      property({
        NXT_CT_TUPLE_SRC: variant(0, structure(field('address', u128))),
        NXT_CT_TUPLE_DST: variant(1, structure(field('address', u128))),
        NXT_CT_TUPLE_SRC_PORT: variant(2, structure(field('port', u16), pad(2))),
        NXT_CT_TUPLE_DST_PORT: variant(3, structure(field('port', u16), pad(2))),
        NXT_CT_TUPLE_ICMP_ID: variant(4, structure(field('id', u16), pad(2))),
        NXT_CT_TUPLE_ICMP_TYPE: variant(5, structure(field('icmp_type', u8))),
        NXT_CT_TUPLE_ICMP_CODE: variant(6, structure(field('icmp_code', u8))),
      }),
    ),
  ),
);

/** Addresses are IPv6, IPv4 mapped into it. */
const ctFlush = structure(
  field('ip_proto', u8),
  pad(7),
  field(
    'properties',
    list(
      property({
        NXT_CT_ORIG_TUPLE: variant(0, tuple),
        NXT_CT_REPLY_TUPLE: variant(1, tuple),
        NXT_CT_ZONE_ID: variant(2, structure(field('zone_id', u16), pad(2))),
      }),
    ),
  ),
);

const tlvMap = structure(field('option_class', u16), field('option_type', u8), field('option_len', u8), field('index', u16), pad(2));

const role = structure(field('role', names(32, { NX_ROLE_OTHER: 0, NX_ROLE_MASTER: 1, NX_ROLE_SLAVE: 2 })));

/** By `exp_type`. */
export const niciraMessages = {
  NXT_ROLE_REQUEST: { type: 10, body: role },
  NXT_ROLE_REPLY: { type: 11, body: role },
  NXT_FLOW_MOD_TABLE_ID: { type: 15, body: structure(field('set', u8), pad(7)) },
  NXT_SET_PACKET_IN_FORMAT: {
    type: 16,
    body: structure(field('format', names(32, { NXPIF_STANDARD: 0, NXPIF_NXT_PACKET_IN: 1, NXPIF_NXT_PACKET_IN2: 2 }))),
  },
  NXT_FLOW_AGE: { type: 18, body: empty },
  NXT_SET_ASYNC_CONFIG: { type: 19, body: asyncMasks },
  NXT_SET_CONTROLLER_ID: { type: 20, body: structure(pad(6), field('controller_id', u16)) },
  NXT_FLOW_MONITOR_CANCEL: { type: 21, body: structure(field('id', u32)) },
  NXT_FLOW_MONITOR_PAUSED: { type: 22, body: empty },
  NXT_FLOW_MONITOR_RESUMED: { type: 23, body: empty },
  NXT_TLV_TABLE_MOD: {
    type: 24,
    body: structure(
      field('command', names(16, { NXTTMC_ADD: 0, NXTTMC_DELETE: 1, NXTTMC_CLEAR: 2 })),
      pad(6),
      field('mappings', list(tlvMap)),
    ),
  },
  NXT_TLV_TABLE_REQUEST: { type: 25, body: empty },
  NXT_TLV_TABLE_REPLY: {
    type: 26,
    body: structure(field('max_option_space', u32), field('max_fields', u16), pad(10), field('mappings', list(tlvMap))),
  },
  NXT_SET_ASYNC_CONFIG2: { type: 27, body: asyncProperties },
  NXT_RESUME: { type: 28, body: packetIn2 },
  NXT_CT_FLUSH_ZONE: { type: 29, body: structure(pad(6), field('zone_id', u16)) },
  NXT_PACKET_IN2: { type: 30, body: packetIn2 },
  NXT_CT_FLUSH: { type: 32, body: ctFlush },
} as const;

export const monitorCancel = structure(field('id', u32));
