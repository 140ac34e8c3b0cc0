/**
 * The match fields: one declared row each. Names are those of the OpenFlow specification (without `OFPXMT_OFB_`) and, for
 * extensions, of ovs-fields(7); the order of the rows is the canonical order of a match. Sources: OpenFlow 1.5.1 section
 * 7.2.3, Open vSwitch `meta-flow.h` and `nicira-ext.h`.
 */

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
type Below16 = Digit | `1${0 | 1 | 2 | 3 | 4 | 5}`;
type Below64 = Digit | `${1 | 2 | 3 | 4 | 5}${Digit}` | `6${0 | 1 | 2 | 3}`;
type FamilyName = `reg${Below16}` | `xreg${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}` | `xxreg${0 | 1 | 2 | 3}` | `tun_metadata${Below64}`;

/** Where a field stands on the wire. Experimenter fields have `oxmClass` 0xffff and name their experimenter. */
interface Place {
  readonly oxmClass: number;
  readonly experimenter: number;
  readonly number: number;
}

interface Row extends Place {
  readonly widthBits: number;
  readonly maskable: boolean;
  /** The place in OpenFlow 1.3 and 1.4, where it differs. */
  readonly before15?: Place;
  /** A second spelling (NXM) of another field of the same width. */
  readonly aliasOf?: string;
}

const basic = (number: number, widthBits: number, mask: 'exact' | 'mask' = 'exact'): Row => ({
  oxmClass: 0x8000,
  experimenter: 0,
  number,
  widthBits,
  maskable: mask === 'mask',
});
const nxm0 = (number: number, widthBits: number, mask: 'exact' | 'mask' = 'exact', aliasOf?: string): Row => ({
  ...basic(number, widthBits, mask),
  oxmClass: 0,
  ...(aliasOf !== undefined && { aliasOf }),
});
const nxm1 = (number: number, widthBits: number, mask: 'exact' | 'mask' = 'exact', aliasOf?: string): Row => ({
  ...basic(number, widthBits, mask),
  oxmClass: 1,
  ...(aliasOf !== undefined && { aliasOf }),
});
const nicira = (number: number, widthBits: number, mask: 'exact' | 'mask' = 'exact'): Row => ({
  ...basic(number, widthBits, mask),
  oxmClass: 0xffff,
  experimenter: 0x2320,
});
const nsh = (number: number, widthBits: number, mask: 'exact' | 'mask' = 'exact'): Row => ({
  ...basic(number, widthBits, mask),
  oxmClass: 0xffff,
  experimenter: 0x5ad650,
});
const ericsson = (number: number, widthBits: number): Row => ({
  ...basic(number, widthBits),
  oxmClass: 0x1000,
});
const packetRegister = (number: number): Row => ({
  ...basic(number, 64, 'mask'),
  oxmClass: 0x8001,
});
/** In the basic class since 1.5, in ONF's experimenter class before. */
const onfBefore15 = (row: Row): Row => ({
  ...row,
  before15: { oxmClass: 0xffff, experimenter: 0x4f4e4600, number: row.number },
});

