import type { KnownSet, RuleElement } from '../compiled.ts';
import type { TenantNumbers } from '../model/stored.ts';

/**
 * Numbered sets: how a tenant's rules tell groups apart when there are more of them than a register has bits. A register holds the
 * number of the set of groups that an address is in, and a rule asks for each set that it knows and that has one of its groups.
 *
 * A set is a bigint with a bit for each group number, of any length. Its number is a hash of that, so that it needs no allocation and
 * stays while sets come and go; where two sets of one tenant would get the same one, the greater is hashed again with a salt. The
 * set without groups is number 0, and no other is.
 */
export type SetHash = (set: bigint, salt: number) => bigint;

/** Bits up to that many groups; from there on numbered sets. */
export const groupBits = 128;

/** Views are counted: in the odd ones groups are told apart by numbered sets. */
export const usesSets = ({ view = 0 }: Pick<TenantNumbers, 'view'>): boolean => view % 2 === 1;

const lanes = [0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;

/** 128 bits, never 0: four lanes over the 32-bit words of the set, each stirred into the next. */
export const hashOfSet: SetHash = (set, salt) => {
  const state = lanes.map((lane) => (lane ^ Math.imul(salt + 1, 0x165667b1)) >>> 0);
  const digits = set.toString(16);
  for (let end = digits.length, word = 0; end > 0; end -= 8, word++) {
    let carried = Number.parseInt(digits.slice(Math.max(0, end - 8), end), 16) ^ Math.imul(word + 1, 0x9e3779b1);
    for (const [index, lane] of state.entries()) carried = state[index] = stirred(lane ^ Math.imul(carried, lanes[index] ?? 1), index);
  }
  for (let round = 0; round < 4; round++)
    for (const [index, lane] of state.entries()) state[index] = stirred(lane ^ (state[(index + 3) % 4] ?? 0), round);
  const number = state.reduce((sum, lane) => (sum << 32n) | BigInt(lane >>> 0), 0n);
  return number === 0n ? 1n : number;
};

/** A bijection of 32 bits that lets each bit reach every other. */
function stirred(value: number, turn: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x7feb352d) + turn;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The numbers of all sets of one tenant; they depend on nothing but which sets there are. */
export function numberSets(sets: Iterable<bigint>, hash: SetHash): ReadonlyMap<bigint, bigint> {
  const numbers = new Map<bigint, bigint>();
  const taken = new Set<bigint>([0n]);
  for (const set of [...new Set(sets)].toSorted(ascending)) {
    let number = set === 0n ? 0n : hash(set, 0);
    for (let salt = 1; number !== 0n && taken.has(number); salt++) number = hash(set, salt);
    taken.add(number);
    numbers.set(set, number);
  }
  return numbers;
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

export const hasGroup = (set: bigint, group: number): boolean => ((set >> BigInt(group)) & 1n) === 1n;

/** What a host knows of a tenant's sets: those of its own interfaces there, and those of everybody whom they can reach. */
export interface SetsInSight {
  readonly local: (group: number) => Iterable<bigint>;
  readonly peers: (group: number) => Iterable<bigint>;
  readonly numberOf: (set: bigint) => bigint;
}

/** The rule as one host needs it; undefined when it is about no interface there. */
export function ruleInSight(rule: RuleElement, sight: SetsInSight): RuleElement | undefined {
  const destinations = (rule.services ?? []).flatMap((service) =>
    'ports' in service && service.destination !== undefined ? [service.destination] : [],
  );
  const isIngress = rule.direction === 'ingress';
  const local = knownSets([...(rule.local ?? []), ...(isIngress ? destinations : [])], sight.local, sight.numberOf);
  const peers = knownSets([...(rule.peers?.groups ?? []), ...(isIngress ? [] : destinations)], sight.peers, sight.numberOf);
  const isBound = rule.local === undefined || local.some(({ groups }) => rule.local?.some((group) => groups.includes(group)));
  return isBound ? { ...rule, sets: { local, peers } } : undefined;
}

function knownSets(groups: readonly number[], setsWith: SetsInSight['local'], numberOf: SetsInSight['numberOf']): readonly KnownSet[] {
  const asked = [...new Set(groups)].toSorted((a, b) => a - b);
  const found = new Set(asked.flatMap((group) => [...setsWith(group)]));
  return [...found]
    .map((set): KnownSet => ({ number: numberOf(set), groups: asked.filter((group) => hasGroup(set, group)) }))
    .toSorted((a, b) => ascending(a.number, b.number));
}
