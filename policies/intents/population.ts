import { parseAddress, parsePrefix, prefixContains, prefixesOverlap } from '../../src/base/addresses.ts';
import type { Address, Prefix } from '../../src/base/addresses.ts';
import type { Port } from '../model/kinds.ts';
import { resolveName } from '../model/scope.ts';
import { findGroup, isIcmp, isMember, labelsOf, membershipOf, portsNamed } from '../selectors/index.ts';
import type { Labels, World } from '../selectors/index.ts';
import { internetBlocks } from './compile.ts';
import { Answers, keyOf } from './answers.ts';
import { isAddresses } from './meaning.ts';
import type { End, Party, Services } from './meaning.ts';

interface Member {
  readonly tenant: string;
  readonly labels: Labels;
  readonly addresses: readonly Address[];
}

interface Blocks {
  readonly in: readonly Prefix[];
  readonly except: readonly Prefix[];
}

/**
 * Who the names of one owner's intents stand for at this moment: whether two parties, or two lists of services, have something in common,
 * and whether one holds all of another. Interfaces of other tenants, which a tenant does not see, are compared by name alone.
 */
export class Population {
  readonly #world: World;
  readonly #owner: string | undefined;
  readonly #members = new Map<string, ReadonlySet<Member>>();
  readonly #portsOf = new Map<Services, readonly Port[]>();
  #everybody: readonly Member[] | undefined;
  readonly #meeting = new Answers<End>((a, b) => this.#meet(a, b));
  readonly #holding = new Answers<End>((a, b) => same(a, b) || this.#holds(a, b));
  readonly #servicesMeeting = new Answers<Services>((a, b) =>
    this.#ports(a).some((one) => this.#ports(b).some((other) => portsMeet(one, other))),
  );
  readonly #servicesHolding = new Answers<Services>((a, b) =>
    this.#ports(b).every((other) => this.#ports(a).some((one) => portHolds(one, other))),
  );

  constructor(world: World, owner: string | undefined) {
    this.#world = world;
    this.#owner = owner;
  }

  meet(a: Party, b: Party): boolean {
    return a.length === 0 || b.length === 0 || a.some((one) => b.some((other) => this.#meeting.of(one, other)));
  }

  /** Whether everybody of `b` is in `a`. */
  holds(a: Party, b: Party): boolean {
    if (a.length === 0 || b.length === 0) return a.length === 0;
    return b.every((other) => a.some((one) => this.#holding.of(one, other)));
  }

  servicesMeet(a: Services, b: Services): boolean {
    if (a.length === 0 || b.length === 0) return true;
    return this.#servicesMeeting.of(a, b);
  }

  servicesHold(a: Services, b: Services): boolean {
    if (a.length === 0 || b.length === 0) return a.length === 0;
    return this.#servicesHolding.of(a, b);
  }

  #ports(services: Services): readonly Port[] {
    const known = this.#portsOf.get(services);
    if (known !== undefined) return known;
    const ports = services.flatMap((service) =>
      service.kind === 'inline' ? [service.port] : portsNamed(this.#world, this.#owner, service.name),
    );
    this.#portsOf.set(services, ports);
    return ports;
  }

  #meet(a: End, b: End): boolean {
    if (same(a, b)) return true;
    if (isAddresses(a) && isAddresses(b)) return blocksMeet(this.#blocks(a), this.#blocks(b));
    if (isAddresses(a)) return this.#inBlocks(this.#of(b), this.#blocks(a), 'some');
    if (isAddresses(b)) return this.#inBlocks(this.#of(a), this.#blocks(b), 'some');
    return haveOneInCommon(this.#of(a), this.#of(b));
  }

  #holds(a: End, b: End): boolean {
    if (isAddresses(b)) return isAddresses(a) && blocksHold(this.#blocks(a), this.#blocks(b));
    const members = this.#of(b);
    if (isAddresses(a)) return members.size > 0 && this.#inBlocks(members, this.#blocks(a), 'every');
    const all = this.#of(a);
    return members.size > 0 && [...members].every((member) => all.has(member));
  }

  #inBlocks(members: ReadonlySet<Member>, blocks: Blocks, how: 'some' | 'every'): boolean {
    const inside = (address: Address): boolean =>
      blocks.in.some((block) => prefixContains(block, address)) && !blocks.except.some((block) => prefixContains(block, address));
    return [...members][how]((member) => member.addresses[how](inside));
  }

  #of(end: End): ReadonlySet<Member> {
    const key = keyOf(end);
    const known = this.#members.get(key);
    if (known !== undefined) return known;
    this.#everybody ??= this.#readEverybody();
    const members = new Set(this.#everybody.filter((member) => this.#isIn(end, member)));
    this.#members.set(key, members);
    return members;
  }

  #isIn(end: End, { tenant, labels }: Member): boolean {
    switch (end.kind) {
      case 'own':
        return true;
      case 'label':
        return Object.hasOwn(labels, end.key) && labels[end.key] === end.value;
      case 'network':
      case 'vm':
      case 'tenant':
        return labels[`weir.io/${end.kind}`] === end.name;
      case 'group': {
        const group = findGroup(this.#world, resolveName(this.#owner, end.name));
        const membership = group && membershipOf(group);
        return membership !== undefined && isMember(membership, tenant, labels);
      }
      case 'internet':
      case 'block':
        return false;
    }
  }

  #readEverybody(): readonly Member[] {
    return [...this.#world.list('Vm', this.#owner)].flatMap(({ document }) =>
      document.spec.interfaces.map((item): Member => ({
        tenant: document.metadata.tenant ?? '',
        labels: labelsOf(document, item),
        addresses: item.addresses.map(parseAddress),
      })),
    );
  }

  #blocks(end: End): Blocks {
    if (end.kind === 'internet') return internetBlocks;
    if (end.kind === 'block') return { in: [parsePrefix(end.cidr)], except: [] };
    const members = end.kind === 'group' ? findGroup(this.#world, resolveName(this.#owner, end.name))?.spec.members : undefined;
    if (members?.kind !== 'cidrs') return { in: [], except: [] };
    return { in: members.cidrs.map(parsePrefix), except: members.except.map(parsePrefix) };
  }
}

function haveOneInCommon(a: ReadonlySet<Member>, b: ReadonlySet<Member>): boolean {
  const [fewer, more] = a.size < b.size ? [a, b] : [b, a];
  for (const member of fewer) if (more.has(member)) return true;
  return false;
}

const same = (a: End, b: End): boolean => a === b || keyOf(a) === keyOf(b);

const prefixHolds = (a: Prefix, b: Prefix): boolean => a.length <= b.length && prefixContains(a, b);

/** Blocks cut out are looked at one by one: a block that several of them cut away together counts as met. */
function blocksMeet(a: Blocks, b: Blocks): boolean {
  const cut = [...a.except, ...b.except];
  return a.in.some((one) =>
    b.in.some((other) => {
      const narrower = one.length < other.length ? other : one;
      return prefixesOverlap(one, other) && !cut.some((hole) => prefixHolds(hole, narrower));
    }),
  );
}

function blocksHold(a: Blocks, b: Blocks): boolean {
  return b.in.every((block) => a.in.some((one) => prefixHolds(one, block)) && !a.except.some((hole) => prefixesOverlap(hole, block)));
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** A port by name may be any number. */
function rangeOf(port: Port): Range {
  if (isIcmp(port)) return port.type === undefined ? { first: 0, last: 65_535 } : icmpRange(port.type, port.code);
  if (port.port === undefined) return { first: 0, last: 65_535 };
  return { first: port.port, last: port.endPort ?? port.port };
}

const icmpRange = (type: number, code: number | undefined): Range => ({
  first: type * 256 + (code ?? 0),
  last: type * 256 + (code ?? 255),
});

function portsMeet(a: Port, b: Port): boolean {
  const [one, other] = [rangeOf(a), rangeOf(b)];
  return a.protocol === b.protocol && one.first <= other.last && other.first <= one.last;
}

function portHolds(a: Port, b: Port): boolean {
  const [one, other] = [rangeOf(a), rangeOf(b)];
  if ('portName' in a && a.portName !== undefined) return 'portName' in b && b.portName === a.portName && a.protocol === b.protocol;
  return a.protocol === b.protocol && one.first <= other.first && other.last <= one.last;
}
