import { formatAddress, formatMac } from '../../src/base/addresses.ts';
import type { Address, Mac } from '../../src/base/addresses.ts';
import type { Payload } from '../../flows/trace/index.ts';
import type { Frame } from './fabric.ts';

/** The answers to ICMP requests that connection tracking knows (RFC 792, RFC 4443). */
const icmpReplies: Readonly<Record<number, number>> = { 8: 0, 13: 14, 15: 16, 17: 18, 128: 129 };

const clientPort = 40_000;

/** A frame in the words of `ofproto/trace` (ovs-fields(7)). */
export function frameText(ethSrc: Mac, frame: Frame): string {
  const { source, destination, ethDst } = frame;
  const [name, layer4] = packetText(frame);
  return `${name},dl_src=${formatMac(ethSrc)},dl_dst=${formatMac(ethDst)},${addressesText(source, destination)},nw_ttl=64,${layer4}`;
}

function addressesText(source: Address, destination: Address): string {
  const [from, to] = [formatAddress(source), formatAddress(destination)];
  return source.family === 4 ? `nw_src=${from},nw_dst=${to}` : `ipv6_src=${from},ipv6_dst=${to}`;
}

/** What the frame carries: of a reply the other way round. */
export function payloadOf({ packet, direction }: Frame): Payload {
  if (!('port' in packet)) return { ...packet, type: direction === 'reply' ? (icmpReplies[packet.type] ?? packet.type) : packet.type };
  const [source, destination] = direction === 'reply' ? [packet.port, clientPort] : [clientPort, packet.port];
  return { protocol: packet.protocol, source, destination };
}

function packetText(frame: Frame): readonly [string, string] {
  const payload = payloadOf(frame);
  const { protocol } = payload;
  if ('type' in payload)
    return [protocol === 'icmp' ? 'icmp' : 'icmp6', `${protocol}_type=${payload.type},${protocol}_code=${payload.code}`];
  const name = frame.source.family === 4 ? protocol : `${protocol}6`;
  return [name, `${protocol}_src=${payload.source},${protocol}_dst=${payload.destination}`];
}
