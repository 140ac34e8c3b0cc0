import type { Change, DocumentId, Documents } from '../graph/documents.ts';
import type { Kind } from '../model/kinds.ts';
import { scopedOf } from '../graph/facts.ts';
import { findGroup, membershipOf, scopedText } from '../selectors/index.ts';
import type { World } from '../selectors/index.ts';
import { Arena } from './arena.ts';
import type { Limits } from './arena.ts';
import { Clauses } from './clauses.ts';
import { GroupNumbers } from './group-numbers.ts';
import { GroupSets } from './group-sets.ts';
import { Interfaces } from './interfaces.ts';
import { Lanes, lanesRulesMin } from './lanes.ts';
import { header } from './layout.ts';
import { Pairs } from './pairs.ts';
import { Reader } from './reader.ts';
import { Rules } from './rules.ts';
import type { RuleRow } from './rules.ts';
import { Spaces } from './spaces.ts';

export interface ClassifierSize {
  readonly rules: number;
  readonly groupSets: number;
  /** Groups that exist or are named. */
  readonly groups: number;
  /** Of shared memory, in use and set aside. */
  readonly bytesUsed: number;
  readonly bytes: number;
  /** Tables that are decided by vectors, their rules, and the memory of that, which is among what is used. */
  readonly lanes: { readonly tables: number; readonly rules: number; readonly bytes: number };
}

const nobody: World = { get: () => undefined, list: () => [] };
function* each<T>(items: Iterable<T>, take: (item: T) => void): Generator<undefined, void> {
  for (const item of items) {
    take(item);
    yield;
  }
}

/**
 * All policies compiled for deciding, in memory that threads share, kept up to date by one of them. What it answers is what `judge` answers; every
 * interface counts, on a host or not. The work of an update follows the size of the change.
 */
export class Classifier {
  private readonly arena: Arena;
  private readonly spaces: Spaces;
  private readonly sets: GroupSets;
  private readonly lanes: Lanes;
  private readonly pairs: Pairs;
  private readonly rules: Rules;
  /** Who there is: for questions that name them. */
  readonly interfaces: Interfaces;
  private readonly groupNumbers = new GroupNumbers();
  private readonly cidrGroups = new Set<string>();

  /** `lanesOf`: how many rules a table has at least to be decided by vectors. */
  constructor(documents: World, revision = 0, limits?: Limits, lanesOf = lanesRulesMin) {
    this.arena = new Arena(limits);
    this.spaces = new Spaces(this.arena);
    const { spaces } = this;
    this.lanes = new Lanes(this.arena, spaces, (space, outside) => this.interfaces.tellVectors(space, outside), lanesOf);
    const { lanes } = this;
    this.sets = new GroupSets(this.arena, (group) => this.groupNumbers.isPlatform(group), lanes);
    this.pairs = new Pairs(this.arena, spaces.tables, lanes);
    const { pairs } = this;
    const clauses = new Clauses(spaces, this.sets, pairs, lanes);
    const { groupNumbers } = this;
    this.interfaces = new Interfaces(this.arena, this.spaces, this.sets, groupNumbers);
    const { portNames } = this.interfaces;
    this.rules = new Rules({ spaces: this.spaces, clauses, pairs, portNames, groupNumbers });
    this.arena.write(() => {
      for (const _ of this.load(documents, revision));
    });
  }

  /** The same, a few documents at a time. They stand still until it is done. */
  static *compiling(documents: World, revision: number, limits?: Limits): Generator<undefined, Classifier> {
    const classifier = new Classifier(nobody, 0, limits);
    yield* classifier.written(classifier.load(documents, revision));
    return classifier;
  }

  /** What other threads make their readers from. */
  get memory(): WebAssembly.Memory {
    return this.arena.memory;
  }

  get size(): ClassifierSize {
    const { used, capacity } = this.arena.usage;
    const lanes = this.lanes.usage;
    return {
      rules: this.rules.count,
      groupSets: this.sets.count,
      groups: this.groupNumbers.count,
      bytesUsed: used * 4,
      bytes: capacity * 4,
      lanes: { tables: lanes.tables, rules: lanes.rules, bytes: lanes.words * 4 },
    };
  }

  reader(): Reader {
    return new Reader(this.arena.memory);
  }

  /**
   * Work that answers do not wait for, in steps of a few milliseconds at most until `isEnough` says so after one: vectors for what changed. Never within
   * `update`. @returns whether more is to be done
   */
  work(isEnough: () => boolean = () => false): boolean {
    return this.lanes.work(isEnough);
  }

  /** The rule that an answer names. */
  rule(number: number): RuleRow | undefined {
    return this.rules.row(number);
  }

