import type { Family } from '../../src/base/addresses.ts';
import type { Peer, Port, Rule } from '../model/kinds.ts';
import { resolveName } from '../model/scope.ts';
import type { Scoped } from '../model/scope.ts';
import { findGroup, groupOfPeer, isIcmp, membershipOf, portsNamed, scopedText } from '../selectors/index.ts';
import type { PolicyDocument, World } from '../selectors/index.ts';
import { addressesFrom, addressesOf, everyAddress, familyLine } from './address-line.ts';
import type { Addresses, AddressSet } from './address-line.ts';
import type { Box } from './box.ts';
import { bigints, numbers } from './intervals.ts';
import type { BoxTable, KnownBox } from './box-table.ts';
import { boxOf, everyInterface, intersectBoxes, ofTenants } from './label-box.ts';
import type { LabelBox } from './label-box.ts';
import { everyService, protocolBase, protocolLine, servicesOf, servicesPossible } from './service-space.ts';
import type { ServiceSet } from './service-space.ts';

/** Interfaces that a policy applies to: those of any of the boxes. */
export interface LocalSet {
  readonly text: string;
  readonly boxes: readonly KnownBox[];
}

/** The other end of a rule: an interface of one of the groups, or anything with one of the addresses. */
export interface PeerSet {
  readonly text: string;
  readonly groups: readonly PeerGroup[];
  readonly boxes: readonly KnownBox[];
  /** All of them when the rule names no peer. */
  readonly addresses: Addresses;
}

export interface PeerGroup {
  readonly box: KnownBox;
  /** Addresses that its members have at present; undefined when nobody has asked, or they cannot be told. */
  readonly members: Addresses | undefined;
}

/**
 * What a rule asks of services. Behind the line of real services each port name has a point of its own: a port that is meant by
 * name is some number of its protocol, another for each destination.
 */
export interface Services {
  readonly text: string;
  /** What the rule matches: no more than this. */
  readonly matched: ServiceSet;
  /** What of it exists in a family: ICMP in IPv4 only, ICMPv6 in IPv6 only. */
  readonly matchedIn: Readonly<Record<Family, ServiceSet>>;
  /** What it is sure to decide: all names too, where it has all ports of a protocol. */
  readonly covered: ServiceSet;
  /** What it may match: all ports of a protocol of which it names one. */
  readonly possible: ServiceSet;
}

/** A rule as a set of packets. */
export interface RuleSpace {
  readonly local: LocalSet;
  readonly peers: PeerSet;
  readonly services: Services;
}

/** Points for port names, by protocol; ids are given by whoever keeps the names. */
const namesWidth = 2 ** 20;
const namesBase = { tcp: namesWidth, udp: 2 * namesWidth, sctp: 3 * namesWidth } as const;
const everything: ServiceSet = [0, 4 * namesWidth - 1];

/** Whether it means a port by its name. */
export const hasNames = ({ matched }: Services): boolean => (matched.at(-1) ?? 0) >= namesWidth;

export interface SpaceContext {
  readonly world: Pick<World, 'get'>;
  readonly boxes: BoxTable;
  /** A number for each distinct port name, from 0. */
  readonly nameId: (name: string) => number;
  /** Addresses of the present members of a group that is compared with addresses. */
  readonly members: (group: string) => Addresses | undefined;
}

const textOf = (boxes: readonly KnownBox[]): string =>
  boxes
    .map(({ text }) => text)
    .sort()
    .join();

/** Undefined for a policy that can apply to nothing. */
export function localOf(
  { world, boxes: table }: SpaceContext,
  { metadata: { tenant: owner }, spec }: PolicyDocument,
): LocalSet | undefined {
  const scope = ofTenants(owner === undefined ? 'all' : [owner]) ?? everyInterface;
  const boxes =
    spec.appliesTo === undefined
      ? [scope]
      : spec.appliesTo.flatMap((name) => {
          const box = groupBox(world, resolveName(owner, name));
          return (box && intersectBoxes(box, scope)) ?? [];
        });
  const known = boxes.map((box) => table.know(box));
  return known.length === 0 ? undefined : { text: textOf(known), boxes: known };
}

function groupBox(world: Pick<World, 'get'>, id: Scoped): LabelBox | undefined {
  const group = findGroup(world, id);
  const membership = group && membershipOf(group);
  return membership && boxOf(membership);
}

/** Undefined when nothing can match. */
function peersOf(context: SpaceContext, owner: string | undefined, peers: Rule['peers']): PeerSet | undefined {
  if (peers === undefined || peers.some((peer) => peer.kind === 'any')) return peerSet('any', [], everyAddress);
  const groups = new Map<string, PeerGroup>();
  let addresses: AddressSet = [];
  for (const peer of peers) {
    addresses = bigints.union(addresses, clauseOf(context.world, owner, peer));
    if (peer.kind !== 'group') continue;
    const id = groupOfPeer(owner, peer);
    const box = groupBox(context.world, id);
    const members = box && context.members(scopedText(id));
    const known = box && context.boxes.know(box);
    if (known) groups.set(`${known.text} ${members?.all.join() ?? ''}`, { box: known, members });
  }
  if (groups.size === 0 && addresses.length === 0) return undefined;
  return peerSet(`${[...groups.keys()].sort().join()} ${addresses.join()}`, [...groups.values()], addresses);
}

