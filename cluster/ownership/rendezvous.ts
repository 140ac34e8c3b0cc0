import type { MemberId } from '../raft/types.ts';

/**
 * Which of the members has the highest weight for a name (rendezvous hashing, Thaler and Ravishankar 1998). Each member gets an even share; when one comes
 * or goes, only names move that it gains or had. Undefined when there are none.
 */
export function highestWeight(name: string, members: Iterable<MemberId>): MemberId | undefined {
  let best: MemberId | undefined;
  let bestWeight = -1;
  for (const member of members) {
    const weight = weightOf(name, member);
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && member < best)) {
      best = member;
      bestWeight = weight;
    }
  }
  return best;
}

/** 52 bits: FNV-1a over both texts with two seeds, then the finalizer of MurmurHash3, without which the last letters hardly count. */
function weightOf(name: string, member: MemberId): number {
  return (hash(name, member, 0x811c9dc5) >>> 0) * 0x100000 + (hash(name, member, 0x9747b28c) >>> 12);
}

function hash(name: string, member: MemberId, seed: number): number {
  let state = seed;
  for (const text of [name, '\0', member])
    for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return state ^ (state >>> 16);
}