  /** Takes one commit into account; `documents` already contain it. Readers see all of it or nothing. */
  update(change: Pick<Change, 'documents'>, documents: Documents | World, revision: number): void {
    this.arena.write(() => {
      for (const _ of this.changing(change, documents, revision));
    });
  }

  /** The same, a document at a time. They stand still until it is done, and who reads meanwhile sees a part of it. */
  *updating(change: Pick<Change, 'documents'>, documents: Documents | World, revision: number): Generator<undefined, this> {
    yield* this.written(this.changing(change, documents, revision));
    return this;
  }

  private *written(steps: Generator<undefined, void>): Generator<undefined, void> {
    while (!this.arena.write(() => steps.next().done === true)) yield;
  }

  private *changing(change: Pick<Change, 'documents'>, documents: Documents | World, revision: number): Generator<undefined, void> {
    const of = (kind: Kind) => change.documents.filter(({ id }) => id.kind === kind).map(({ id }) => id);
    const policies = new Map<string, boolean>();
    yield* each(of('Tenant'), ({ name }) => this.tenantChanged(documents, name));
    yield* each(of('Group'), ({ tenant, name }) => {
      for (const key of this.groupChanged(documents, tenant, name)) policies.set(key, true);
    });
    for (const { tenant, name } of of('Service')) {
      for (const key of this.rules.mentioning('service', scopedText({ tenant, name }))) policies.set(key, true);
    }
    for (const { tenant, name } of of('Policy')) policies.set(scopedText({ tenant, name }), policies.has(scopedText({ tenant, name })));
    yield* each(policies, ([key, isOther]) => {
      const { tenant, name } = scopedOf(key);
      this.rules.changed(documents, tenant, name, isOther);
    });
    yield* each(of('Router'), ({ tenant, name }) => this.interfaces.routerChanged(documents, tenant, name));
    yield* each(of('Vm'), ({ tenant = '', name }) => this.interfaces.vmChanged(documents, tenant, name));
    yield* each(of('Tenant'), ({ name }) => this.forget(documents, name));
    yield* this.settling(revision);
  }

  private *load(documents: World, revision: number): Generator<undefined, void> {
    const named = function* (kind: Kind): Generator<DocumentId> {
      for (const { document } of documents.list(kind)) yield { kind, tenant: document.metadata.tenant, name: document.metadata.name };
    };
    yield* each(named('Tenant'), ({ name }) => this.tenantChanged(documents, name));
    yield* each(named('Group'), ({ tenant, name }) => void this.groupChanged(documents, tenant, name));
    yield* each(named('Router'), ({ tenant, name }) => this.interfaces.routerChanged(documents, tenant, name));
    yield* this.rules.placeAll(documents);
    yield* each(named('Policy'), ({ tenant, name }) => this.rules.changed(documents, tenant, name, false));
    yield* each(named('Vm'), ({ tenant = '', name }) => this.interfaces.vmChanged(documents, tenant, name));
    yield* this.settling(revision);
  }

  private *settling(revision: number): Generator<undefined, void> {
    this.pairs.settle();
    yield;
    yield* this.spaces.settling();
    yield* this.sets.settling(this.spaces.of(undefined));
    this.arena.words[header.revision] = revision | 0;
    this.arena.words[header.revision + 1] = Math.floor(revision / 2 ** 32);
  }

  private tenantChanged(documents: World, name: string): void {
    const posture = documents.get('Tenant', undefined, name)?.document.spec.posture;
    const space = posture === undefined ? this.spaces.known(name) : this.spaces.of(name);
    if (space) this.spaces.setOpen(space, posture === 'open');
  }

  /** The policies that mean other addresses by it now. */
  private groupChanged(documents: World, tenant: string | undefined, name: string): Iterable<string> {
    const key = scopedText({ tenant, name });
    this.interfaces.groupChanged(documents, tenant, name);
    const group = findGroup(documents, { tenant, name });
    const wasOfCidrs = this.cidrGroups.has(key);
    const isOfCidrs = group !== undefined && membershipOf(group) === undefined;
    if (isOfCidrs) this.cidrGroups.add(key);
    else this.cidrGroups.delete(key);
    return wasOfCidrs || isOfCidrs ? this.rules.mentioning('group', key) : [];
  }

  private forget(documents: World, tenant: string): void {
    if (documents.get('Tenant', undefined, tenant) || this.interfaces.hasAny(tenant) || this.rules.ownsAny(tenant)) return;
    const space = this.spaces.known(tenant);
    if (space === undefined) return;
    this.lanes.closed(space);
    this.spaces.close(space);
  }
}
