import type { Direction, RuleAction, Tier } from '../../compiled.ts';
import { mentionsOf } from '../../compile/names.ts';
import { concerns } from '../../compile/rules.ts';
import type { Port, Rule } from '../../model/kinds.ts';
import { resolveName } from '../../model/scope.ts';
import type { Scoped } from '../../model/scope.ts';
import { findGroup, groupOfPeer, isIcmp, isMember, membershipOf, portsNamed, scopedText } from '../../selectors/index.ts';
import type { Membership, PolicyDocument, World } from '../../selectors/index.ts';
import { addressesOf, everyAddress } from '../address-line.ts';
import type { AddressSet } from '../address-line.ts';
import type { RuleName } from '../findings.ts';
import { bigints, numbers } from '../intervals.ts';
import { everyService, servicesOf } from '../service-space.ts';
import type { ServiceSet } from '../service-space.ts';
import type { Presence } from './endpoints.ts';

/** A group of interfaces that rules name; `text` is all of its meaning. */
export interface GroupCondition {
  readonly id: Scoped;
  readonly text: string;
  readonly membership: Membership;
}

interface NamedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly name: string;
}

/** A rule with its names resolved. */
export interface ProgramRule {
  readonly name: RuleName;
  readonly action: RuleAction;
  /** Undefined: every interface of the tenant. */
  readonly local: readonly GroupCondition[] | undefined;
  readonly groups: readonly GroupCondition[];
  /** All of them when there is no peer. */
  readonly addresses: AddressSet;
  readonly isAnyPeer: boolean;
  /** Undefined when no addresses are named. */
  readonly block: string | undefined;
  readonly services: ServiceSet;
  readonly named: readonly NamedPort[];
  /** Equal rules at the same place have equal texts. */
  readonly text: string;
}

/** What judges the interfaces of one tenant in one direction: tier after tier, rules in the order in which they are asked. */
export interface Program {
  readonly tiers: readonly (readonly ProgramRule[])[];
  readonly isOpen: boolean;
}

const tiers: readonly Tier[] = ['platform', 'tenant', 'baseline'];

/** Programs of a world, made once for each tenant. Rules of the platform are resolved once for all. */
export class Programs {
  readonly #world: World;
  readonly #known = new Map<string, Program>();
  readonly #rules = new Map<PolicyDocument, Readonly<Record<Direction, readonly ProgramRule[]>>>();
  readonly #platform: readonly PolicyDocument[];

  constructor(world: World) {
    this.#world = world;
    this.#platform = platformPolicies(world);
  }

  of(tenant: string, direction: Direction): Program {
    const key = `${direction} ${tenant}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const own = [...this.#world.list('Policy', tenant)].map(({ document }) => document);
    const policies = [...own, ...this.#platform.filter(({ spec }) => concerns(this.#world, undefined, spec.appliesTo, tenant))];
    const program: Program = {
      tiers: tiers.map((tier) =>
        policies
          .filter(({ spec }) => spec.tier === tier)
          .toSorted((a, b) => a.spec.order - b.spec.order || (a.metadata.name < b.metadata.name ? -1 : 1))
          .flatMap((policy) => this.#rulesOf(policy)[direction]),
      ),
      isOpen: this.#world.get('Tenant', undefined, tenant)?.document.spec.posture === 'open',
    };
    this.#known.set(key, program);
    return program;
  }

  #rulesOf(policy: PolicyDocument): Readonly<Record<Direction, readonly ProgramRule[]>> {
    const known = this.#rules.get(policy);
    if (known !== undefined) return known;
    const rules = { egress: rulesOf(this.#world, policy, 'egress'), ingress: rulesOf(this.#world, policy, 'ingress') };
    this.#rules.set(policy, rules);
    return rules;
  }
}

function platformPolicies(world: World): readonly PolicyDocument[] {
  return [...world.list('Policy', null)].map(({ document }) => document);
}

function rulesOf(world: World, policy: PolicyDocument, direction: Direction): readonly ProgramRule[] {
  const { metadata, spec } = policy;
  const owner = metadata.tenant;
  const local = spec.appliesTo?.flatMap((name) => conditionOf(world, resolveName(owner, name)) ?? []);
  return spec[direction].map((rule, index): ProgramRule => {
    const peers = rule.peers ?? [{ kind: 'any' as const }];
    const isAnyPeer = peers.some((peer) => peer.kind === 'any');
    const groups = peers.flatMap((peer) => (peer.kind === 'group' ? (conditionOf(world, groupOfPeer(owner, peer)) ?? []) : []));
    const addresses = isAnyPeer ? everyAddress : addressesIn(world, owner, peers);
    const { services, named } = servicesIn(world, owner, rule.services);
    const name = { tenant: owner, policy: metadata.name, tier: spec.tier, direction, rule: index, action: rule.action };
    const text = JSON.stringify([
      [spec.tier, spec.order, metadata.name, index, rule.action, isAnyPeer],
      local?.map((condition) => condition.text),
      groups.map((condition) => condition.text),
      addresses.join(),
      services,
      named,
    ]);
    return {
      name,
      action: rule.action,
      local,
      groups,
      addresses,
      isAnyPeer,
      block: isAnyPeer || addresses.length === 0 ? undefined : addresses.join(),
      services,
      named,
      text,
    };
  });
}

function conditionOf(world: World, id: Scoped): GroupCondition | undefined {
  const group = findGroup(world, id);
  const membership = group && membershipOf(group);
  return membership && { id, text: JSON.stringify([scopedText(id), membership]), membership };
}

function addressesIn(world: World, owner: string | undefined, peers: NonNullable<Rule['peers']>): AddressSet {
  return peers.reduce<AddressSet>((set, peer) => {
    if (peer.kind === 'cidr') return bigints.union(set, addressesOf([{ cidrs: [peer.cidr], except: peer.except }]));
    const members = peer.kind === 'group' ? findGroup(world, groupOfPeer(owner, peer))?.spec.members : undefined;
    return members?.kind === 'cidrs' ? bigints.union(set, addressesOf([members])) : set;
  }, []);
}

function servicesIn(world: World, owner: string | undefined, services: Rule['services']): Pick<ProgramRule, 'services' | 'named'> {
  if (services === undefined) return { services: everyService, named: [] };
  const ports = services.flatMap((service) => (typeof service === 'string' ? portsNamed(world, owner, service) : [service]));
  return {
    services: ports.reduce<ServiceSet>((set, port) => numbers.union(set, servicesOf(port) ?? []), []),
    named: ports.flatMap((port) => namedPort(port) ?? []),
  };
}

function namedPort(port: Port): NamedPort | undefined {
  return isIcmp(port) || port.portName === undefined ? undefined : { protocol: port.protocol, name: port.portName };
}

export const isIn = ({ membership }: GroupCondition, tenant: string, { labels }: Presence): boolean => isMember(membership, tenant, labels);

/** Whether a policy names a group or a service, as `scopedText` writes it. */
export function names({ metadata, spec }: PolicyDocument, kind: 'Group' | 'Service', key: string): boolean {
  const mentions = mentionsOf(metadata.tenant, spec);
  return kind === 'Group' ? mentions.groups.some((id) => scopedText(id) === key) : mentions.services.includes(key);
}
