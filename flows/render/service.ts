import type { FieldName, MatchField } from '../model/index.ts';
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
  return [...portFlows(), ...icmpFlows(), flow('service', 1, [], writeMetadata(0n, serviceMask), goto('state'))];
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
