import { actionsShape } from '../action.ts';
import { packetInReasons } from '../names.ts';
import { fieldsShape, matchShape } from '../oxm.ts';
import { byVersion, names, rest, u16, u32, u64, u8 } from '../shape.ts';
import { field, list, pad, property, size16, structure, variant } from '../structure.ts';

/** Packets up and down (OpenFlow 1.5.1 sections 7.3.6, 7.4.1; `nicira-ext.h`). */

export const packetIn = structure(
  field('buffer_id', u32),
  field('total_len', u16),
  field('reason', names(8, packetInReasons)),
  field('table_id', u8),
  field('cookie', u64),
  field('match', matchShape),
  pad(2),
  field('data', rest),
);

const packetOut13 = structure(
  field('buffer_id', u32),
  field('in_port', u32),
  size16('actions'),
  pad(6),
  field('actions', actionsShape),
  field('data', rest),
);
const packetOut15 = structure(
  field('buffer_id', u32),
  size16('actions'),
  pad(2),
  field('match', matchShape),
  field('actions', actionsShape),
  field('data', rest),
);
/** 1.5 has pipeline fields, `in_port` among them, as a match. */
export const packetOut = byVersion(packetOut13, packetOut13, packetOut15);

/**
 * Properties of NXT_PACKET_IN2 and NXT_RESUME. A continuation is private to the switch and goes back as it came.
 */
export const packetIn2 = structure(
  field(
    'properties',
    list(
      property({
        NXPINT_PACKET: variant(0, structure(field('data', rest))),
        NXPINT_FULL_LEN: variant(1, structure(field('full_len', u32))),
        NXPINT_BUFFER_ID: variant(2, structure(field('buffer_id', u32))),
        NXPINT_TABLE_ID: variant(3, structure(field('table_id', u8))),
        NXPINT_COOKIE: variant(4, structure(pad(4), field('cookie', u64))),
        NXPINT_REASON: variant(5, structure(field('reason', names(8, packetInReasons)))),
        NXPINT_METADATA: variant(6, structure(field('match', fieldsShape))),
        NXPINT_USERDATA: variant(7, structure(field('data', rest))),
        NXPINT_CONTINUATION: variant(8, structure(field('data', rest))),
      }),
    ),
  ),
);
