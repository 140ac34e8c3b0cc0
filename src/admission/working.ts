import { usesSets } from '../../policies/index.ts';
import { groupKeyOf, resolveGroup, resolveName } from '../../policies/model/index.ts';
import type { Document, Kind, Scoped, TenantNumbers } from '../../policies/model/index.ts';
import { portOfKey, portsNamed } from '../../policies/selectors/index.ts';
import { blocksOf, interfaceFlows, networkFlows, policyFlows, tenantFlows } from './budget.ts';
import type { Sizes } from './budget.ts';
import { Domains } from './indexes/domains.ts';
import { KeptAnswers } from './indexes/kept-answers.ts';
import { Named } from './indexes/named.ts';
import { Occupancy } from './indexes/occupancy.ts';
import { Placements } from './indexes/placements.ts';
import { SetCounts } from './indexes/set-counts.ts';
import { Sequence } from './indexes/sequence.ts';
import { Tallies } from './indexes/tallies.ts';
import { Users } from './indexes/users.ts';
import { Vnis } from './indexes/vnis.ts';
import { documentKey, partsOf, tenantNumbersKey } from './keys.ts';
import type { DocumentOfKind, FreeVni, Key, KeptAnswer } from './keys.ts';
import { Records } from './records.ts';
import type { Cell } from './records.ts';
import { groupsNamed, portNamesUsed } from './references.ts';

type Is<K extends Kind> = DocumentOfKind<K> | undefined;
type PolicyKey = Key<DocumentOfKind<'Policy'>>;

/**
 * The state against which requests are validated: what is committed and what is on its way to the store, with every
 * index that validation needs. Indexes follow from the cells alone, key by key, so that writing an old cell back
 * undoes a write in whatever order it is done.
 */
export class Working {
  readonly records = new Records();
  readonly users = new Users();
  readonly occupancy = new Occupancy();
  readonly vnis = new Vnis();
  readonly placements = new Placements();
  readonly sequence = new Sequence();
  readonly domains = new Domains();
  /** Groups by document key, ports by name. */
  readonly named = { groups: new Named(), ports: new Named() };
  readonly keptAnswers = new KeptAnswers();
  readonly sets = new SetCounts(this.records, this.domains);
  readonly #tallies = new Tallies();

  /** How much each owner has, with estimates of what is there now. */
  get tallies(): Tallies {
    const seers = this.sets.refresh();
    for (const tenant of seers) this.#estimateAll(this.#policiesOf(tenant));
    if (seers.length > 0) this.#estimateAll(this.#policiesOf(null));
    return this.#tallies;
  }

