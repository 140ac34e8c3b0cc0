import type { Address, Family } from '../../src/base/addresses.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmpv6';

/** What opens a connection, without its addresses. */
export type Packet =
  | { readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly port: number }
  | { readonly protocol: 'icmp' | 'icmpv6'; readonly type: number; readonly code: number };

/** One end of a connection; `owner` is undefined when the address belongs to no interface. */
export interface End {
  readonly address: Address;
  readonly owner: { readonly tenant: string; readonly vm: string; readonly interface: string } | undefined;
}

/** May this connection be opened? Both addresses are of one family. */
export interface Question {
  readonly from: End;
  readonly to: End;
  readonly packet: Packet;
}

/** The family that a protocol implies. */
export function protocolFamily(protocol: Protocol): Family | undefined {
  if (protocol === 'icmp') return 4;
  return protocol === 'icmpv6' ? 6 : undefined;
}
