import { formatAddress, formatMac } from '../../src/base/addresses.ts';
import type { Address, Mac } from '../../src/base/addresses.ts';
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

function packetText({ packet, direction, source }: Frame): readonly [string, string] {
  if (!('port' in packet)) {
    const type = direction === 'reply' ? icmpReplies[packet.type] : packet.type;
    return [packet.protocol === 'icmp' ? 'icmp' : 'icmp6', `${packet.protocol}_type=${type},${packet.protocol}_code=${packet.code}`];
  }
  const [from, to] = direction === 'reply' ? [packet.port, clientPort] : [clientPort, packet.port];
  return [source.family === 4 ? packet.protocol : `${packet.protocol}6`, `${packet.protocol}_src=${from},${packet.protocol}_dst=${to}`];
}