  #policiesOf(owner: string | null): readonly PolicyKey[] {
    return [...this.records.list('Policy', owner)].map(({ document: { metadata } }) =>
      documentKey('Policy', metadata.tenant, metadata.name),
    );
  }

  cell<T>(key: Key<T>): Cell<T> | undefined {
    return this.records.cell(key);
  }

  value<T>(key: Key<T>): T | undefined {
    return this.records.cell(key)?.value;
  }

  write(key: Key, after: Cell | undefined): void {
    const before = this.records.cell(key);
    this.records.write(key, after);
    if (key.startsWith('doc/')) this.#documentChanged(key, before?.value as Document | undefined, after?.value as Document | undefined);
    else if (key.startsWith('num/Vm/')) this.placements.changeZones(key, before?.value as never, after?.value as never);
    else if (key.startsWith('num/Tenant/')) this.#bitsChanged(key, before?.value as never, after?.value as never);
    else if (key.startsWith('free/vni/')) this.vnis.changeFree(before as Cell<FreeVni> | undefined, after as Cell<FreeVni> | undefined);
    else if (key.startsWith('idem/')) this.keptAnswers.change(key, after?.value as KeptAnswer | undefined);
  }

  #documentChanged(key: Key, before: Document | undefined, after: Document | undefined): void {
    if (before === after) return;
    this.users.change(key, before, after);
    this.#tallies.change(before, after);
    this.#changeIndexes(key, before, after);
    this.#estimate(key, before, after);
  }

  #changeIndexes(key: Key, before: Document | undefined, after: Document | undefined): void {
    switch ((before ?? after)?.kind) {
      case 'Network':
        this.vnis.changeNetwork(key, before as Is<'Network'>, after as Is<'Network'>);
        break;
      case 'Vm':
        this.occupancy.change(key, before as Is<'Vm'>, after as Is<'Vm'>);
        this.#membersChanged(before as Is<'Vm'>, after as Is<'Vm'>);
        this.sets.changeVm(key as Key<DocumentOfKind<'Vm'>>);
        break;
      case 'Router':
        this.domains.changeRouter(key as Key<DocumentOfKind<'Router'>>, before as Is<'Router'>, after as Is<'Router'>);
        this.sets.changeMeaning();
        break;
      case 'Policy':
        this.#changeNames(key as PolicyKey, before as Is<'Policy'>, after as Is<'Policy'>);
        this.sequence.change(key as PolicyKey, before as Is<'Policy'>, after as Is<'Policy'>);
        break;
      case 'Host':
        this.placements.changeHost(key, before as Is<'Host'>, after as Is<'Host'>);
        break;
      case 'Group':
        this.sets.changeMeaning();
        this.#meaningChanged(key, before, after);
        break;
      case 'Service':
        this.#meaningChanged(key, before, after);
        break;
      default:
    }
  }

  /** Policies of the platform look at every network. */
  #membersChanged(before: Is<'Vm'>, after: Is<'Vm'>): void {
    for (const name of this.domains.changeVm(before, after)) this.#estimateAll(this.named.ports.policies(undefined, name));
  }

  /** A rule that means a port by name needs as many flows as the name has numbers. */
  #bitsChanged(key: Key, before: TenantNumbers | undefined, after: TenantNumbers | undefined): void {
    const { name: tenant } = partsOf(key);
    if ((before && usesSets(before)) === true || (after && usesSets(after)) === true) this.#setsChanged(tenant, before, after);
    const [old, now] = [before?.groups ?? {}, after?.groups ?? {}];
    const different = [
      ...Object.keys(old).filter((bit) => !Object.hasOwn(now, bit)),
      ...Object.keys(now).filter((bit) => !Object.hasOwn(old, bit)),
    ];
    for (const name of new Set(different.map((bit) => portOfKey(bit)?.name)))
      if (name !== undefined) this.#estimateAll(this.named.ports.policies(tenant, name));
  }

  /** A tenant's rules are estimated otherwise when their groups come to be told apart in the other way. */
  #setsChanged(tenant: string, before: TenantNumbers | undefined, after: TenantNumbers | undefined): void {
    this.sets.changeNumbers(tenant, after);
    if (before === undefined || after === undefined || usesSets(before) === usesSets(after)) return;
    this.#estimateAll(this.#policiesOf(tenant));
    this.#estimateAll(this.#policiesOf(null));
  }

  /** What a policy names, and how many flows it comes to, depends on the groups and services that it names. */
  #meaningChanged(key: Key, before: Document | undefined, after: Document | undefined): void {
    if (before !== undefined && after !== undefined && meaningOf(before) === meaningOf(after)) return;
    for (const user of this.users.of(key)) {
      const policy = this.records.cell(user)?.value as Document | undefined;
      if (policy?.kind !== 'Policy') continue;
      this.#changeNames(user as PolicyKey, policy, policy);
      this.#estimate(user, policy, policy);
    }
  }

  #changeNames(key: PolicyKey, before: Is<'Policy'>, after: Is<'Policy'>): void {
    const owner = (before ?? after)?.metadata.tenant;
    const groups = after === undefined ? [] : groupsNamed(owner, after.spec);
    this.named.groups.set(owner, key, new Set(groups.map((group) => documentKey('Group', group.tenant, group.name))));
    this.named.ports.set(owner, key, new Set(after === undefined ? [] : portNamesUsed(this.records, owner, after.spec)));
  }

  #estimateAll(policies: Iterable<PolicyKey>): void {
    for (const key of policies) this.#estimate(key, undefined, this.value(key));
  }

  #estimate(key: Key, before: Document | undefined, after: Document | undefined): void {
    const document = after ?? before;
    if (document === undefined) return;
    const owner = document.kind === 'Tenant' ? document.metadata.name : document.metadata.tenant;
    this.#tallies.setFlows(owner, key, after === undefined ? 0 : this.#flowsOf(after));
  }

  #flowsOf(document: Document): number {
    switch (document.kind) {
      case 'Tenant':
        return tenantFlows(document.spec);
      case 'Network':
        return networkFlows(document.spec);
      case 'Vm':
        return document.spec.interfaces.reduce((sum, entry) => sum + interfaceFlows(entry), 0);
      case 'Policy':
        return policyFlows(document.spec, this.#sizesFor(document.metadata.tenant));
      default:
        return 0;
    }
  }

  #sizesFor(owner: string | undefined): Sizes {
    return {
      group: (name, tenant) => this.#alternatives(owner, resolveGroup(owner, name, tenant), 'all'),
      local: (name) => this.#alternatives(owner, resolveName(owner, name), 'own'),
      service: (name) => portsNamed(this.records, owner, name),
      named: (name, protocol) =>
        [...this.#declared(owner, name)]
          .filter((key) => portOfKey(key)?.protocol === protocol)
          .reduce((sum, key) => sum + this.#setsWith(owner, () => key, 'all'), 0),
    };
  }

  /** The ports behind a name: for a tenant those that have a bit, for the platform those of any network. */
  #declared(owner: string | undefined, name: string): Iterable<string> {
    if (owner === undefined) return this.domains.declaredAnywhere(name);
    return Object.keys(this.value(tenantNumbersKey(owner))?.groups ?? {}).filter((key) => portOfKey(key)?.name === name);
  }

  #alternatives(owner: string | undefined, group: Scoped, whose: 'own' | 'all'): number {
    const members = this.value(documentKey('Group', group.tenant, group.name))?.spec.members;
    if (members?.kind === 'cidrs') return blocksOf(members.cidrs, members.except);
    return this.#setsWith(owner, (tenant) => groupKeyOf(tenant, group), whose);
  }

  /** Flows for one group: a bit, or each set that has it. A policy of the platform is weighed by the tenant for which it comes to most. */
  #setsWith(owner: string | undefined, keyFor: (tenant: string) => string, whose: 'own' | 'all'): number {
    if (owner !== undefined) return this.sets.has(owner) ? this.sets.count(owner, keyFor(owner), whose) : 1;
    return [...this.sets.tenants()].reduce((most, tenant) => Math.max(most, this.sets.count(tenant, keyFor(tenant), whose)), 1);
  }
}

/** What the names and the estimates of others depend upon. */
function meaningOf(document: Document): unknown {
  if (document.kind === 'Group') return document.spec.members;
  if (document.kind === 'Service') return document.spec.ports;
  return undefined;
}
