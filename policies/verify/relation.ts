import type { Family } from '../../src/base/addresses.ts';
import { bigints, numbers } from './intervals.ts';
import { familyLine } from './address-line.ts';
import type { Interned } from './interner.ts';
import type { BoxTable, KnownBox } from './box-table.ts';
import { unionContains } from './label-box.ts';
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

const families: readonly Family[] = [4, 6];

/** Whether some packet of one may be decided by the other, as far as anybody can know. What differs most often is asked first. */
export function mayOverlap(table: BoxTable, a: InternedSpace, b: InternedSpace): boolean {
  return (
    numbers.overlaps(a.services.value.possible, b.services.value.possible) &&
    table.anyOverlap(a.local.value.boxes, b.local.value.boxes) &&
    peersMayMeet(table, a.peers.value, b.peers.value)
  );
}

/** An interface of a group may have any address. */
function peersMayMeet(table: BoxTable, a: PeerSet, b: PeerSet): boolean {
  const [hasA, hasB] = [a.addresses.length > 0, b.addresses.length > 0];
  if ((hasA && b.boxes.length > 0) || (hasB && a.boxes.length > 0)) return true;
  return (hasA && hasB && bigints.overlaps(a.addresses, b.addresses)) || table.anyOverlap(a.boxes, b.boxes);
}

/** Undefined when no packet is in both. */
export function relationOf(table: BoxTable, a: InternedSpace, b: InternedSpace): Relation | undefined {
  const overlap = overlapOf(table, a, b);
  return overlap && { overlap, firstInSecond: isIn(a, b), secondInFirst: isIn(b, a) };
}

function overlapOf(table: BoxTable, a: InternedSpace, b: InternedSpace): Relation['overlap'] | undefined {
  if (!table.anyOverlap(a.local.value.boxes, b.local.value.boxes)) return undefined;
  let overlap: Relation['overlap'] | undefined;
  for (const family of families) {
    const [own, other] = [a.services.value, b.services.value];
    if (!numbers.overlaps(own.matchedIn[family], other.covered) && !numbers.overlaps(other.matchedIn[family], own.covered)) continue;
    const peers = peersMeet(table, a.peers.value, b.peers.value, family);
    if (peers === 'meaning') return peers;
    overlap ??= peers;
  }
  return overlap;
}

function peersMeet(table: BoxTable, a: PeerSet, b: PeerSet, family: Family): Relation['overlap'] | undefined {
  const [ownA, ownB] = [a.addressesIn[family], b.addressesIn[family]];
  if (bigints.overlaps(ownA, ownB) || table.anyOverlap(a.boxes, b.boxes)) return 'meaning';
  if ((isWhole(a, family) && b.boxes.length > 0) || (isWhole(b, family) && a.boxes.length > 0)) return 'meaning';
  return membersAmong(a, b, family) || membersAmong(b, a, family) ? 'members' : undefined;
}

const membersAmong = ({ groups }: PeerSet, { addressesIn }: PeerSet, family: Family): boolean =>
  addressesIn[family].length > 0 && groups.some(({ members }) => members !== undefined && bigints.overlaps(members, addressesIn[family]));

const isWhole = ({ addressesIn }: PeerSet, family: Family): boolean => bigints.contains(addressesIn[family], familyLine[family]);

/** Whether every packet of the inner one is one of the outer. In each family in which the inner one matches anything. Products are contained when each of their sides is. */
export function isIn(inner: InternedSpace, outer: InternedSpace): boolean {
  const [peers, services] = [inner.peers.value, inner.services.value];
  for (const family of families) {
    if (services.matchedIn[family].length === 0 || (peers.boxes.length === 0 && peers.addressesIn[family].length === 0)) continue;
    if (!numbers.contains(outer.services.value.covered, services.matchedIn[family])) return false;
    if (!arePeersIn(peers, outer.peers.value, family)) return false;
  }
  return inner.local === outer.local || areIn(inner.local.value.boxes, outer.local.value.boxes);
}

/** An address may be nobody's, so that groups never cover one; an interface may have any address. */
function arePeersIn(inner: PeerSet, outer: PeerSet, family: Family): boolean {
  if (inner === outer) return true;
  if (!bigints.contains(outer.addressesIn[family], inner.addressesIn[family])) return false;
  return inner.boxes.length === 0 || isWhole(outer, family) || areIn(inner.boxes, outer.boxes);
}

function areIn(inner: readonly KnownBox[], outer: readonly KnownBox[]): boolean {
  const boxes = outer.map(({ box }) => box);
  return inner.every((known) => outer.includes(known) || unionContains(boxes, known.box));
}
