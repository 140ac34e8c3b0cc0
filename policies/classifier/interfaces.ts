import { parseAddress } from '../../src/base/addresses.ts';
import { resolveName } from '../model/scope.ts';
import type { VmInterface } from '../model/kinds.ts';
import { isMember, labelsOf, membershipOf, scopedText } from '../selectors/index.ts';
import type { Labels, Membership, VmDocument, World } from '../selectors/index.ts';
import { Addresses } from './addresses.ts';
import type { Holder } from './addresses.ts';
import type { Arena } from './arena.ts';
import type { GroupNumbers } from './group-numbers.ts';
import type { GroupSet, GroupSets } from './group-sets.ts';
import { Groups } from './groups.ts';
import { address4Slot, classRow, header, interfaceRow, prefixNode, protocols } from './layout.ts';
import { NumberedTexts } from './numbers.ts';
import { Rows } from './rows.ts';
import type { Space, Spaces } from './spaces.ts';

/** An interface of a VM, on a host or not. */
export interface Interface {
  readonly number: number;
  readonly tenant: string;
  readonly vm: string;
  readonly name: string;
  readonly labels: Labels;
  /** As `scopedText` writes it. */
  readonly network: string;
  readonly portNames: readonly string[];
  readonly ports: { readonly offset: number; readonly length: number };
  domain: string;
  set: GroupSet;
  holders: readonly Holder[];
  readonly addresses: readonly string[];
}

const platform = '-';
/** Of an interface that declares none, as nearly all do. */
const noPorts = { names: [], place: { offset: 0, length: 0 } } as const;

/** Who there is: interfaces with their groups, their declared ports, their addresses and the routing domains that these are in. */
export class Interfaces {
  readonly addresses: Addresses;
  /** Numbers of ports' names, from 1 on. */
  readonly portNames = new NumberedTexts(1);
  private readonly arena: Arena;
  private readonly spaces: Spaces;
  private readonly sets: GroupSets;
  private readonly groupNumbers: GroupNumbers;
  private readonly rows: Rows;
  private readonly byVm = new Map<string, readonly Interface[]>();
  private readonly byTenant = new Map<string, Set<Interface>>();
  private readonly byNetwork = new Map<string, Set<Interface>>();
  private readonly groups = new Map<string, Groups>();
  private readonly domains = new NumberedTexts(0);
  private readonly routersOf = new Map<string, Set<string>>();
  private readonly networksOf = new Map<string, readonly string[]>();

  constructor(arena: Arena, spaces: Spaces, sets: GroupSets, groupNumbers: GroupNumbers) {
    this.arena = arena;
    this.spaces = spaces;
    this.sets = sets;
    this.groupNumbers = groupNumbers;
    this.rows = new Rows(arena, header.interfaces, interfaceRow.size);
    this.addresses = new Addresses(arena);
  }

  ofVm(tenant: string, vm: string): readonly Interface[] | undefined {
    return this.byVm.get(scopedText({ tenant, name: vm }));
  }

  hasAny(tenant: string): boolean {
    return this.byTenant.has(tenant);
  }

  /** Tells with each address of a tenant's interfaces what vectors it has, with pauses. `outside`: those of an address in no prefix. */
  *tellVectors(space: Space, outside: readonly number[]): Generator<void, void, void> {
    let count = 0;
    for (const item of this.byTenant.get(space.tenant ?? '') ?? []) {
      for (const holder of item.holders) {
        const slot = this.addresses.slotOf(holder);
        if (slot !== 0) this.tell(slot, space, item, space.prefixes[4].innermost(holder.address.value), outside);
      }
      if (++count % 64 === 0) yield;
    }
  }

  routerChanged(world: World, tenant: string | undefined, name: string): void {
    const key = scopedText({ tenant, name });
    const before = this.networksOf.get(key) ?? [];
    const spec = world.get('Router', tenant, name)?.document.spec;
    const after = (spec?.networks ?? []).map((entry) => scopedText({ tenant: entry.tenant, name: entry.network }));
    for (const network of before) this.routersOf.get(network)?.delete(key);
    for (const network of after) this.routersOf.set(network, (this.routersOf.get(network) ?? new Set()).add(key));
    if (after.length > 0) this.networksOf.set(key, after);
    else this.networksOf.delete(key);
    for (const network of [...before, ...after]) {
      if (this.routersOf.get(network)?.size === 0) this.routersOf.delete(network);
      for (const item of this.byNetwork.get(network) ?? []) this.settleDomain(item);
    }
  }

  groupChanged(world: World, tenant: string | undefined, name: string): void {
    const owner = tenant ?? platform;
    const groups = this.groups.get(owner) ?? new Groups();
    const before = groups.get(name);
    const document = world.get('Group', tenant, name)?.document;
    const membership = document && membershipOf(document);
    if (before === undefined && membership === undefined) return;
    const key = scopedText({ tenant, name });
    const number = before?.number ?? this.groupNumbers.use(key);
    groups.set(name, membership && { number, membership });
    if (groups.isEmpty) this.groups.delete(owner);
    else this.groups.set(owner, groups);
    for (const item of this.concerned(tenant, [before?.membership, membership])) {
      const isIn = membership !== undefined && isMember(membership, item.tenant, item.labels);
      if (isIn === item.set.groups.includes(number)) continue;
      const others = item.set.groups.filter((each) => each !== number);
      this.regroup(item, isIn ? [...others, number].toSorted((a, b) => a - b) : others);
    }
    if (membership === undefined) this.groupNumbers.drop(key);
  }

