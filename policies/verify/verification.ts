import type { Tier } from '../compiled.ts';
import { mentionsOf } from '../compile/names.ts';
import type { Change } from '../graph/documents.ts';
import { Relation as StringRelation } from '../graph/relation.ts';
import { scopedText } from '../selectors/index.ts';
import type { PolicyDocument, World } from '../selectors/index.ts';
import { BoxTable } from './box-table.ts';
import { coverageOf, stillUncovered } from './coverage.ts';
import type { Before, Coverage } from './coverage.ts';
import type { Box } from './box.ts';
import type { Bounded, Conflict, Shadow } from './findings.ts';
import { Interner } from './interner.ts';
import { Members } from './members.ts';
import { isIn, relationOf } from './relation.ts';
import { RuleIndex, scopeKey } from './rule-index.ts';
import type { ScopeKey } from './rule-index.ts';
import { compareRanks, decidedBoxes, matchedBoxes, nameOf, possibleBoxes } from './rule-record.ts';
import type { RuleRecord } from './rule-record.ts';
import { spaceOf } from './rule-space.ts';
import type { LocalSet, PeerSet, Services, SpaceContext } from './rule-space.ts';

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
 * `isSettled`, what is found is that of the world that was passed last. Rules are compared with those that an index says can
 * overlap with them, never with all.
 */