const rows = {
  // The packet's way through the pipeline.
  in_port: basic(0, 32),
  in_phy_port: basic(1, 32),
  packet_type: basic(44, 32),
  actset_output: onfBefore15(basic(43, 32)),
  metadata: basic(2, 64, 'mask'),
  conj_id: nxm1(37, 32),
  pkt_mark: nxm1(33, 32, 'mask'),
  dp_hash: nxm1(35, 32, 'mask'),
  recirc_id: nxm1(36, 32),
  // Connection tracking.
  ct_state: nxm1(105, 32, 'mask'),
  ct_zone: nxm1(106, 16),
  ct_mark: nxm1(107, 32, 'mask'),
  ct_label: nxm1(108, 128, 'mask'),
  ct_nw_proto: nxm1(119, 8),
  ct_nw_src: nxm1(120, 32, 'mask'),
  ct_nw_dst: nxm1(121, 32, 'mask'),
  ct_ipv6_src: nxm1(122, 128, 'mask'),
  ct_ipv6_dst: nxm1(123, 128, 'mask'),
  ct_tp_src: nxm1(124, 16, 'mask'),
  ct_tp_dst: nxm1(125, 16, 'mask'),
  // The tunnel that a packet came from or goes to.
  tunnel_id: basic(38, 64, 'mask'),
  tun_src: nxm1(31, 32, 'mask'),
  tun_dst: nxm1(32, 32, 'mask'),
  tun_ipv6_src: nxm1(109, 128, 'mask'),
  tun_ipv6_dst: nxm1(110, 128, 'mask'),
  tun_flags: nxm1(104, 16, 'mask'),
  tun_gbp_id: nxm1(38, 16, 'mask'),
  tun_gbp_flags: nxm1(39, 8, 'mask'),
  tun_erspan_idx: nicira(11, 20, 'mask'),
  tun_erspan_ver: nicira(12, 4, 'mask'),
  tun_erspan_dir: nicira(13, 1, 'mask'),
  tun_erspan_hwid: nicira(14, 6, 'mask'),
  tun_gtpu_flags: nicira(15, 8, 'mask'),
  tun_gtpu_msgtype: nicira(16, 8, 'mask'),
  // Ethernet, VLAN, PBB, MPLS.
  eth_dst: basic(3, 48, 'mask'),
  eth_src: basic(4, 48, 'mask'),
  eth_type: basic(5, 16),
  vlan_vid: basic(6, 13, 'mask'),
  vlan_pcp: basic(7, 3),
  vlan_tci: nxm0(4, 16, 'mask'),
  pbb_isid: basic(37, 24, 'mask'),
  pbb_uca: basic(41, 1),
  mpls_label: basic(34, 20),
  mpls_tc: basic(35, 3),
  mpls_bos: basic(36, 1),
  mpls_ttl: nxm1(30, 8),
  // IP.
  ip_dscp: basic(8, 6),
  ip_ecn: basic(9, 2),
  ip_proto: basic(10, 8),
  ip_tos: nxm0(5, 8),
  ip_ttl: nxm1(29, 8),
  ip_frag: nxm1(26, 2, 'mask'),
  ipv4_src: basic(11, 32, 'mask'),
  ipv4_dst: basic(12, 32, 'mask'),
  ipv6_src: basic(26, 128, 'mask'),
  ipv6_dst: basic(27, 128, 'mask'),
  ipv6_flabel: basic(28, 20, 'mask'),
  ipv6_exthdr: basic(39, 9, 'mask'),
  // Layer 4.
  tcp_src: basic(13, 16, 'mask'),
  tcp_dst: basic(14, 16, 'mask'),
  tcp_flags: onfBefore15(basic(42, 12, 'mask')),
  udp_src: basic(15, 16, 'mask'),
  udp_dst: basic(16, 16, 'mask'),
  sctp_src: basic(17, 16, 'mask'),
  sctp_dst: basic(18, 16, 'mask'),
  icmpv4_type: basic(19, 8),
  icmpv4_code: basic(20, 8),
  icmpv6_type: basic(29, 8),
  icmpv6_code: basic(30, 8),
  // ARP and neighbour discovery.
  arp_op: basic(21, 16),
  arp_spa: basic(22, 32, 'mask'),
  arp_tpa: basic(23, 32, 'mask'),
  arp_sha: basic(24, 48, 'mask'),
  arp_tha: basic(25, 48, 'mask'),
  nd_target: basic(31, 128, 'mask'),
  nd_sll: basic(32, 48, 'mask'),
  nd_tll: basic(33, 48, 'mask'),
  nd_reserved: ericsson(1, 32),
  nd_options_type: ericsson(2, 8),
  // Network service header.
  nsh_flags: nsh(1, 8, 'mask'),
  nsh_mdtype: nsh(2, 8),
  nsh_np: nsh(3, 8),
  nsh_spi: nsh(4, 32),
  nsh_si: nsh(5, 8),
  nsh_c1: nsh(6, 32, 'mask'),
  nsh_c2: nsh(7, 32, 'mask'),
  nsh_c3: nsh(8, 32, 'mask'),
  nsh_c4: nsh(9, 32, 'mask'),
  nsh_ttl: nsh(10, 8),
  // NXM's older spellings.
  in_port_nxm: nxm0(0, 16),
  eth_dst_nxm: nxm0(1, 48, 'mask', 'eth_dst'),
  eth_src_nxm: nxm0(2, 48, 'mask', 'eth_src'),
  eth_type_nxm: nxm0(3, 16, 'exact', 'eth_type'),
  ip_proto_nxm: nxm0(6, 8, 'exact', 'ip_proto'),
  ipv4_src_nxm: nxm0(7, 32, 'mask', 'ipv4_src'),
  ipv4_dst_nxm: nxm0(8, 32, 'mask', 'ipv4_dst'),
  tcp_src_nxm: nxm0(9, 16, 'mask', 'tcp_src'),
  tcp_dst_nxm: nxm0(10, 16, 'mask', 'tcp_dst'),
  udp_src_nxm: nxm0(11, 16, 'mask', 'udp_src'),
  udp_dst_nxm: nxm0(12, 16, 'mask', 'udp_dst'),
  icmpv4_type_nxm: nxm0(13, 8, 'exact', 'icmpv4_type'),
  icmpv4_code_nxm: nxm0(14, 8, 'exact', 'icmpv4_code'),
  arp_op_nxm: nxm0(15, 16, 'exact', 'arp_op'),
  arp_spa_nxm: nxm0(16, 32, 'mask', 'arp_spa'),
  arp_tpa_nxm: nxm0(17, 32, 'mask', 'arp_tpa'),
  tunnel_id_nxm: nxm1(16, 64, 'mask', 'tunnel_id'),
  arp_sha_nxm: nxm1(17, 48, 'mask', 'arp_sha'),
  arp_tha_nxm: nxm1(18, 48, 'mask', 'arp_tha'),
  ipv6_src_nxm: nxm1(19, 128, 'mask', 'ipv6_src'),
  ipv6_dst_nxm: nxm1(20, 128, 'mask', 'ipv6_dst'),
  icmpv6_type_nxm: nxm1(21, 8, 'exact', 'icmpv6_type'),
  icmpv6_code_nxm: nxm1(22, 8, 'exact', 'icmpv6_code'),
  nd_target_nxm: nxm1(23, 128, 'mask', 'nd_target'),
  nd_sll_nxm: nxm1(24, 48, 'mask', 'nd_sll'),
  nd_tll_nxm: nxm1(25, 48, 'mask', 'nd_tll'),
  ipv6_flabel_nxm: nxm1(27, 20, 'mask', 'ipv6_flabel'),
  ip_ecn_nxm: nxm1(28, 2, 'exact', 'ip_ecn'),
  tcp_flags_nxm: nxm1(34, 12, 'mask', 'tcp_flags'),
  dp_hash_oxm: { ...nicira(0, 32, 'mask'), aliasOf: 'dp_hash' },
};

