import { prefixesOverlap } from '../../src/base/addresses.ts';
import type { Prefix } from '../../src/base/addresses.ts';
import type { KnownSet, RuleElement, ServiceMatch } from '../compiled.ts';
import { same } from '../graph/same.ts';

/** What a rule asks for, apart from what it then does. */
export type RuleMatch = Pick<RuleElement, 'local' | 'peers' | 'services' | 'sets'>;

/** Whether the two ask for the same, whatever sets they know. */
export const asksTheSame = (a: RuleMatch, b: RuleMatch): boolean => same([a.local, a.peers, a.services], [b.local, b.peers, b.services]);

/** At least what either asks for: dimension by dimension, so that it may be more. */
export function join(a: RuleMatch, b: RuleMatch): RuleMatch {
  const both = <T>(left: readonly T[], right: readonly T[]): readonly T[] => [
    ...left,
    ...right.filter((item) => !left.some((other) => same(item, other))),
  ];
  const ascending = (numbers: readonly number[]): readonly number[] => numbers.toSorted((x, y) => x - y);
  return {
    local: a.local && b.local && ascending(both(a.local, b.local)),
    peers: a.peers &&
      b.peers && { groups: ascending(both(a.peers.groups, b.peers.groups)), prefixes: both(a.peers.prefixes, b.peers.prefixes) },
    services: a.services && b.services && both(a.services, b.services),
    ...joinedSets(a, b),
  };
}

/** At most what both ask for; undefined when nothing is left. */
export function meet(a: RuleMatch, b: RuleMatch): RuleMatch | undefined {
  const local = narrowed(a.local, b.local, common);
  const peers = narrowed(a.peers, b.peers, (left, right) => ({
    groups: common(left.groups, right.groups),
    prefixes: left.prefixes.flatMap((prefix) => right.prefixes.flatMap((other) => narrower(prefix, other))),
  }));
  const services = narrowed(a.services, b.services, (left, right) =>
    left.flatMap((service) => right.flatMap((other) => commonService(service, other))),
  );
  const isNothing = local?.length === 0 || services?.length === 0 || (peers && peers.groups.length + peers.prefixes.length === 0);
  return isNothing === true ? undefined : { local, peers, services, ...joinedSets(a, b) };
}

/** What is left out asks for everything. */
const narrowed = <T>(a: T | undefined, b: T | undefined, both: (a: T, b: T) => T): T | undefined =>
  a === undefined ? b : b === undefined ? a : both(a, b);

const common = (a: readonly number[], b: readonly number[]): readonly number[] => a.filter((number) => b.includes(number));

const narrower = (a: Prefix, b: Prefix): readonly Prefix[] => (prefixesOverlap(a, b) ? [a.length >= b.length ? a : b] : []);

function commonService(a: ServiceMatch, b: ServiceMatch): readonly ServiceMatch[] {
  if ('ports' in a) {
    if (!('ports' in b) || a.protocol !== b.protocol) return [];
    const destination = a.destination ?? b.destination;
    if (a.destination !== undefined && b.destination !== undefined && a.destination !== b.destination) return [];
    const ports = narrowed(a.ports, b.ports, (left, right) => ({
      first: Math.max(left.first, right.first),
      last: Math.min(left.last, right.last),
    }));
    if (ports && ports.first > ports.last) return [];
    return [{ protocol: a.protocol, ports, ...(destination === undefined ? {} : { destination }) }];
  }
  if ('ports' in b || a.protocol !== b.protocol) return [];
  if (a.type !== undefined && b.type !== undefined && a.type !== b.type) return [];
  if (a.code !== undefined && b.code !== undefined && a.code !== b.code) return [];
  return [{ protocol: a.protocol, type: a.type ?? b.type, code: a.code ?? b.code }];
}

/** All sets that either knows: who is in one that only one of them knows is in none of the groups that the other asks for, or is new. */
function joinedSets(a: RuleMatch, b: RuleMatch): Pick<RuleMatch, 'sets'> {
  if (a.sets === undefined || b.sets === undefined) return {};
  return { sets: { local: joinSets(a.sets.local, b.sets.local), peers: joinSets(a.sets.peers, b.sets.peers) } };
}

function joinSets(a: readonly KnownSet[], b: readonly KnownSet[]): readonly KnownSet[] {
  const known = new Map(a.map((set) => [set.number, set]));
  for (const set of b) {
    const groups = [...new Set([...(known.get(set.number)?.groups ?? []), ...set.groups])].toSorted((x, y) => x - y);
    known.set(set.number, { number: set.number, groups });
  }
  return [...known.values()].toSorted((x, y) => (x.number < y.number ? -1 : x.number > y.number ? 1 : 0));
}

/** The numbers of the groups that a rule asks for. */
export function groupsAsked({ local = [], peers, services = [] }: RuleMatch): readonly number[] {
  const destinations = services.flatMap((service) =>
    'ports' in service && service.destination !== undefined ? [service.destination] : [],
  );
  return [...local, ...(peers?.groups ?? []), ...destinations];
}
