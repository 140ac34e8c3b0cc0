import type { Address, Mac } from '../../src/base/addresses.ts';
import type { FieldName } from '../model/index.ts';
import { packetWords, readField, writeField } from './layout.ts';
import { ethertypes } from './prerequisites.ts';

/** A packet as it arrives at a switch, untagged and whole. */
export interface Frame {
  readonly inPort: number;
  /** Of a packet that comes out of a tunnel. */
  readonly tunnel?: { readonly source: Address; readonly destination: Address; readonly vni: number };
  readonly ethSrc: Mac;
  readonly ethDst: Mac;
  /** Both of one family. */
  readonly source: Address;
  readonly destination: Address;
  readonly ttl: number;
  readonly payload: Payload;
}

export type Payload =
  | { readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly source: number; readonly destination: number }
  | { readonly protocol: 'icmp' | 'icmpv6'; readonly type: number; readonly code: number };

/** What a switch receives of a packet that another one sent into a tunnel: its headers, and nothing of what the other knew. */
export function outOfTunnel(sent: Uint32Array, inPort: number, tunnel: NonNullable<Frame['tunnel']>): Uint32Array {
  const packet = new Uint32Array(packetWords);
  for (const field of headers) writeField(packet, field, readField(sent, field));
  writeTunnel(packet, tunnel);
  writeField(packet, 'in_port', inPort);
  return packet;
}

const headers: readonly FieldName[] = [
  ...(['eth_src', 'eth_dst', 'eth_type', 'vlan_tci', 'ip_proto', 'ip_tos', 'ip_ttl', 'ip_frag', 'ipv4_src', 'ipv4_dst'] as const),
  ...([
    'ipv6_src',
    'ipv6_dst',
    'ipv6_flabel',
    'ipv6_exthdr',
    'tcp_src',
    'tcp_dst',
    'tcp_flags',
    'arp_sha',
    'arp_tha',
    'nd_target',
  ] as const),
];

function writeTunnel(packet: Uint32Array, { source, destination, vni }: NonNullable<Frame['tunnel']>): void {
  const [from, to] = source.family === 4 ? (['tun_src', 'tun_dst'] as const) : (['tun_ipv6_src', 'tun_ipv6_dst'] as const);
  writeField(packet, from, source.value);
  writeField(packet, to, destination.value);
  writeField(packet, 'tunnel_id', vni);
}

const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/** The fields of a frame, as `trace` takes them. */
export function packetOf(frame: Frame): Uint32Array {
  const packet = new Uint32Array(packetWords);
  const set = (field: FieldName, value: number | bigint): void => writeField(packet, field, value);
  const { source, destination, payload, tunnel } = frame;
  const ip = source.family === 4 ? 'ipv4' : 'ipv6';
  set('in_port', frame.inPort);
  if (tunnel) writeTunnel(packet, tunnel);
  set('eth_src', frame.ethSrc);
  set('eth_dst', frame.ethDst);
  set('eth_type', ethertypes[ip]);
  set(`${ip}_src`, source.value);
  set(`${ip}_dst`, destination.value);
  set('ip_ttl', frame.ttl);
  set('ip_proto', protocols[payload.protocol]);
  if ('type' in payload) {
    const icmp = payload.protocol === 'icmp' ? 'icmpv4' : 'icmpv6';
    set(`${icmp}_type`, payload.type);
    set(`${icmp}_code`, payload.code);
  } else {
    set(`${payload.protocol}_src`, payload.source);
    set(`${payload.protocol}_dst`, payload.destination);
  }
  return packet;
}
