import { DecodeError } from '../../../src/base/errors.ts';
import { instructionsShape } from '../instruction.ts';
import { flowEvents, flowMonitorCommands, flowMonitorFlags, flowRemovedReasons, onfFlowEvents } from '../names.ts';
import { matchShape } from '../oxm.ts';
import { flags, malformed, names, objectOf, u16, u32, u64, u8 } from '../shape.ts';
import type { Shape, Value } from '../shape.ts';
import { field, length16, matchLength16, pad, structure } from '../structure.ts';

/** Flow monitors (OpenFlow 1.4.1 section 7.3.5.17; ONF's extension for 1.3 in Open vSwitch `ofp-monitor.c`). */

export const monitorRequest = structure(
  field('monitor_id', u32),
  field('out_port', u32),
  field('out_group', u32),
  field('flags', flags(16, flowMonitorFlags)),
  field('table_id', u8),
  field('command', names(8, flowMonitorCommands)),
  field('match', matchShape),
);

/** ONF's for 1.3; its last flag has the meaning "own changes in full", as OFPFMF_NO_ABBREV. */
export const onfMonitorRequest = structure(
  field('id', u32),
  field('flags', flags(16, flowMonitorFlags)),
  matchLength16,
  field('out_port', u32),
  field('table_id', u8),
  pad(3),
  field('match', matchShape),
);

const full = structure(
  length16,
  field('event', names(16, flowEvents)),
  field('table_id', u8),
  field('reason', names(8, flowRemovedReasons)),
  field('idle_timeout', u16),
  field('hard_timeout', u16),
  field('priority', u16),
  pad(4),
  field('cookie', u64),
  field('match', matchShape),
  field('instructions', instructionsShape),
);
const abbreviated = structure(length16, field('event', names(16, flowEvents)), field('xid', u32));
const paused = structure(length16, field('event', names(16, flowEvents)), pad(4));

const onfFull = structure(
  length16,
  field('event', names(16, onfFlowEvents)),
  field('reason', names(16, flowRemovedReasons)),
  field('priority', u16),
  field('idle_timeout', u16),
  field('hard_timeout', u16),
  matchLength16,
  field('table_id', u8),
  pad(1),
  field('cookie', u64),
  field('match', matchShape),
  field('instructions', instructionsShape),
);
const onfAbbreviated = structure(length16, field('event', names(16, onfFlowEvents)), field('xid', u32));

/** The event tells the form: behind the length. */
function byEvent<F, A, P = never>(
  events: Readonly<Record<string, number>>,
  forms: { readonly full: Shape<F>; readonly abbreviated: Shape<A>; readonly paused?: Shape<P> },
): Shape<F | A | P> {
  type Update = F | A | P;
  const formOf = (event: unknown): Shape<Update> | undefined => {
    const number = typeof event === 'number' ? event : events[String(event)];
    if (number === events['OFPFME_ABBREV']) return forms.abbreviated;
    if (number === undefined || number > 6) return undefined;
    if (number > (events['OFPFME_ABBREV'] ?? 0)) return forms.paused;
    return forms.full;
  };
  const formOfValue = (value: Update): Shape<Update> => {
    const form = formOf((value as { readonly event: unknown }).event);
    if (!form) throw malformed('event', 'names no event of a flow monitor');
    return form;
  };
  return {
    decode: (reader) => {
      const event = reader.peek16(2);
      const form = formOf(event);
      if (!form) throw new DecodeError('bad_event', reader.offset + 2, `event ${event} is none of a flow monitor`);
      return form.decode(reader);
    },
    encode: (writer, value) => formOfValue(value).encode(writer, value),
    toJson: (value, version) => formOfValue(value).toJson(value, version),
    fromJson: (json, path, version) => {
      const form = formOf(objectOf(json, path)['event']);
      if (!form) throw malformed(`${path}/event`, 'names no event of a flow monitor');
      return form.fromJson(json, path, version);
    },
  };
}

export const flowUpdate = byEvent(flowEvents, { full, abbreviated, paused });
export const onfFlowUpdate = byEvent(onfFlowEvents, { full: onfFull, abbreviated: onfAbbreviated });
export type FlowUpdate = Value<typeof flowUpdate>;
export type OnfFlowUpdate = Value<typeof onfFlowUpdate>;