  vmChanged(world: World, tenant: string, name: string): void {
    const key = scopedText({ tenant, name });
    const before = this.byVm.get(key) ?? [];
    const vm = world.get('Vm', tenant, name)?.document;
    for (const item of before) this.remove(item);
    if (vm) {
      let position = 0;
      const after = vm.spec.interfaces.map((item) => {
        const added = this.add(vm, item, position);
        position += item.addresses.length;
        return added;
      });
      this.byVm.set(key, after);
    } else this.byVm.delete(key);
  }

  private add(vm: VmDocument, item: VmInterface, position: number): Interface {
    const tenant = vm.metadata.tenant ?? '';
    const labels = labelsOf(vm, item);
    const space = this.spaces.of(tenant);
    const number = this.rows.add();
    const declared = this.writePorts(item.ports);
    const network = scopedText(resolveName(tenant, item.network));
    const added: Interface = {
      number,
      tenant,
      vm: vm.metadata.name,
      name: item.name,
      labels,
      network: this.fellowOf(network)?.network ?? network,
      portNames: declared.names,
      ports: declared.place,
      domain: '',
      set: this.sets.use(space, this.groupsOf(tenant, labels)),
      holders: [],
      addresses: item.addresses,
    };
    this.rows.set(number, interfaceRow.space, space.number);
    this.rows.set(number, interfaceRow.class, added.set.number);
    this.rows.set(number, interfaceRow.ports, added.ports.offset);
    addTo(this.byTenant, tenant, added);
    addTo(this.byNetwork, added.network, added);
    this.settleDomain(added, position);
    return added;
  }

  private remove(item: Interface): void {
    for (const holder of item.holders) this.addresses.remove(holder);
    this.domains.drop(item.domain);
    removeFrom(this.byTenant, item.tenant, item);
    removeFrom(this.byNetwork, item.network, item);
    this.sets.drop(item.set);
    for (const name of item.portNames) this.portNames.drop(name);
    this.arena.release(item.ports.offset, item.ports.length);
    this.rows.remove(item.number);
  }

  private regroup(item: Interface, groups: readonly number[]): void {
    const before = item.set;
    item.set = this.sets.use(before.space, groups);
    this.sets.drop(before);
    this.rows.set(item.number, interfaceRow.class, item.set.number);
    for (const holder of item.holders) this.addresses.forget(holder);
  }

  private tell(slot: number, space: Space, item: Interface, prefix: number, outside: readonly number[]): void {
    const { words } = this.arena;
    const own = (words[header.classes] ?? 0) + item.set.number * classRow.size;
    words[slot + address4Slot.space] = space.number;
    for (const [direction, vector] of outside.entries()) {
      words[slot + address4Slot.locals + direction] = words[own + classRow.locals + direction] ?? 0;
      words[slot + address4Slot.peers + direction] = prefix === 0 ? vector : (words[prefix + prefixNode.vectors + direction] ?? 0);
    }
  }

  /** Puts the addresses into the routing domain of the network, when that is another than before. */
  private settleDomain(item: Interface, position = item.holders[0]?.position ?? 0): void {
    const [router] = this.routersOf.get(item.network) ?? [];
    const domain = router === undefined ? `network ${item.network}` : `router ${router}`;
    if (domain === item.domain) return;
    const fellow = this.fellowOf(item.network);
    for (const holder of item.holders) this.addresses.remove(holder);
    const number = this.domains.use(domain);
    if (item.domain !== '') this.domains.drop(item.domain);
    item.domain = fellow?.domain === domain ? fellow.domain : domain;
    item.holders = item.addresses.map((text, index) => ({
      tenant: item.tenant,
      vm: item.vm,
      interface: item.name,
      number: item.number,
      domain: number,
      address: parseAddress(text),
      position: position + index,
    }));
    for (const holder of item.holders) this.addresses.add(holder);
  }

  /** Another interface of the network, if there is one: equal texts of both are one. */
  private fellowOf(network: string): Interface | undefined {
    const [fellow] = this.byNetwork.get(network) ?? [];
    return fellow;
  }

  private groupsOf(tenant: string, labels: Labels): readonly number[] {
    const own = this.groups.get(tenant)?.of(tenant, labels) ?? [];
    const everybodys = this.groups.get(platform)?.of(tenant, labels) ?? [];
    return [...own, ...everybodys].toSorted((a, b) => a - b);
  }

  /** Interfaces that can be in a group or could before. */
  private *concerned(tenant: string | undefined, memberships: readonly (Membership | undefined)[]): Iterable<Interface> {
    const listed = memberships.flatMap((membership) => (membership === undefined ? [] : [membership.tenants]));
    const tenants = tenant !== undefined ? [tenant] : listed.includes('all') ? this.byTenant.keys() : new Set(listed.flat());
    for (const each of tenants) yield* this.byTenant.get(each) ?? [];
  }

  private writePorts(ports: VmInterface['ports']): { readonly names: readonly string[]; readonly place: Interface['ports'] } {
    const declared = Object.entries(ports);
    if (declared.length === 0) return noPorts;
    const content = declared.flatMap(([name, { protocol, port }]) => [this.portNames.use(name), protocols[protocol] * 65_536 + port]);
    const offset = this.arena.allocate(content.length + 1);
    this.arena.words.set([declared.length, ...content], offset);
    return { names: declared.map(([name]) => name), place: { offset, length: content.length + 1 } };
  }
}

function addTo<T>(index: Map<string, Set<T>>, key: string, item: T): void {
  const items = index.get(key);
  if (items) items.add(item);
  else index.set(key, new Set([item]));
}

function removeFrom<T>(index: Map<string, Set<T>>, key: string, item: T): void {
  const items = index.get(key);
  items?.delete(item);
  if (items?.size === 0) index.delete(key);
}
