import { parsePrefix, prefixContains } from '../../src/base/addresses.ts';
import type { Address } from '../../src/base/addresses.ts';
import { unreachable } from '../../src/base/errors.ts';
import type { Direction } from '../compiled.ts';
import type { Peer, Port, Rule, VmInterface } from '../model/kinds.ts';
import { resolveName } from '../model/scope.ts';
import type { Scoped } from '../model/scope.ts';
import { findGroup, groupOfPeer, isIcmp, isMember, membershipOf, portsNamed } from '../selectors/index.ts';
import type { Labels, PolicyDocument, World } from '../selectors/index.ts';
import type { Packet } from './packet.ts';

/** An interface as policies see it. */
export interface Subject {
  readonly tenant: string;
  readonly labels: Labels;
  readonly ports: VmInterface['ports'];
}

/** One side of a connection: the interface that is judged, and the other end. */
export interface Side {
  readonly direction: Direction;
  readonly local: Subject;
  readonly peer: { readonly address: Address; readonly subject: Subject | undefined };
  readonly packet: Packet;
}

/** A tenant's policies bind its own interfaces, the platform's everybody's; both only those in one of the groups named. */
export function applies(world: World, policy: PolicyDocument, local: Subject): boolean {
  const owner = policy.metadata.tenant;
  if (owner !== undefined && owner !== local.tenant) return false;
  const { appliesTo } = policy.spec;
  return appliesTo === undefined || appliesTo.some((name) => selects(world, resolveName(owner, name), local));
}

/** Peers OR, services OR, and both must match; what is left out matches all. */
export function ruleMatches(world: World, owner: string | undefined, rule: Rule, side: Side): boolean {
  const peers = rule.peers === undefined || rule.peers.some((peer) => peerMatches(world, owner, peer, side.peer));
  return peers && (rule.services === undefined || rule.services.some((service) => serviceMatches(world, owner, service, side)));
}

function peerMatches(world: World, owner: string | undefined, peer: Peer, other: Side['peer']): boolean {
  switch (peer.kind) {
    case 'any':
      return true;
    case 'cidr':
      return inBlocks([peer.cidr], peer.except, other.address);
    case 'group': {
      const id = groupOfPeer(owner, peer);
      const members = findGroup(world, id)?.spec.members;
      if (members?.kind === 'cidrs') return inBlocks(members.cidrs, members.except, other.address);
      return other.subject !== undefined && selects(world, id, other.subject);
    }
    default:
      return unreachable(peer);
  }
}

/** Whether a group of interfaces has this one; a group of CIDRs has none. */
function selects(world: World, id: Scoped, subject: Subject): boolean {
  const group = findGroup(world, id);
  const membership = group && membershipOf(group);
  return membership !== undefined && isMember(membership, subject.tenant, subject.labels);
}

function inBlocks(cidrs: readonly string[], except: readonly string[], address: Address): boolean {
  const inside = (cidr: string): boolean => prefixContains(parsePrefix(cidr), address);
  return cidrs.some(inside) && !except.some(inside);
}

function serviceMatches(world: World, owner: string | undefined, service: string | Port, side: Side): boolean {
  const ports = typeof service === 'string' ? portsNamed(world, owner, service) : [service];
  return ports.some((port) => portMatches(port, side));
}

function portMatches(port: Port, { direction, local, peer, packet }: Side): boolean {
  if (isIcmp(port)) {
    if (packet.protocol !== port.protocol) return false;
    return (port.type === undefined || port.type === packet.type) && (port.code === undefined || port.code === packet.code);
  }
  if (packet.protocol !== port.protocol) return false;
  if (port.portName !== undefined) return declares(direction === 'ingress' ? local : peer.subject, port.portName, packet);
  return port.port === undefined || (port.port <= packet.port && packet.port <= (port.endPort ?? port.port));
}

function declares(destination: Subject | undefined, name: string, packet: Extract<Packet, { readonly port: number }>): boolean {
  if (destination === undefined || !Object.hasOwn(destination.ports, name)) return false;
  const declared = destination.ports[name];
  return declared?.protocol === packet.protocol && declared.port === packet.port;
}
