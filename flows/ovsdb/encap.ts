import { formatAddress, parseAddress } from '../../src/base/addresses.ts';
import type { Address } from '../../src/base/addresses.ts';
import { WeirError } from '../../src/base/errors.ts';
import type { Root } from './host-marks.ts';

/** Where a tunnel address comes from, the strongest first. `peer`: guessed from the connection, with a warning. */
export type EncapIpSource = 'configured' | 'weir-encap-ip' | 'ovn-encap-ip' | 'peer' | 'none';

export interface Encap {
  /** In canonical text form (RFC 5952 for IPv6). */
  readonly ip?: string;
  readonly source: EncapIpSource;
  /** Sources that hold something which is no IP address. */
  readonly malformed: readonly EncapIpSource[];
}

function addressOf(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch (error) {
    if (error instanceof WeirError) return undefined;
    throw error;
  }
}

/** A socket that listens on IPv6 shows an IPv4 peer as `::ffff:10.0.0.1`. */
function unmapped(address: Address): Address {
  const isMapped = address.family === 6 && address.value >> 32n === 0xffffn;
  return isMapped ? { family: 4, value: address.value & 0xffffffffn } : address;
}

/** The tunnel address of the host. OVN allows a list in `ovn-encap-ip`: the first one counts. */
export function encapOf(root: Root, configured: string | undefined, peerAddress: string | undefined): Encap {
  const candidates: readonly (readonly [EncapIpSource, string | undefined])[] = [
    ['configured', configured],
    ['weir-encap-ip', root.external_ids.get('weir-encap-ip')],
    ['ovn-encap-ip', root.external_ids.get('ovn-encap-ip')?.split(',')[0]],
    ['peer', peerAddress],
  ];
  const malformed: EncapIpSource[] = [];
  for (const [source, text] of candidates) {
    if (text === undefined) continue;
    const address = addressOf(text.trim());
    if (address) return { ip: formatAddress(unmapped(address)), source, malformed };
    // A Unix socket, or a link-local address with its zone, has no address to guess from.
    if (source !== 'peer') malformed.push(source);
  }
  return { source: 'none', malformed };
}
