import { bitsOf, groupBitsOf, SetTally, usesSets } from '../../../policies/index.ts';
import type { GroupBit } from '../../../policies/index.ts';
import type { TenantNumbers } from '../../../policies/model/index.ts';
import { labelsOf } from '../../../policies/selectors/index.ts';
import { documentKey } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';
import type { Records } from '../records.ts';
import type { Domains } from './domains.ts';
import { networkKeyOf } from './occupancy.ts';

type Vm = DocumentOfKind<'Vm'>;

interface Member {
  readonly set: bigint;
  readonly isOwn: boolean;
}

/** What one tenant sees whose groups are told apart by sets. */
interface Outlook {
  readonly numbers: TenantNumbers;
  groupBits: readonly GroupBit[];
  reach: ReadonlySet<Key>;
  byVm: Map<Key, readonly Member[]>;
  own: SetTally;
  all: SetTally;
  /** All has to be counted again. */
  isStale: boolean;
  readonly staleVms: Set<Key<Vm>>;
}

/**
 * How many different sets of groups have each group, for the tenants whose rules tell groups apart by numbered sets: the flows of such
 * a rule depend on it. Interfaces count wherever they are and whether they run or not, so that an estimate depends on no placement. What
 * changes is noted, and counted when somebody asks.
 */
export class SetCounts {
  readonly #records: Records;
  readonly #domains: Domains;
  readonly #outlooks = new Map<string, Outlook>();
  #isStale = false;

  constructor(records: Records, domains: Domains) {
    this.#records = records;
    this.#domains = domains;
  }

  tenants(): Iterable<string> {
    return this.#outlooks.keys();
  }

  has(tenant: string): boolean {
    return this.#outlooks.has(tenant);
  }

  changeNumbers(tenant: string, numbers: TenantNumbers | undefined): void {
    if (numbers === undefined || !usesSets(numbers)) this.#outlooks.delete(tenant);
    else {
      const empty = { groupBits: [], reach: new Set<Key>(), byVm: new Map(), own: new SetTally(), all: new SetTally() };
      this.#outlooks.set(tenant, { numbers, ...empty, isStale: true, staleVms: new Set() });
    }
    this.#isStale ||= this.#outlooks.size > 0;
  }

  /** Groups or routers changed. */
  changeMeaning(): void {
    for (const outlook of this.#outlooks.values()) outlook.isStale = true;
    this.#isStale ||= this.#outlooks.size > 0;
  }

  changeVm(key: Key<Vm>): void {
    for (const outlook of this.#outlooks.values()) outlook.staleVms.add(key);
    this.#isStale ||= this.#outlooks.size > 0;
  }

  /** Different sets with the group: of the tenant's own interfaces, or of all that they reach. */
  count(tenant: string, group: string, whose: 'own' | 'all'): number {
    const outlook = this.#outlooks.get(tenant);
    const number = outlook?.numbers.groups[group];
    return outlook === undefined || number === undefined ? 0 : outlook[whose].withGroup(number).size;
  }

  /** Counts what was noted. Answers the tenants for which something may count otherwise now. */
  refresh(): readonly string[] {
    if (!this.#isStale) return [];
    this.#isStale = false;
    const changed: string[] = [];
    for (const [tenant, outlook] of this.#outlooks) {
      if (!outlook.isStale && outlook.staleVms.size === 0) continue;
      const reach = this.#reachOf(tenant);
      if (outlook.isStale || !isSame(reach, outlook.reach)) this.#recount(tenant, outlook, reach);
      else for (const key of outlook.staleVms) this.#countVm(tenant, outlook, key);
      outlook.isStale = false;
      outlook.staleVms.clear();
      changed.push(tenant);
    }
    return changed;
  }

  #reachOf(tenant: string): ReadonlySet<Key> {
    return new Set([...this.#domains.networksOf(tenant)].flatMap((network) => [...this.#domains.around(network)]));
  }

  #recount(tenant: string, outlook: Outlook, reach: ReadonlySet<Key>): void {
    outlook.reach = reach;
    outlook.groupBits = groupBitsOf(this.#records, tenant, outlook.numbers.groups);
    outlook.byVm = new Map();
    outlook.own = new SetTally();
    outlook.all = new SetTally();
    for (const { document } of this.#records.list('Vm'))
      this.#countVm(tenant, outlook, documentKey('Vm', document.metadata.tenant, document.metadata.name));
  }

  #countVm(tenant: string, outlook: Outlook, key: Key<Vm>): void {
    for (const member of outlook.byVm.get(key) ?? []) change(outlook, member, -1);
    const vm = this.#records.cell(key)?.value;
    const members = vm === undefined ? [] : membersOf(tenant, outlook, vm);
    for (const member of members) change(outlook, member, 1);
    if (members.length === 0) outlook.byVm.delete(key);
    else outlook.byVm.set(key, members);
  }
}

function membersOf(looker: string, { reach, groupBits }: Outlook, vm: Vm): readonly Member[] {
  const tenant = vm.metadata.tenant ?? '';
  return vm.spec.interfaces
    .filter((item) => reach.has(networkKeyOf(tenant, item.network)))
    .map((item) => ({ set: bitsOf(groupBits, { tenant, labels: labelsOf(vm, item), ports: item.ports }), isOwn: tenant === looker }));
}

function change({ own, all }: Outlook, { set, isOwn }: Member, by: 1 | -1): void {
  all.change(set, by);
  if (isOwn) own.change(set, by);
}

const isSame = (a: ReadonlySet<Key>, b: ReadonlySet<Key>): boolean => a.size === b.size && [...a].every((key) => b.has(key));
