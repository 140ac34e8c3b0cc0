import { mentionsOf } from '../compile/names.ts';
import type { Change } from '../graph/documents.ts';
import { Relation } from '../graph/relation.ts';
import { scopedText } from '../selectors/index.ts';
import type { PolicyDocument, World } from '../selectors/index.ts';
import { conflictsWith, listConflicts } from './conflicts.ts';
import type { Bounded, Conflict, Shadow } from './findings.ts';
import { firstFew } from './first-few.ts';
import { reachBehind, reachOf, reachWithout, stale } from './reach.ts';
import type { Reach } from './reach.ts';
import { RuleCompiler } from './rule-compiler.ts';
import { RuleIndex, scopeKey } from './rule-index.ts';
import type { ScopeKey } from './rule-index.ts';
import { byName, compareRanks, nameOf } from './rule-record.ts';
import type { RuleRecord } from './rule-record.ts';

interface PolicyEntry {
  readonly groups: readonly string[];
  readonly services: readonly string[];
  readonly rules: readonly RuleRecord[];
}

/** What was found for one policy, or for all of an owner. */
export interface PolicyFindings {
  readonly shadowed: Bounded<Shadow>;
  readonly conflicts: Bounded<Conflict>;
}

const byMax = 8;

/**
 * Conflicts and shadowed rules of all stored policies, kept up to date. Life of a change: `update` marks what it may concern, which is
 * cheap; `work` does the rest in small steps, in whatever slices its caller likes, and reads the world as it is then. When
 * `isSettled`, what is found is that of the world that was passed last.
 */
export class Verification {
  #world: World;
  readonly #compiler = new RuleCompiler();
  readonly #scopes = new Map<ScopeKey, RuleIndex>();
  readonly #policies = new Map<string, PolicyEntry>();
  readonly #policiesOfGroup = new Relation();
  readonly #policiesOfService = new Relation();
  readonly #dirtyPolicies = new Set<string>();
  readonly #dirtyVms = new Set<string>();
  readonly #dirtyGroups = new Set<string>();
  /** Of policies that are others now: out of the index, but others still count conflicts with them. */
  readonly #gone = new Set<RuleRecord>();
  /** In the index, but their conflicts are not counted yet. */
  readonly #fresh = new Set<RuleRecord>();
  readonly #stale = new Set<RuleRecord>();
  readonly #covered = new Set<RuleRecord>();
  readonly #conflicting = new Set<RuleRecord>();

  constructor(world: World) {
    this.#world = world;
    for (const { document } of world.list('Policy')) this.#dirtyPolicies.add(keyOf(document));
  }

