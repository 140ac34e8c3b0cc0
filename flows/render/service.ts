import type { Action, FieldName, MatchField, Subfield } from '../model/index.ts';
import {
  ctState,
  serviceCode,
  serviceMask,
  servicePort,
  serviceProtocolMask,
  serviceProtocolShift,
  serviceType,
} from '../pipeline/index.ts';
import {
  apply,
  bothFamilies,
  connection,
  copy,
  equals,
  flow,
  goto,
  ipProtocols,
  ipv4,
  ipv6,
  notLater,
  whole,
  writeMetadata,
} from './build.ts';
import type { FlowDraft } from './build.ts';

/**
 * What a connection asks for, read once into metadata, so that a clause of a rule is one masked match. A packet of the original
 * direction has it in its destination port, a reply in its source port; a fragment behind the first has none and asks for nothing.
 */
export function serviceFlows(): readonly FlowDraft[] {
  return [...unreadable(), ...relatedFlows(), ...portFlows(), ...icmpFlows(), flow('service', 1, [], nothing, goto('state'))];
}

const nothing = writeMetadata(0n, serviceMask);

/**
 * Extension headers behind which Open vSwitch does not look (IANA: mobility, HIP, Shim6, experiments): a rule that denies a service would
 * not see it there, so that what carries one is dropped.
 */
const unreadableHeaders = [135, 139, 140, 253, 254] as const;
const unreadable = (): readonly FlowDraft[] => unreadableHeaders.map((header) => flow('service', 30, [ipv6, equals('ip_proto', header)]));

/**
 * An ICMP error asks for what the connection asks for that it is about, so that the present policy lets it pass or cuts it. Of a
 * connection of ICMP, connection tracking keeps the type as the source port and the code as the destination port.
 */
function relatedFlows(): readonly FlowDraft[] {
  const related = connection(ctState.related);
  const about = (family: MatchField, protocol: number, ...actions: readonly Action[]): FlowDraft =>
    flow('service', 20, [family, related, equals('ct_nw_proto', protocol)], apply(...actions), asking(protocol), goto('state'));
  const port = copy(whole('ct_tp_dst', 16), servicePort);
  const type: Subfield = { field: 'ct_tp_src', offset: 0, bits: 8 };
  const code: Subfield = { field: 'ct_tp_dst', offset: 0, bits: 8 };
  return [
    ...bothFamilies.flatMap((family) => (['tcp', 'udp', 'sctp'] as const).map((protocol) => about(family, ipProtocols[protocol], port))),
    about(ipv4, ipProtocols.icmp, copy(type, serviceType), copy(code, serviceCode)),
    about(ipv6, ipProtocols.icmpv6, copy(type, serviceType), copy(code, serviceCode)),
    ...bothFamilies.map((family) => flow('service', 15, [family, related], nothing, goto('state'))),
  ];
}

const original = connection(0, ctState.reply);
const reply = connection(ctState.reply);
const asking = (protocol: number) => writeMetadata(BigInt(protocol) << serviceProtocolShift, serviceProtocolMask);

function portFlows(): readonly FlowDraft[] {
  return bothFamilies.flatMap((family) =>
    (['tcp', 'udp', 'sctp'] as const).flatMap((protocol) => {
      const number = ipProtocols[protocol];
      const read = (direction: MatchField, port: FieldName): FlowDraft =>
        flow(
          'service',
          10,
          [family, notLater, equals('ip_proto', number), direction],
          apply(copy(whole(port, 16), servicePort)),
          asking(number),
          goto('state'),
        );
      return [read(original, `${protocol}_dst`), read(reply, `${protocol}_src`)];
    }),
  );
}

/** Replies and the requests that they answer: echo, timestamp, information, address mask (RFC 792, RFC 950); echo (RFC 4443). */
const icmpReplies = [
  [0, 8],
  [14, 13],
  [16, 15],
  [18, 17],
] as const;
const icmpv6Replies = [[129, 128]] as const;

function icmpFlows(): readonly FlowDraft[] {
  const read = (
    family: MatchField,
    protocol: number,
    fields: { readonly type: FieldName; readonly code: FieldName },
    answers: readonly (readonly [number, number])[],
  ): readonly FlowDraft[] => {
    const packet = [family, notLater, equals('ip_proto', protocol)];
    const code = copy(whole(fields.code, 8), serviceCode);
    return [
      flow('service', 10, [...packet, original], apply(copy(whole(fields.type, 8), serviceType), code), asking(protocol), goto('state')),
      ...answers.map(([answer, request]) =>
        flow(
          'service',
          10,
          [...packet, equals(fields.type, answer), reply],
          apply(code),
          writeMetadata((BigInt(protocol) << serviceProtocolShift) | BigInt(request << 8), serviceProtocolMask | 0xff00n),
          goto('state'),
        ),
      ),
    ];
  };
  return [
    ...read(ipv4, ipProtocols.icmp, { type: 'icmpv4_type', code: 'icmpv4_code' }, icmpReplies),
    ...read(ipv6, ipProtocols.icmpv6, { type: 'icmpv6_type', code: 'icmpv6_code' }, icmpv6Replies),
  ];
}