export type FieldName = keyof typeof rows | FamilyName;

export interface Field extends Place {
  readonly name: FieldName;
  /** Position in the table: the canonical order of a match. */
  readonly index: number;
  /** Significant bits: a mask of that many ones is a full mask. */
  readonly widthBits: number;
  /** Payload bytes of a value on the wire; for `tun_metadata` the most, 124. */
  readonly bytes: number;
  readonly maskable: boolean;
  /** Values are `bigint` above 48 bits, `number` otherwise. */
  readonly wide: boolean;
  /** Geneve options: their length stands on the wire and in `MatchField.bytes`. */
  readonly variable: boolean;
  /** All ones in `widthBits`. */
  readonly full: number | bigint;
  readonly before15: Place | undefined;
  readonly aliasOf: FieldName | undefined;
}

function family(prefix: string, count: number, row: (index: number) => Row): [string, Row][] {
  return Array.from({ length: count }, (_, index) => [`${prefix}${index}`, row(index)]);
}

function declare([name, row]: [string, Row], index: number): Field {
  const wide = row.widthBits > 48;
  return {
    name: name as FieldName,
    index,
    oxmClass: row.oxmClass,
    experimenter: row.experimenter,
    number: row.number,
    widthBits: row.widthBits,
    bytes: Math.ceil(row.widthBits / 8) === 3 && name !== 'pbb_isid' ? 4 : Math.ceil(row.widthBits / 8),
    maskable: row.maskable,
    wide,
    variable: name.startsWith('tun_metadata'),
    full: wide ? (1n << BigInt(row.widthBits)) - 1n : 2 ** row.widthBits - 1,
    before15: row.before15,
    aliasOf: row.aliasOf as FieldName | undefined,
  };
}

/** Every field in canonical order: registers stand behind the pipeline's own fields, Geneve options last. */
export const fields: readonly Field[] = [
  ...Object.entries<Row>(rows),
  ...family('reg', 16, (index) => nxm1(index, 32, 'mask')),
  ...family('xreg', 8, (index) => packetRegister(index)),
  ...family('xxreg', 4, (index) => nxm1(111 + index, 128, 'mask')),
  ...family('tun_metadata', 64, (index) => nxm1(40 + index, 992, 'mask')),
].map(declare);

const byName = new Map<string, Field>(fields.map((field) => [field.name, field]));

export function isFieldName(name: string): name is FieldName {
  return byName.has(name);
}

export function fieldOf(name: FieldName): Field {
  const field = byName.get(name);
  if (!field) throw new Error(`invariant broken: no match field is called ${name}`);
  return field;
}
