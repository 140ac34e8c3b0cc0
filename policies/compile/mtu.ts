import type { Family } from '../../src/base/addresses.ts';

/** Outer Ethernet-in-IP overhead of VXLAN (RFC 7348): inner Ethernet 14, VXLAN 8, UDP 8, outer IP 20 or 40. Bytes. */
const overheadBytes: Record<Family, number> = { 4: 50, 6: 70 };

/** The largest IP packet of a guest, in bytes, that fits the underlay's MTU once it is encapsulated. */
export function guestMtu(underlayMtu: number, encapFamily: Family): number {
  return underlayMtu - overheadBytes[encapFamily];
}
