import { profiles, resolveGroup, resolveName } from '../../policies/model/index.ts';
import type { Document, Port, Scoped } from '../../policies/model/index.ts';
import { blocksOf, interfaceFlows, ruleFlows } from './budget.ts';
import type { Sizes } from './budget.ts';
import { KeptAnswers } from './indexes/kept-answers.ts';
import { Named } from './indexes/named.ts';
import { Occupancy } from './indexes/occupancy.ts';
import { Placements } from './indexes/placements.ts';
import { Sequence } from './indexes/sequence.ts';
import { Tallies } from './indexes/tallies.ts';
import { Users } from './indexes/users.ts';
import { Vnis } from './indexes/vnis.ts';
import { documentKey } from './keys.ts';
import type { DocumentOfKind, FreeVni, Key, KeptAnswer } from './keys.ts';
import { Records } from './records.ts';
import type { Cell } from './records.ts';

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
  readonly tallies = new Tallies();
  readonly sequence = new Sequence();
  readonly named = new Named();
  readonly keptAnswers = new KeptAnswers();

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
    else if (key.startsWith('free/vni/')) this.vnis.changeFree(before as Cell<FreeVni> | undefined, after as Cell<FreeVni> | undefined);
    else if (key.startsWith('idem/')) this.keptAnswers.change(key, after?.value as KeptAnswer | undefined);
  }

  #documentChanged(key: Key, before: Document | undefined, after: Document | undefined): void {
    if (before === after) return;
    this.users.change(key, before, after);
    this.tallies.change(before, after);
    switch ((before ?? after)?.kind) {
      case 'Network':
        this.vnis.changeNetwork(key, before as DocumentOfKind<'Network'> | undefined, after as DocumentOfKind<'Network'> | undefined);
        break;
      case 'Vm':
        this.occupancy.change(key, before as DocumentOfKind<'Vm'> | undefined, after as DocumentOfKind<'Vm'> | undefined);
        this.#estimate(key, before, after);
        break;
      case 'Policy':
        this.named.change(
          key as Key<DocumentOfKind<'Policy'>>,
          before as DocumentOfKind<'Policy'> | undefined,
          after as DocumentOfKind<'Policy'> | undefined,
        );
        this.sequence.change(
          key as Key<DocumentOfKind<'Policy'>>,
          before as DocumentOfKind<'Policy'> | undefined,
          after as DocumentOfKind<'Policy'> | undefined,
        );
        this.#estimate(key, before, after);
        break;
      case 'Host':
        this.placements.changeHost(key, before as DocumentOfKind<'Host'> | undefined, after as DocumentOfKind<'Host'> | undefined);
        break;
      case 'Group':
      case 'Service':
        this.#estimateUsers(key, before, after);
        break;
      default:
    }
  }

  /** A policy's estimate depends on how large the groups and services are that it names. */
  #estimateUsers(key: Key, before: Document | undefined, after: Document | undefined): void {
    if (before !== undefined && after !== undefined && sizeOf(before) === sizeOf(after)) return;
    for (const user of this.users.of(key)) {
      const policy = this.records.cell(user)?.value as Document | undefined;
      if (policy?.kind === 'Policy') this.#estimate(user, policy, policy);
    }
  }

  #estimate(key: Key, before: Document | undefined, after: Document | undefined): void {
    const tenant = (before ?? after)?.metadata.tenant;
    if (tenant !== undefined) this.tallies.setFlows(tenant, key, after === undefined ? 0 : this.#flowsOf(after));
  }

  #flowsOf(document: Document): number {
    if (document.kind === 'Vm') return document.spec.interfaces.reduce((sum, entry) => sum + interfaceFlows(entry), 0);
    if (document.kind !== 'Policy') return 0;
    const owner = document.metadata.tenant;
    const sizes: Sizes = {
      group: (name, tenant) => this.#blocks(resolveGroup(owner, name, tenant)),
      service: (name) => this.portsOf(owner, name) ?? [],
    };
    const local = document.spec.appliesTo?.length ?? 0;
    return [...document.spec.ingress, ...document.spec.egress].reduce((sum, rule) => sum + ruleFlows(rule, local, sizes), 0);
  }

  #blocks(group: Scoped): number {
    const members = this.value(documentKey('Group', group.tenant, group.name))?.spec.members;
    return members?.kind === 'cidrs' ? blocksOf(members.cidrs, members.except) : 1;
  }

  /** What a service name means in a document of `owner`: its own, else the platform's, else the profile. */
  portsOf(owner: string | undefined, name: string): readonly Port[] | undefined {
    const scoped = resolveName(owner, name);
    const own = this.value(documentKey('Service', scoped.tenant, scoped.name));
    if (own !== undefined) return own.spec.ports;
    if (name.includes('/')) return undefined;
    return this.value(documentKey('Service', undefined, name))?.spec.ports ?? profiles.get(name);
  }
}

/** What the estimates of others depend upon. */
function sizeOf(document: Document): unknown {
  if (document.kind === 'Group') return document.spec.members;
  if (document.kind === 'Service') return document.spec.ports;
  return undefined;
}
