import type { Family } from '../../src/base/addresses.ts';
import { familyLine } from './address-line.ts';
import type { Bits } from './bits.ts';
import type { KnownBox } from './box-table.ts';
import { bigints, numbers } from './intervals.ts';
import { hasStrangeOf } from './label-box.ts';
import { families } from './relation.ts';
import type { InternedSpace } from './relation.ts';
import type { PeerSet } from './rule-space.ts';
import type { RuleRecord } from './rule-record.ts';
import { servicesPossible } from './service-space.ts';

/** The other end of one packet: its address, and of which box it is the strange interface; undefined: nobody's. */
export interface PeerPoint {
  readonly address: bigint;
  readonly inside: KnownBox | undefined;
}

/** One packet, between strange interfaces of boxes: see `hasStrangeOf`. */
export interface Point extends PeerPoint {
  readonly local: KnownBox;
  readonly service: number;
  /** The rules of one scope that decide the service. */
  readonly services: Bits;
}

/** A packet that is known to reach a rule. */
export type Witness = Omit<Point, 'services'>;

const familyOf = (address: bigint): Family => (address <= (familyLine[4][1] ?? 0n) ? 4 : 6);

/** Whether there is such a packet: ICMP is asked for in IPv4 only, ICMPv6 in IPv6 only. Ports by name stand behind all services. */
export function exists(service: number, address: bigint): boolean {
  const lastOfAll = servicesPossible[4].at(-1) ?? 0;
  return service > lastOfAll || numbers.contains(servicesPossible[familyOf(address)], [service, service]);
}

/** Ends that are worth a look, of those whom a rule names; `areMembers`: its groups as the addresses of their present members. */
export function* peerPoints({ addresses, groups }: PeerSet, areMembers: boolean): Iterable<PeerPoint> {
  for (const family of families) {
    const own = addresses.in[family];
    if (own.length === 0) continue;
    yield { address: own.at(-1) as bigint, inside: undefined };
    if (own[0] !== own.at(-1)) yield { address: own[0] as bigint, inside: undefined };
  }
  for (const { box, members } of groups) {
    for (const family of families) {
      const own = areMembers ? (members?.in[family] ?? []) : familyLine[family];
      const [first, last] = [own[0], own.at(-1)];
      if (last !== undefined) yield { address: last, inside: box };
      if (areMembers && first !== undefined && first !== last) yield { address: first, inside: box };
    }
  }
}

const isPoint = (set: readonly number[], service: number): boolean => numbers.contains(set, [service, service]);

function hasEnds({ local, peers }: InternedSpace, witness: Witness): boolean {
  const { addresses, boxes } = peers.value;
  const { address, inside } = witness;
  if (!local.value.boxes.some(({ box }) => hasStrangeOf(box, witness.local.box))) return false;
  if (inside !== undefined && boxes.some(({ box }) => hasStrangeOf(box, inside.box))) return true;
  return bigints.contains(addresses.all, [address, address]);
}

/** Whether the rule is sure to decide the packet. */
export const decides = ({ space }: RuleRecord, witness: Witness): boolean =>
  isPoint(space.services.value.covered, witness.service) && hasEnds(space, witness);

/** Whether it may, by a port that it means by name. */
export const mayDecide = ({ space }: RuleRecord, witness: Witness): boolean =>
  isPoint(space.services.value.possible, witness.service) && hasEnds(space, witness);
