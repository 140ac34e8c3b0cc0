import { isOpaque } from '../model/index.ts';
import type { FieldName, Match } from '../model/index.ts';
import { wordOf } from './layout.ts';

/** What must hold for a packet to have a field (ovs-fields(7), "Prerequisites"). What is absent here every packet has. */
interface Prerequisite {
  readonly ethertypes: readonly number[];
  readonly protocol?: number;
  readonly icmpTypes?: readonly number[];
}

export const ethertypes = { ipv4: 0x0800, arp: 0x0806, rarp: 0x8035, ipv6: 0x86dd } as const;
const { ipv4, arp, rarp, ipv6 } = ethertypes;
const ip = [ipv4, ipv6];

const solicitation = 135;
const advertisement = 136;
const discovery = { ethertypes: [ipv6], protocol: 58 };

const byPrefix: readonly (readonly [string, Prerequisite])[] = [
  ['ipv4_', { ethertypes: [ipv4] }],
  ['ipv6_', { ethertypes: [ipv6] }],
  ['ip_', { ethertypes: ip }],
  ['arp_', { ethertypes: [arp, rarp] }],
  ['tcp_', { ethertypes: ip, protocol: 6 }],
  ['udp_', { ethertypes: ip, protocol: 17 }],
  ['sctp_', { ethertypes: ip, protocol: 132 }],
  ['icmpv4_', { ethertypes: [ipv4], protocol: 1 }],
  ['icmpv6_', { ethertypes: [ipv6], protocol: 58 }],
  ['nd_sll', { ...discovery, icmpTypes: [solicitation] }],
  ['nd_tll', { ...discovery, icmpTypes: [advertisement] }],
  ['nd_', { ...discovery, icmpTypes: [solicitation, advertisement] }],
];

const known = new Map<FieldName, Prerequisite | undefined>();

function prerequisiteOf(field: FieldName): Prerequisite | undefined {
  if (known.has(field)) return known.get(field);
  const found = byPrefix.find(([prefix]) => field.startsWith(prefix))?.[1];
  known.set(field, found);
  return found;
}

const words = {
  ethType: wordOf('eth_type'),
  protocol: wordOf('ip_proto'),
  fragment: wordOf('ip_frag'),
  icmpType: wordOf('icmpv6_type'),
  icmpCode: wordOf('icmpv6_code'),
};
const laterFragment = 2;

/** Whether the packet has the field, so that an action may read and write it. */
export function hasField(packet: Uint32Array, field: FieldName): boolean {
  const wanted = prerequisiteOf(field);
  if (wanted === undefined) return true;
  if (!wanted.ethertypes.includes(packet[words.ethType] ?? 0)) return false;
  if (wanted.protocol === undefined) return true;
  if (packet[words.protocol] !== wanted.protocol || ((packet[words.fragment] ?? 0) & laterFragment) !== 0) return false;
  return wanted.icmpTypes === undefined || (wanted.icmpTypes.includes(packet[words.icmpType] ?? 0) && packet[words.icmpCode] === 0);
}

/** Whether a match names what its fields need. A switch refuses one that does not (OFPBMC_BAD_PREREQ). */
export function namesPrerequisites(match: Match): boolean {
  const exact = (field: FieldName): number | undefined => {
    const found = match.find((condition) => condition.field === field);
    return found === undefined || isOpaque(found) ? undefined : Number(found.value);
  };
  return match.every((condition) => {
    const wanted = isOpaque(condition) ? undefined : prerequisiteOf(condition.field);
    if (wanted === undefined) return true;
    if (!wanted.ethertypes.includes(exact('eth_type') ?? 0)) return false;
    if (wanted.protocol !== undefined && exact('ip_proto') !== wanted.protocol) return false;
    return wanted.icmpTypes === undefined || wanted.icmpTypes.includes(exact('icmpv6_type') ?? 0);
  });
}
