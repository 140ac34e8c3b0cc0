import type { Family } from '../../src/base/addresses.ts';
import { bigints, numbers } from './intervals.ts';
import { familyLine } from './address-line.ts';
import type { Interned } from './interner.ts';
import type { KnownBox } from './box-table.ts';
import { boxContains, boxesOverlap, unionContains } from './label-box.ts';
import type { LocalSet, PeerSet, Services } from './rule-space.ts';

/** A rule as three interned sets, each kept once however many rules have it. */
export interface InternedSpace {
  readonly local: Interned<LocalSet>;
  readonly peers: Interned<PeerSet>;
  readonly services: Interned<Services>;
}

/** How two rules stand to each other. What is contained is so for whatever may come to exist. */
export interface Relation {
  /** They can meet in a packet, `members`: only by the addresses that the present members of a group have. */
  readonly overlap: 'meaning' | 'members';
  readonly firstInSecond: boolean;
  readonly secondInFirst: boolean;
}

export const families: readonly Family[] = [4, 6];

/** Undefined when no packet is in both. */
export function relationOf(a: InternedSpace, b: InternedSpace): Relation | undefined {
  const overlap = overlapOf(a, b);
  return overlap && { overlap, firstInSecond: isIn(a, b), secondInFirst: isIn(b, a) };
}

function overlapOf(a: InternedSpace, b: InternedSpace): Relation['overlap'] | undefined {
  if (!anyOverlap(a.local.value.boxes, b.local.value.boxes)) return undefined;
  let overlap: Relation['overlap'] | undefined;
  for (const family of families) {
    const [own, other] = [a.services.value, b.services.value];
    if (!numbers.overlaps(own.matchedIn[family], other.covered) && !numbers.overlaps(other.matchedIn[family], own.covered)) continue;
    const peers = peersMeet(a.peers.value, b.peers.value, family);
    if (peers === 'meaning') return peers;
    overlap ??= peers;
  }
  return overlap;
}

function peersMeet(a: PeerSet, b: PeerSet, family: Family): Relation['overlap'] | undefined {
  const [ownA, ownB] = [a.addresses.in[family], b.addresses.in[family]];
  if (bigints.overlaps(ownA, ownB) || anyOverlap(a.boxes, b.boxes)) return 'meaning';
  if ((isWhole(a, family) && b.boxes.length > 0) || (isWhole(b, family) && a.boxes.length > 0)) return 'meaning';
  return membersAmong(a, b, family) || membersAmong(b, a, family) ? 'members' : undefined;
}

const membersAmong = ({ groups }: PeerSet, { addresses }: PeerSet, family: Family): boolean =>
  addresses.in[family].length > 0 &&
  groups.some(({ members }) => members !== undefined && bigints.overlaps(members.in[family], addresses.in[family]));

/** Whether it has every address of the family. */
export const isWhole = ({ addresses }: Pick<PeerSet, 'addresses'>, family: Family): boolean =>
  bigints.contains(addresses.in[family], familyLine[family]);

/** Whether none of its packets is of the family. */
export const hasNothingIn = ({ peers: { value: peers }, services }: InternedSpace, family: Family): boolean =>
  services.value.matchedIn[family].length === 0 || (peers.boxes.length === 0 && peers.addresses.in[family].length === 0);

/** Whether every packet of the inner one is one of the outer. In each family in which the inner one matches anything. Products are contained when each of their sides is. */
export function isIn(inner: InternedSpace, outer: InternedSpace): boolean {
  const [peers, services] = [inner.peers.value, inner.services.value];
  for (const family of families) {
    if (hasNothingIn(inner, family)) continue;
    if (!numbers.contains(outer.services.value.covered, services.matchedIn[family])) return false;
    if (!arePeersIn(peers, outer.peers.value, family)) return false;
  }
  return inner.local === outer.local || areIn(inner.local.value.boxes, outer.local.value.boxes);
}

/** An address may be nobody's, so that groups never cover one; an interface may have any address. */
function arePeersIn(inner: PeerSet, outer: PeerSet, family: Family): boolean {
  if (inner === outer) return true;
  if (!bigints.contains(outer.addresses.in[family], inner.addresses.in[family])) return false;
  return inner.boxes.length === 0 || isWhole(outer, family) || areIn(inner.boxes, outer.boxes);
}

function areIn(inner: readonly KnownBox[], outer: readonly KnownBox[]): boolean {
  return inner.every(({ box }) => {
    if (outer.some((other) => boxContains(other.box, box))) return true;
    return (
      outer.length > 1 &&
      unionContains(
        outer.map((other) => other.box),
        box,
      )
    );
  });
}

function anyOverlap(a: readonly KnownBox[], b: readonly KnownBox[]): boolean {
  for (const { box } of a) for (const other of b) if (boxesOverlap(box, other.box)) return true;
  return false;
}