  update({ documents }: Change, world: World): void {
    this.#world = world;
    for (const { id } of documents) {
      const key = scopedText(id);
      if (id.kind === 'Policy') this.#dirtyPolicies.add(key);
      else if (id.kind === 'Group') this.#dirtyGroups.add(key);
      else if (id.kind === 'Service') for (const policy of this.#policiesOfService.of(key)) this.#dirtyPolicies.add(policy);
      else if (id.kind === 'Vm') this.#dirtyVms.add(key);
    }
  }

  get isSettled(): boolean {
    return [this.#dirtyPolicies, this.#dirtyVms, this.#dirtyGroups, this.#gone, this.#fresh, this.#stale].every(({ size }) => size === 0);
  }

  /** Does all that is marked, a little between one yield and the next. May be left at any yield and begun anew. */
  *work(): Generator<undefined, void> {
    const { members } = this.#compiler;
    for (const group of take(this.#dirtyGroups)) {
      members.forget(group);
      for (const policy of this.#policiesOfGroup.of(group)) this.#dirtyPolicies.add(policy);
    }
    for (const vm of take(this.#dirtyVms)) {
      const [tenant, name] = ownerAndName(vm);
      for (const group of members.changed(this.#world, tenant ?? '', name))
        for (const policy of this.#policiesOfGroup.of(group)) this.#dirtyPolicies.add(policy);
      yield;
    }
    for (const policy of take(this.#dirtyPolicies)) {
      this.#refresh(policy);
      yield;
    }
    for (const rule of take(this.#gone)) {
      this.#withdraw(rule);
      yield;
    }
    for (const rule of take(this.#fresh)) {
      this.#compare(rule);
      yield;
    }
    for (const rule of take(this.#stale)) {
      this.#settle(rule);
      yield;
    }
    for (const scope of this.#scopes.values()) {
      yield* scope.rest();
      yield;
    }
  }

  /** Of one policy. */
  ofPolicy(tenant: string | undefined, name: string, max: number): PolicyFindings {
    const rules = this.#policies.get(scopedText({ tenant, name }))?.rules ?? [];
    const shadowed = rules.filter((rule) => rule.reach.kind === 'covered');
    return {
      shadowed: { items: shadowed.slice(0, max).map(shadowOf), count: shadowed.length },
      conflicts: { items: toItsEnd(listConflicts(rules, this.#scopeOf, max)), count: countConflicts(rules) },
    };
  }

  /** Everybody's rules that never decide, in no order. */
  shadows(): readonly Shadow[] {
    return [...this.#covered].map(shadowOf);
  }

  /** Of all policies of one owner (undefined: the platform), or of everybody (null). */
  ofOwner(owner: string | undefined | null, max: number): PolicyFindings {
    return toItsEnd(this.ofOwners((each) => owner === null || each === owner, max));
  }

  /** Of all policies of some owners. To be run to its end, in slices if need be, with no `work` between them. */
  *ofOwners(isMeant: (owner: string | undefined) => boolean, max: number): Generator<undefined, PolicyFindings> {
    const isOwn = ({ owner }: RuleRecord): boolean => isMeant(owner);
    const shadowed = [...this.#covered].filter(isOwn);
    const conflicting = [...this.#conflicting].filter(isOwn);
    const count = countConflicts(conflicting) / 2;
    yield;
    const shadows = firstFew(shadowed, max, byName).map(shadowOf);
    // Of so many rules, each in a conflict, there are at least `max` pairs.
    const conflicts = yield* listConflicts(firstFew(conflicting, 2 * max, byName), this.#scopeOf, max);
    return { shadowed: { items: shadows, count: shadowed.length }, conflicts: { items: conflicts, count } };
  }

  /** Compiles a policy again, keeping the rules that are as they were. */
  #refresh(key: string): void {
    const before = this.#policies.get(key);
    const document = this.#world.get('Policy', ...ownerAndName(key))?.document;
    for (const group of before?.groups ?? []) this.#policiesOfGroup.remove(group, key);
    for (const service of before?.services ?? []) this.#policiesOfService.remove(service, key);
    const { rules, fresh, gone } = this.#compiler.compile(this.#world, document, before?.rules ?? []);
    if (document === undefined) this.#policies.delete(key);
    else {
      const { groups, services } = mentionsOf(document.metadata.tenant, document.spec);
      const entry = { groups: groups.map(scopedText), services, rules };
      this.#policies.set(key, entry);
      for (const group of entry.groups) this.#policiesOfGroup.add(group, key);
      for (const service of services) this.#policiesOfService.add(service, key);
    }
    for (const rule of gone) this.#remove(rule);
    for (const rule of fresh) {
      this.#scopeOf(rule).add(rule);
      this.#fresh.add(rule);
      this.#stale.add(rule);
    }
  }

  #remove(rule: RuleRecord): void {
    this.#scopeOf(rule).remove(rule);
    const isCounted = !this.#fresh.delete(rule);
    for (const set of [this.#stale, this.#covered, this.#conflicting]) set.delete(rule);
    if (isCounted) this.#gone.add(rule);
    else this.#leave(rule);
  }

  #scopeOf = (rule: RuleRecord): RuleIndex => {
    const key = scopeKey(rule.owner, rule.tier, rule.direction);
    let scope = this.#scopes.get(key);
    if (scope === undefined) this.#scopes.set(key, (scope = new RuleIndex(rule)));
    return scope;
  };

  /** A rule that is new in the index meets those that are in it. */
  #compare(rule: RuleRecord): void {
    const scope = this.#scopeOf(rule);
    this.#countConflicts(rule, scope, 1);
    scope.note(rule, 'counted', true);
    this.#changeBehind(rule, scope, reachBehind);
  }

  /** A rule that is no longer in the index leaves those that are. */
  #withdraw(rule: RuleRecord): void {
    const scope = this.#scopeOf(rule);
    this.#countConflicts(rule, scope, -1);
    this.#changeBehind(rule, scope, reachWithout);
    this.#leave(rule);
  }

  #leave(rule: RuleRecord): void {
    this.#compiler.release(rule);
    if (this.#scopeOf(rule).size === 0) this.#scopes.delete(scopeKey(rule.owner, rule.tier, rule.direction));
  }

  #countConflicts(rule: RuleRecord, scope: RuleIndex, change: 1 | -1): void {
    let count = 0;
    for (const other of scope.ofBits(conflictsWith(rule, scope))) {
      count++;
      if (other.conflicts === 0) this.#conflicting.add(other);
      other.conflicts += change;
      if (other.conflicts === 0) this.#conflicting.delete(other);
    }
    if (change < 0 || count === 0) return;
    rule.conflicts = count;
    this.#conflicting.add(rule);
  }

  /** Tells the rules behind one, in its tier and in those that its tier comes before, that it came or went. */
  #changeBehind(rule: RuleRecord, scope: RuleIndex, change: typeof reachBehind): void {
    for (const other of scope.ofBits(scope.meeting(rule.space, 'settled')))
      if (compareRanks(rule.rank, other.rank) < 0) this.#setReach(other, change(rule, other, false));
    if (rule.tier !== 'platform') return;
    for (const later of this.#scopes.values()) {
      if (!later.isBehind(rule)) continue;
      for (const other of later.ofBits(later.meeting(rule.space, 'settled'))) this.#setReach(other, change(rule, other, true));
    }
  }

  #settle(rule: RuleRecord): void {
    const platform = rule.tier === 'platform' ? undefined : this.#scopes.get(scopeKey(undefined, 'platform', rule.direction));
    this.#setReach(rule, reachOf(rule, platform, this.#scopeOf(rule)));
  }

  #setReach(rule: RuleRecord, reach: Reach): void {
    if (reach === rule.reach) return;
    rule.reach = reach;
    this.#scopeOf(rule).note(rule, 'settled', reach !== stale);
    if (reach.kind === 'covered') this.#covered.add(rule);
    else this.#covered.delete(rule);
    if (reach === stale) this.#stale.add(rule);
  }
}

function toItsEnd<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

const countConflicts = (rules: readonly RuleRecord[]): number => rules.reduce((sum, rule) => sum + rule.conflicts, 0);

function shadowOf(rule: RuleRecord): Shadow {
  const { reach } = rule;
  const by = reach.kind === 'covered' ? reach.by : [];
  return {
    rule: nameOf(rule),
    kind: by.every((other) => other.action === rule.action) ? 'redundant' : 'shadowed',
    by: by.slice(0, byMax).map(nameOf),
    byCount: by.length,
    basis: reach.kind === 'covered' ? reach.basis : 'meaning',
  };
}

const keyOf = ({ metadata: { tenant, name } }: PolicyDocument): string => scopedText({ tenant, name });

function ownerAndName(key: string): [tenant: string | undefined, name: string] {
  const slash = key.indexOf('/');
  const tenant = key.slice(0, slash);
  return [tenant === '-' ? undefined : tenant, key.slice(slash + 1)];
}

/** Each once, gone from the set when it is looked at. */
function* take<T>(set: Set<T>): Generator<T> {
  for (const item of set) {
    set.delete(item);
    yield item;
  }
}