function peerSet(text: string, groups: readonly PeerGroup[], addresses: AddressSet): PeerSet {
  return { text, groups, boxes: groups.map(({ box }) => box), addresses: addressesFrom(addresses) };
}

function clauseOf(world: Pick<World, 'get'>, owner: string | undefined, peer: Peer): AddressSet {
  if (peer.kind === 'cidr') return addressesOf([{ cidrs: [peer.cidr], except: peer.except }]);
  if (peer.kind === 'any') return everyAddress;
  const members = findGroup(world, groupOfPeer(owner, peer))?.spec.members;
  return members?.kind === 'cidrs' ? addressesOf([members]) : [];
}

/** Undefined when nothing can match. */
function servicesSet(context: SpaceContext, owner: string | undefined, services: Rule['services']): Services | undefined {
  if (services === undefined) return servicesFrom('any', everyService, everything, everything);
  const ports = services.flatMap((service) => (typeof service === 'string' ? portsNamed(context.world, owner, service) : [service]));
  const named: (readonly [number, number])[] = [];
  let plain: ServiceSet = [];
  let possible: ServiceSet = [];
  for (const port of ports) {
    const own = servicesOf(port);
    plain = own === undefined ? plain : numbers.union(plain, own);
    const point = own === undefined ? namePoint(context, port) : undefined;
    if (point !== undefined) named.push([point, point]);
    if (!isIcmp(port)) possible = numbers.union(possible, own ?? protocolLine(port.protocol));
  }
  const matched = numbers.union(plain, numbers.of(named));
  if (matched.length === 0) return undefined;
  const covered = (['tcp', 'udp', 'sctp'] as const).reduce(
    (set, protocol) => (numbers.contains(plain, protocolLine(protocol)) ? numbers.union(set, namesOf(protocol)) : set),
    matched,
  );
  return servicesFrom(covered.join(), matched, covered, numbers.union(covered, withNames(possible)));
}

function servicesFrom(text: string, matched: ServiceSet, covered: ServiceSet, possible: ServiceSet): Services {
  const own = (family: Family): ServiceSet => numbers.subtract(matched, numbers.subtract(everyService, servicesPossible[family]));
  return { text, matched, matchedIn: { 4: own(4), 6: own(6) }, covered, possible };
}

const namesOf = (protocol: 'tcp' | 'udp' | 'sctp'): ServiceSet => [namesBase[protocol], namesBase[protocol] + namesWidth - 1];

function withNames(possible: ServiceSet): ServiceSet {
  const names = (['tcp', 'udp', 'sctp'] as const).filter((protocol) => numbers.overlaps(possible, protocolLine(protocol)));
  return names.reduce((set, protocol) => numbers.union(set, namesOf(protocol)), possible);
}

function namePoint(context: SpaceContext, port: Port): number | undefined {
  if (isIcmp(port) || port.portName === undefined) return undefined;
  return namesBase[port.protocol] + context.nameId(port.portName);
}

const families: readonly Family[] = [4, 6];
const hasPeersIn = ({ boxes, addresses }: PeerSet, family: Family): boolean => boxes.length > 0 || addresses.in[family].length > 0;

/** Undefined for a rule that matches nothing, whatever comes to exist. */
export function spaceOf(context: SpaceContext, owner: string | undefined, local: LocalSet, rule: Rule): RuleSpace | undefined {
  const peers = peersOf(context, owner, rule.peers);
  const services = peers && servicesSet(context, owner, rule.services);
  if (!peers || !services) return undefined;
  const space = { local, peers, services };
  return families.some((family) => services.matchedIn[family].length > 0 && hasPeersIn(peers, family)) ? space : undefined;
}

/** Which part of the services goes with which addresses. */
const familyParts = [
  { services: numbers.subtract(everything, [protocolBase.icmp, protocolBase.icmpv6 + 0xffff]), addresses: everyAddress },
  { services: protocolLine('icmp'), addresses: familyLine[4] },
  { services: protocolLine('icmpv6'), addresses: familyLine[6] },
] as const;

/** The packets of a rule that exist: ICMP in IPv4, ICMPv6 in IPv6. `byMembers`: groups as the addresses of their present members. */
export function boxesOf({ local, peers }: Pick<RuleSpace, 'local' | 'peers'>, services: ServiceSet, byMembers = false): readonly Box[] {
  return familyParts.flatMap((part) => {
    const own = numbers.intersect(services, part.services);
    return own.length === 0 ? [] : product(local, peers, own, part.addresses, byMembers);
  });
}

/** The same without regard to what exists: for whoever decides. */
export function coverOf({ local, peers }: RuleSpace, services: ServiceSet): readonly Box[] {
  return product(local, peers, services, everyAddress, false);
}

function product(local: LocalSet, peers: PeerSet, services: ServiceSet, family: AddressSet, byMembers: boolean): readonly Box[] {
  return local.boxes.flatMap(({ box }) => {
    const boxes: Box[] = [];
    const addresses = bigints.intersect(peers.addresses.all, family);
    if (addresses.length > 0) boxes.push({ local: box, outside: true, inside: everyInterface, addresses, services });
    for (const group of peers.groups) {
      const own = byMembers && group.members !== undefined ? bigints.intersect(group.members.all, family) : family;
      if (own.length > 0) boxes.push({ local: box, outside: false, inside: group.box.box, addresses: own, services });
    }
    return boxes;
  });
}
