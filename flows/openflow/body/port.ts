import { portConfig, portFeatures, portReasons, portState } from '../names.ts';
import { byVersion, counter, flags, mac, names, text, u16, u32 } from '../shape.ts';
import type { Value } from '../shape.ts';
import { empty, field, length16, list, pad, property, structure, variant } from '../structure.ts';

/** Ports and queues (OpenFlow 1.5.1 sections 7.2.1, 7.3.4.5, 7.3.5.6 to 7.3.5.8, 7.4.3). 1.4 moves what is Ethernet's into properties. */

const features = flags(32, portFeatures);
const config = flags(32, portConfig);
const state = flags(32, portState);

const port13 = structure(
  field('port_no', u32),
  pad(4),
  field('hw_addr', mac),
  pad(2),
  field('name', text(16)),
  field('config', config),
  field('state', state),
  field('curr', features),
  field('advertised', features),
  field('supported', features),
  field('peer', features),
  field('curr_speed', u32),
  field('max_speed', u32),
);

const portProperties = list(
  property({
    OFPPDPT_ETHERNET: variant(
      0,
      structure(
        pad(4),
        field('curr', features),
        field('advertised', features),
        field('supported', features),
        field('peer', features),
        field('curr_speed', u32),
        field('max_speed', u32),
      ),
    ),
  }),
);
/** `length` stands behind `port_no`; it counts from the start of the port. */
const port14 = structure(
  field('port_no', u32),
  length16,
  pad(2),
  field('hw_addr', mac),
  pad(2),
  field('name', text(16)),
  field('config', config),
  field('state', state),
  field('properties', portProperties),
);
export const port = byVersion(port13, port14, port14);
export type Port = Value<typeof port>;

export const portStatus = structure(field('reason', names(8, portReasons)), pad(7), field('desc', port));

const portMod13 = structure(
  field('port_no', u32),
  pad(4),
  field('hw_addr', mac),
  pad(2),
  field('config', config),
  field('mask', config),
  field('advertise', features),
  pad(4),
);
const portMod14 = structure(
  field('port_no', u32),
  pad(4),
  field('hw_addr', mac),
  pad(2),
  field('config', config),
  field('mask', config),
  field('properties', list(property({ OFPPMPT_ETHERNET: variant(0, structure(field('advertise', features))) }))),
);
export const portMod = byVersion(portMod13, portMod14, portMod14);

export const portRequest = structure(field('port_no', u32), pad(4));
/** 1.5 asks for one port or all; before it asks for all. */
export const portDescRequest = byVersion(empty, empty, portRequest);

const portCounters = [
  field('rx_packets', counter),
  field('tx_packets', counter),
  field('rx_bytes', counter),
  field('tx_bytes', counter),
  field('rx_dropped', counter),
  field('tx_dropped', counter),
  field('rx_errors', counter),
  field('tx_errors', counter),
] as const;
const ethernetCounters = [
  field('rx_frame_err', counter),
  field('rx_over_err', counter),
  field('rx_crc_err', counter),
  field('collisions', counter),
] as const;
const portStats13 = structure(
  field('port_no', u32),
  pad(4),
  ...portCounters,
  ...ethernetCounters,
  field('duration_sec', u32),
  field('duration_nsec', u32),
);
const portStats14 = structure(
  length16,
  pad(2),
  field('port_no', u32),
  field('duration_sec', u32),
  field('duration_nsec', u32),
  ...portCounters,
  field('properties', list(property({ OFPPSPT_ETHERNET: variant(0, structure(pad(4), ...ethernetCounters)) }))),
);
export const portStats = byVersion(portStats13, portStats14, portStats14);

export const queueRequest = structure(field('port_no', u32), field('queue_id', u32));
const queueStats13 = structure(
  field('port_no', u32),
  field('queue_id', u32),
  field('tx_bytes', counter),
  field('tx_packets', counter),
  field('tx_errors', counter),
  field('duration_sec', u32),
  field('duration_nsec', u32),
);
const queueStats14 = structure(
  length16,
  pad(6),
  field('port_no', u32),
  field('queue_id', u32),
  field('tx_bytes', counter),
  field('tx_packets', counter),
  field('tx_errors', counter),
  field('duration_sec', u32),
  field('duration_nsec', u32),
  field('properties', list(property({}))),
);
export const queueStats = byVersion(queueStats13, queueStats14, queueStats14);

/** Tenths of a per cent; above 1000 it is off. 1.3 pads its properties within their length. */
const rate13 = structure(pad(4), field('rate', u16), pad(6));
const queue13 = structure(
  field('queue_id', u32),
  field('port', u32),
  length16,
  pad(6),
  field('properties', list(property({ OFPQT_MIN_RATE: variant(1, rate13), OFPQT_MAX_RATE: variant(2, rate13) }))),
);
/** Only 1.3 has these two messages. */
export const queueConfigRequest = structure(field('port', u32), pad(4));
export const queueConfigReply = structure(field('port', u32), pad(4), field('queues', list(queue13)));

const rate14 = structure(field('rate', u16), pad(2));
export const queueDesc = structure(
  field('port_no', u32),
  field('queue_id', u32),
  length16,
  pad(6),
  field('properties', list(property({ OFPQDPT_MIN_RATE: variant(1, rate14), OFPQDPT_MAX_RATE: variant(2, rate14) }))),
);