export class Verification {
  #world: World;
  readonly #table = new BoxTable();
  readonly #locals = new Interner<LocalSet>();
  readonly #peers = new Interner<PeerSet>();
  readonly #services = new Interner<Services>();
  readonly #members = new Members();
  readonly #names = new Map<string, number>();
  readonly #scopes = new Map<ScopeKey, RuleIndex>();
  readonly #policies = new Map<string, PolicyEntry>();
  readonly #policiesOfGroup = new StringRelation();
  readonly #policiesOfService = new StringRelation();
  readonly #dirtyPolicies = new Set<string>();
  readonly #dirtyTenants = new Set<string>();
  readonly #dirtyGroups = new Set<string>();
  /** Of policies that are others now, but still in the index. */
  readonly #gone = new Set<RuleRecord>();
  /** In the index, but not compared yet. */
  readonly #fresh = new Set<RuleRecord>();
  readonly #stale = new Set<RuleRecord>();
  readonly #covered = new Set<RuleRecord>();
  readonly #conflicting = new Set<RuleRecord>();
  #conflicts = 0;

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
      else if (id.kind === 'Vm' && id.tenant !== undefined) this.#dirtyTenants.add(id.tenant);
    }
  }

  get isSettled(): boolean {
    return [this.#dirtyPolicies, this.#dirtyTenants, this.#dirtyGroups, this.#gone, this.#fresh, this.#stale].every(
      ({ size }) => size === 0,
    );
  }

  /** Does all that is marked, a little between one yield and the next. May be left at any yield and begun anew. */
  *work(): Generator<undefined, void> {
    for (const group of take(this.#dirtyGroups)) {
      this.#members.forget(group);
      for (const policy of this.#policiesOfGroup.of(group)) this.#dirtyPolicies.add(policy);
    }
    for (const tenant of take(this.#dirtyTenants)) {
      for (const group of this.#members.refresh(this.#world, tenant))
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
      this.#settleReach(rule);
      yield;
    }
  }

  /** Of one policy. */
  ofPolicy(tenant: string | undefined, name: string, max: number): PolicyFindings {
    return this.#findings(this.#policies.get(scopedText({ tenant, name }))?.rules ?? [], max);
  }

  /** Everybody's rules that never decide, in no order. */
  shadows(): readonly Shadow[] {
    return [...this.#covered].map(shadowOf);
  }

  /** Of all policies of one owner (undefined: the platform), or of everybody (null). */
  ofOwner(owner: string | undefined | null, max: number): PolicyFindings {
    const isOwn = (rule: RuleRecord): boolean => owner === null || rule.owner === owner;
    const shadowed = [...this.#covered].filter(isOwn);
    const conflicting = [...this.#conflicting].filter(isOwn);
    return {
      shadowed: { items: shadowed.toSorted(byName).slice(0, max).map(shadowOf), count: shadowed.length },
      conflicts: {
        items: this.#conflictsOf(conflicting.toSorted(byName), max),
        count: owner === null ? this.#conflicts : conflicting.reduce((sum, rule) => sum + rule.conflicts, 0) / 2,
      },
    };
  }

  #findings(rules: readonly RuleRecord[], max: number): PolicyFindings {
    const shadowed = rules.filter((rule) => rule.reach.kind === 'covered');
    return {
      shadowed: { items: shadowed.slice(0, max).map(shadowOf), count: shadowed.length },
      conflicts: { items: this.#conflictsOf(rules, max), count: rules.reduce((sum, rule) => sum + rule.conflicts, 0) },
    };
  }

  #conflictsOf(rules: readonly RuleRecord[], max: number): readonly Conflict[] {
    const found = new Map<string, Conflict>();
    for (const rule of rules) {
      if (rule.conflicts === 0) continue;
      const others = [...this.#scopeOf(rule).overlapping(rule.space, (other) => this.#isCompared(other) && mayConflict(rule, other))];
      for (const other of others.toSorted((a, b) => compareRanks(a.rank, b.rank))) {
        if (found.size >= max) return [...found.values()];
        const [first, second] = asRanked(rule, other);
        const conflict = conflictOf(this.#table, first, second);
        if (conflict) found.set(`${first.key} ${second.key}`, conflict);
      }
    }
    return [...found.values()];
  }

  /** Compiles a policy again, keeping the rules that are as they were. */
  #refresh(key: string): void {
    const before = this.#policies.get(key);
    const document = this.#world.get('Policy', ...scopeOf(key))?.document;
    for (const group of before?.groups ?? []) this.#policiesOfGroup.remove(group, key);
    for (const service of before?.services ?? []) this.#policiesOfService.remove(service, key);
    const left = new Map((before?.rules ?? []).map((rule) => [rule.key, rule]));
    if (document === undefined) this.#policies.delete(key);
    else this.#policies.set(key, this.#compile(key, document, left));
    for (const rule of left.values()) this.#gone.add(rule);
  }

  #compile(key: string, document: PolicyDocument, left: Map<string, RuleRecord>): PolicyEntry {
    const { spec, metadata } = document;
    const mentions = mentionsOf(metadata.tenant, spec);
    const groups = mentions.groups.map(scopedText);
    for (const group of groups) this.#policiesOfGroup.add(group, key);
    for (const service of mentions.services) this.#policiesOfService.add(service, key);
    const rules = (['egress', 'ingress'] as const).flatMap((direction) =>
      spec[direction].flatMap((rule, index): RuleRecord[] => {
        const space = spaceOf(this.#context, document, rule);
        if (space === undefined) return [];
        const { local, peers, services } = space;
        const ruleKey = JSON.stringify([key, spec.tier, direction, spec.order, index, rule.action, local.text, peers.text, services.text]);
        const same = left.get(ruleKey);
        if (same !== undefined && left.delete(ruleKey)) return [same];
        const record: RuleRecord = {
          key: ruleKey,
          owner: metadata.tenant,
          tier: spec.tier,
          direction,
          rank: { order: spec.order, policy: metadata.name, index },
          action: rule.action,
          space: { local: this.#locals.take(local), peers: this.#peers.take(peers), services: this.#services.take(services) },
          reach: { kind: 'stale' },
          decided: undefined,
          conflicts: 0,
        };
        this.#scopeOf(record).add(record);
        this.#fresh.add(record);
        this.#stale.add(record);
        return [record];
      }),
    );
    return { groups, services: mentions.services, rules };
  }

  readonly #context: SpaceContext = {
    boxes: this.#table,
    world: { get: (...id) => this.#world.get(...id) },
    nameId: (name) => {
      const known = this.#names.get(name) ?? this.#names.size;
      this.#names.set(name, known);
      return known;
    },
    members: (group) => this.#members.of(this.#world, group),
  };

  #scopeOf({ owner, tier, direction }: Pick<RuleRecord, 'owner' | 'tier' | 'direction'>): RuleIndex {
    const key = scopeKey(owner, tier, direction);
    let scope = this.#scopes.get(key);
    if (scope === undefined) this.#scopes.set(key, (scope = new RuleIndex(this.#table)));
    return scope;
  }

  #isCompared = (rule: RuleRecord): boolean => !this.#fresh.has(rule);

  /** A rule that is new in the index meets those that are in it. */
  #compare(rule: RuleRecord): void {
    for (const other of this.#neighbours(rule)) {
      this.#countConflict(rule, other, 1);
      if (compareRanks(rule.rank, other.rank) < 0) this.#putBefore(rule, other, false);
    }
    for (const other of this.#behindTier(rule)) this.#putBefore(rule, other, true);
  }

  #withdraw(rule: RuleRecord): void {
    const scope = this.#scopeOf(rule);
    scope.remove(rule);
    if (this.#isCompared(rule)) {
      for (const other of this.#neighbours(rule)) {
        this.#countConflict(rule, other, -1);
        if (compareRanks(rule.rank, other.rank) < 0) this.#takeFromBefore(rule, other, false);
      }
      for (const other of this.#behindTier(rule)) this.#takeFromBefore(rule, other, true);
    }
    if (scope.size === 0) this.#scopes.delete(scopeKey(rule.owner, rule.tier, rule.direction));
    for (const set of [this.#fresh, this.#stale, this.#covered, this.#conflicting]) set.delete(rule);
    this.#locals.give(rule.space.local);
    this.#peers.give(rule.space.peers);
    this.#services.give(rule.space.services);
  }

  /** Rules asked beside this one that it may conflict with, or that are known to be reached or not. */
  #neighbours(rule: RuleRecord): Iterable<RuleRecord> {
    return this.#scopeOf(rule).overlapping(
      rule.space,
      (other) => other !== rule && this.#isCompared(other) && (mayConflict(rule, other) || other.reach.kind !== 'stale'),
    );
  }

  /** Rules of later tiers that a rule of the platform tier comes before. */
  *#behindTier({ tier, direction, space }: RuleRecord): Iterable<RuleRecord> {
    if (tier !== 'platform') return;
    const own = scopeKey(undefined, 'platform', direction);
    for (const [key, scope] of this.#scopes) {
      if (key.startsWith(`${direction} `) && key !== own) yield* scope.overlapping(space, ({ reach }) => reach.kind !== 'stale');
    }
  }

  #putBefore(rule: RuleRecord, other: RuleRecord, isEarlierTier: boolean): void {
    const { reach } = other;
    if (reach.kind === 'stale') return;
    if (reach.kind === 'covered' && reach.isAlone && !isEarlierTier) {
      const [by] = reach.by;
      const isFirst = by?.tier === rule.tier && compareRanks(rule.rank, by.rank) < 0 && isIn(other.space, rule.space);
      return isFirst ? this.#markStale(other) : undefined;
    }
    if (reach.kind !== 'reached') return this.#markStale(other);
    // Who leaves the tier there comes through as before.
    if (isEarlierTier && rule.action === 'pass') return;
    const deciding = decidedBoxes(rule);
    const witness = stillUncovered(reach.witness, deciding);
    const memberWitness = reach.memberWitness && stillUncovered(reach.memberWitness, deciding);
    if (witness === undefined || (reach.memberWitness !== undefined && memberWitness === undefined)) this.#markStale(other);
    else other.reach = { kind: 'reached', witness, memberWitness };
  }

  #takeFromBefore(rule: RuleRecord, other: RuleRecord, isEarlierTier: boolean): void {
    if (other.reach.kind === 'stale') return;
    if (other.reach.kind === 'covered' && other.reach.isAlone && !isEarlierTier && other.reach.by[0] !== rule) return;
    if (other.reach.kind === 'reached' && !(isEarlierTier && rule.action === 'pass')) return;
    this.#markStale(other);
  }

  #markStale(rule: RuleRecord): void {
    rule.reach = { kind: 'stale' };
    this.#covered.delete(rule);
    this.#stale.add(rule);
  }

  #countConflict(a: RuleRecord, b: RuleRecord, change: 1 | -1): void {
    if (!mayConflict(a, b) || conflictOf(this.#table, ...asRanked(a, b)) === undefined) return;
    this.#conflicts += change;
    for (const rule of [a, b]) {
      rule.conflicts += change;
      if (rule.conflicts === 0) this.#conflicting.delete(rule);
      else this.#conflicting.add(rule);
    }
  }

  #settleReach(rule: RuleRecord): void {
    const { platform, own } = this.#asked(rule);
    const alone = containing(rule, platform.some(({ action }) => action === 'pass') ? [] : platform) ?? containing(rule, own);
    if (alone !== undefined) {
      rule.reach = { kind: 'covered', by: [alone], isAlone: true, basis: 'meaning' };
      this.#covered.add(rule);
      return;
    }
    const before = beforeOf(platform, own);
    const { groups } = rule.space.peers.value;
    const byMeaning = coverageOf(matchedBoxes(rule, false), before);
    const hasMembers = groups.length > 0 && groups.every(({ members }) => members !== undefined && members.length > 0);
    const byMembers = byMeaning.kind === 'uncovered' && hasMembers ? coverageOf(matchedBoxes(rule, true), before) : undefined;
    const found: Coverage<RuleRecord> = byMembers?.kind === 'covered' ? byMembers : byMeaning;
    if (found.kind === 'covered') {
      const basis = found === byMeaning ? 'meaning' : 'members';
      rule.reach = { kind: 'covered', by: [...found.by].toSorted(asAsked), isAlone: false, basis };
      this.#covered.add(rule);
    } else if (found.kind === 'unknown' || byMembers?.kind === 'unknown') rule.reach = { kind: 'unknown' };
    else rule.reach = { kind: 'reached', witness: found.witness, memberWitness: byMembers && witnessOf(byMembers) };
  }

  /** What packets meet before they come to a rule, in that order: the platform's tier, then what is asked first in its own. */
  #asked(rule: RuleRecord): { readonly platform: readonly RuleRecord[]; readonly own: readonly RuleRecord[] } {
    const first = this.#scopes.get(scopeKey(undefined, 'platform', rule.direction));
    const platform = rule.tier === 'platform' || first === undefined ? [] : [...first.overlapping(rule.space, () => true)];
    const own = [...this.#scopeOf(rule).overlapping(rule.space, (other) => compareRanks(other.rank, rule.rank) < 0)];
    return { platform: platform.toSorted(asAsked), own: own.toSorted(asAsked) };
  }
}

const witnessOf = (coverage: Coverage<RuleRecord>): Box | undefined => (coverage.kind === 'uncovered' ? coverage.witness : undefined);

const containing = (rule: RuleRecord, asked: readonly RuleRecord[]): RuleRecord | undefined =>
  asked.find((other) => isIn(rule.space, other.space));

function beforeOf(platform: readonly RuleRecord[], own: readonly RuleRecord[]): readonly Before<RuleRecord>[] {
  const count = (rules: readonly RuleRecord[]): number => rules.reduce((sum, rule) => sum + partsOf(rule, 0).length, 0);
  const tierEnd = count(platform);
  return [
    ...platform.flatMap((rule) => partsOf(rule, tierEnd)),
    ...own.flatMap((rule) => decidedBoxes(rule).map((box) => ({ rule, box, decides: true, leavesTo: undefined }))),
  ];
}

/** Of a rule in an earlier tier. A port by name may be any: who may leave the tier by it is followed both ways. */
function partsOf(rule: RuleRecord, tierEnd: number): readonly Before<RuleRecord>[] {
  const isPass = rule.action === 'pass';
  const parts = decidedBoxes(rule).map((box) => ({ rule, box, decides: true, leavesTo: isPass ? tierEnd : undefined }));
  const { possible, covered } = rule.space.services.value;
  if (!isPass || possible === covered) return parts;
  return [...parts, ...possibleBoxes(rule).map((box) => ({ rule, box, decides: false, leavesTo: tierEnd }))];
}

const tierOrder: Readonly<Record<Tier, number>> = { platform: 0, tenant: 1, baseline: 2 };
const asAsked = (a: RuleRecord, b: RuleRecord): number => tierOrder[a.tier] - tierOrder[b.tier] || compareRanks(a.rank, b.rank);

const byName = (a: RuleRecord, b: RuleRecord): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

const asRanked = (a: RuleRecord, b: RuleRecord): [first: RuleRecord, second: RuleRecord] =>
  compareRanks(a.rank, b.rank) < 0 ? [a, b] : [b, a];

/** Of different policies, and opposite. */
function mayConflict(a: RuleRecord, b: RuleRecord): boolean {
  if (a.action === 'pass' || b.action === 'pass' || a.rank.policy === b.rank.policy) return false;
  return (a.action === 'allow') !== (b.action === 'allow');
}

function conflictOf(table: BoxTable, first: RuleRecord, second: RuleRecord): Conflict | undefined {
  const relation = relationOf(table, first.space, second.space);
  if (relation === undefined) return undefined;
  const decidedBy = first.rank.order === second.rank.order ? 'name' : 'order';
  if (decidedBy === 'order' && (relation.firstInSecond || relation.secondInFirst)) return undefined;
  return { first: nameOf(first), second: nameOf(second), decidedBy, basis: relation.overlap };
}

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

function scopeOf(key: string): [tenant: string | undefined, name: string] {
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
