import type { FieldName, Subfield } from '../model/index.ts';

/**
 * What a packet carries from table to table. Registers, metadata and tunnel fields survive the recirculation behind
 * `ct`, and matching a register never widens a megaflow. Each is written whole, so that one set of actions serves OpenFlow 1.3
 * to 1.5 (a masked `set_field` needs 1.5); flags are written by the `write_metadata` instruction, which takes a mask everywhere.
 */
export const registers = {
  /** Routing domain. */
  domain: 'reg0',
  /** Number of the tenant whose rules are asked, and its view: `tenantInView`. */
  tenant: 'reg1',
  /** Zone of the local interface under judgement. */
  zone: 'reg2',
  /** VNI of the network that the packet is in. */
  network: 'reg3',
  /** The other end's address: IPv4 in the low 32 bits (`peer4`), IPv6 in all 128. */
  peer4: 'reg7',
  peer6: 'xxreg1',
  /** Group bits of the local interface and of the other end; in an odd view the number of the set of groups that it is in. */
  localGroups: 'xxreg2',
  peerGroups: 'xxreg3',
  /** VNI of the other end after `identity`; what names the receiver's zone or host after `forward`; VNI of
   * the tunnel after `encap`. */
  destination: 'tunnel_id',
} as const satisfies Record<string, FieldName>;

/**
 * Whose rules are asked, and in which view. What is written for one view is not read in another: while a tenant's groups come to be told
 * apart in another way, a packet is judged wholly in the old way or wholly in the new one.
 */
export const tenantInView = ({ tenant, view = 0 }: { readonly tenant: number; readonly view?: number }): number =>
  view * 2 ** viewShift + tenant;
const viewShift = 28;
/** The tenant alone, whatever the view. */
export const tenantOfView = (tenantAndView: number): number => tenantAndView % 2 ** viewShift;

/** Low 48 bits of metadata: the other end's MAC after `identity`; its low 32 bits: the rule that decided, after a tier. */
export const peerMac: Subfield = { field: 'metadata', offset: 0, bits: 48 };
export const peerMacMask = 0xffff_ffff_ffffn;
export const decidingRule: Subfield = { field: 'metadata', offset: 0, bits: 32 };
export const decidingRuleMask = 0xffff_ffffn;

/**
 * Low 24 bits of metadata, from `service` until a tier decides: what the connection asks for, in its original direction. Port,
 * or ICMP type and code, in the low 16 bits; IP protocol above them, 0 for one that no rule can name.
 */
export const servicePort: Subfield = { field: 'metadata', offset: 0, bits: 16 };
export const serviceType: Subfield = { field: 'metadata', offset: 8, bits: 8 };
export const serviceCode: Subfield = { field: 'metadata', offset: 0, bits: 8 };
export const serviceProtocolShift = 16n;
export const serviceProtocolMask = 0xffn << serviceProtocolShift;
export const serviceMask = 0xff_ffffn;

/** High 16 bits of metadata. */
export const flags = {
  /** It came out of a tunnel: it is never sent into one again. */
  tunnel: 1n << 48n,
  /** It was sent to the gateway. */
  routed: 1n << 49n,
  /** It is on its way into a local interface; else it leaves one. */
  entering: 1n << 50n,
  /** Its receiver is on another host. */
  remote: 1n << 51n,
  /** Its destination is a group of members, not one. */
  multicast: 1n << 52n,
  /** A rule has rejected it. */
  rejected: 1n << 53n,
  /** It is an answer to a rejected packet, made by the controller in the name of the local interface: nobody judges it here. */
  answer: 1n << 54n,
} as const;

/** `ct_state` bits (ovs-fields(7)). */
export const ctState = {
  new: 0x01,
  established: 0x02,
  related: 0x04,
  reply: 0x08,
  invalid: 0x10,
  tracked: 0x20,
} as const;

/**
 * Bits of `ct_mark`. A connection that no verdict has touched yet has none of them, whatever `ct_state` says: that is how a new
 * connection is told from the second packet of one that was not answered, which is `+new` again.
 */
export const connectionMarks = {
  /** A policy has cut it. */
  revoked: 1,
  /** It was let in, and was accounted for when that happened. */
  admitted: 2,
} as const;

/** Routers' MACs: these 24 bits, then the VNI of the network. Guests cannot have them. */
export const gatewayMacPrefix = 0x0e5700;
/** The bits that all routers' MACs share. */
export const gatewayMacMask = 0xffff_ff00_0000;
export const gatewayMac = (vni: number): number => gatewayMacPrefix * 0x100_0000 + vni;
