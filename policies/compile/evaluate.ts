import { prefixContains } from '../../src/base/addresses.ts';
import type { Address } from '../../src/base/addresses.ts';
import type { Direction, Element, InterfaceElement, KnownSet, RuleElement, ServiceMatch, Tier } from '../compiled.ts';
import { hasGroup } from './sets.ts';

/** A packet that opens a connection, as one interface meets it. */
export interface Meeting {
  readonly direction: Direction;
  /** The interface that is judged. */
  readonly portId: string;
  /** The other end. */
  readonly peer: Address;
  readonly packet:
    | { readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly port: number }
    | { readonly protocol: 'icmp' | 'icmpv6'; readonly type: number; readonly code: number };
}

/** The verdict of one side and the rule that decided; undefined: the posture. */
export interface Outcome {
  /** `hold` is between two policies only. */
  readonly verdict: 'allow' | 'deny' | 'reject' | 'hold';
  readonly rule: RuleElement | undefined;
}

const tiers: readonly Tier[] = ['platform', 'tenant', 'baseline'];

/**
 * What the elements of a host say of a connection, without flows: the compiled twin of `judge`. Undefined when the interface
 * is not on the host.
 */
export function evaluate(elements: readonly Element[], meeting: Meeting): Outcome | undefined {
  const local = elements.find((element) => element.kind === 'interface' && element.portId === meeting.portId);
  if (local?.kind !== 'interface') return undefined;
  const identity = elements.find(
    (element) =>
      element.kind === 'identity' &&
      element.domain === local.domain &&
      element.tenant === local.tenant &&
      element.address.family === meeting.peer.family &&
      element.address.value === meeting.peer.value,
  );
  const peer = identity?.kind === 'identity' && identity.view === local.view ? identity : nobody;
  const rules = elements
    .filter((element) => element.kind === 'rule')
    .filter((rule) => rule.tenant === local.tenant && rule.view === local.view && rule.direction === meeting.direction);
  for (const tier of tiers) {
    const inTier = rules.filter((rule) => rule.tier === tier).toSorted((a, b) => b.priority - a.priority);
    const rule = inTier.find((candidate) => matches(candidate, meeting, local, peer));
    if (rule && rule.action !== 'pass') return { verdict: rule.action, rule };
  }
  const tenant = elements.find((element) => element.kind === 'tenant' && element.tenant === local.tenant);
  return { verdict: postures[tenant?.kind === 'tenant' ? tenant.posture : 'zero-trust'], rule: undefined };
}

const postures = { 'zero-trust': 'deny', open: 'allow', hold: 'hold' } as const;

/** What registers hold of one end: bits, or the number of a set. */
type Registered = Pick<InterfaceElement, 'groups' | 'set'>;
const nobody: Registered = { groups: 0n };

function isIn({ groups, set }: Registered, group: number, known: readonly KnownSet[] | undefined): boolean {
  if (set === undefined) return known === undefined && hasGroup(groups, group);
  return known?.some(({ number, groups: inside }) => number === set && inside.includes(group)) ?? false;
}

function matches(rule: RuleElement, { peer, packet, direction }: Meeting, localEnd: Registered, peerEnd: Registered): boolean {
  const isLocalIn = (group: number): boolean => isIn(localEnd, group, rule.sets?.local);
  const isPeerIn = (group: number): boolean => isIn(peerEnd, group, rule.sets?.peers);
  if (rule.local && !rule.local.some(isLocalIn)) return false;
  const { peers, services } = rule;
  if (peers && !peers.groups.some(isPeerIn) && !peers.prefixes.some((prefix) => prefixContains(prefix, peer))) return false;
  const isDestinationIn = direction === 'ingress' ? isLocalIn : isPeerIn;
  return services === undefined || services.some((service) => serves(service, packet, isDestinationIn));
}

function serves(service: ServiceMatch, packet: Meeting['packet'], isDestinationIn: (group: number) => boolean): boolean {
  if ('ports' in service) {
    if (!('port' in packet) || packet.protocol !== service.protocol) return false;
    if (service.destination !== undefined && !isDestinationIn(service.destination)) return false;
    return service.ports === undefined || (service.ports.first <= packet.port && packet.port <= service.ports.last);
  }
  if ('port' in packet || packet.protocol !== service.protocol) return false;
  return (service.type === undefined || service.type === packet.type) && (service.code === undefined || service.code === packet.code);
}
