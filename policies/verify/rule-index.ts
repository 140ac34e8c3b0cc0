import type { Direction, Tier } from '../compiled.ts';
import type { Interned } from './interner.ts';
import type { BoxTable } from './box-table.ts';
import { mayOverlap } from './relation.ts';
import type { InternedSpace } from './relation.ts';
import type { RuleRecord } from './rule-record.ts';
import type { LocalSet, PeerSet, Services } from './rule-space.ts';
import { LocalIndex, PeerIndex, ServiceIndex } from './set-index.ts';
import type { SetIndex } from './set-index.ts';

/** Rules that are asked one after the other: of one owner, tier and direction. */
export type ScopeKey = string;

export const scopeKey = (owner: string | undefined, tier: Tier, direction: Direction): ScopeKey => `${direction} ${tier} ${owner ?? ''}`;

/** The rules of one scope, found by what they can overlap with: no rule is compared with one that differs in group, block or port. */
export class RuleIndex {
  readonly #locals = new Dimension<LocalSet>(new LocalIndex());
  readonly #peers = new Dimension<PeerSet>(new PeerIndex());
  readonly #services = new Dimension<Services>(new ServiceIndex());
  readonly #table: BoxTable;
  size = 0;

  constructor(table: BoxTable) {
    this.#table = table;
  }

  add(rule: RuleRecord): void {
    this.size++;
    this.#locals.add(rule.space.local, rule);
    this.#peers.add(rule.space.peers, rule);
    this.#services.add(rule.space.services, rule);
  }

  remove(rule: RuleRecord): void {
    this.size--;
    this.#locals.remove(rule.space.local, rule);
    this.#peers.remove(rule.space.peers, rule);
    this.#services.remove(rule.space.services, rule);
  }

  /** Every rule that `concerns` and that may meet a packet of the space. */
  *overlapping(space: InternedSpace, concerns: (rule: RuleRecord) => boolean): Iterable<RuleRecord> {
    for (const rules of this.#candidates(space)) {
      for (const rule of rules) if (concerns(rule) && mayOverlap(this.#table, space, rule.space)) yield rule;
    }
  }

  /** By the side of the product that leaves few enough; the others are not even looked up. */
  #candidates({ local, peers, services }: InternedSpace): readonly ReadonlySet<RuleRecord>[] {
    const enough = Math.max(256, this.size / 20);
    const byLocal = this.#locals.near(local);
    if (byLocal.count <= enough) return byLocal.lists;
    const byService = this.#services.near(services);
    if (byService.count <= enough) return byService.lists;
    const byPeer = this.#peers.near(peers);
    return [byLocal, byService, byPeer].reduce((fewest, list) => (list.count < fewest.count ? list : fewest)).lists;
  }
}

interface Candidates {
  readonly lists: readonly ReadonlySet<RuleRecord>[];
  readonly count: number;
}

/** Longer answers are not kept. */
const keptMax = 512;

/** The rules by one of their three sets. */
class Dimension<S> {
  readonly #rules = new Map<Interned<S>, Set<RuleRecord>>();
  readonly #index: SetIndex<S>;
  /** Answers for sets, until another set comes or goes. */
  readonly #near = new Map<Interned<S>, readonly Interned<S>[]>();

  constructor(index: SetIndex<S>) {
    this.#index = index;
  }

  add(set: Interned<S>, rule: RuleRecord): void {
    const rules = this.#rules.get(set);
    if (rules !== undefined) {
      rules.add(rule);
      return;
    }
    this.#rules.set(set, new Set([rule]));
    this.#index.add(set);
    this.#near.clear();
  }

  remove(set: Interned<S>, rule: RuleRecord): void {
    const rules = this.#rules.get(set);
    rules?.delete(rule);
    if (rules?.size !== 0) return;
    this.#rules.delete(set);
    this.#index.remove(set);
    this.#near.clear();
  }

  near(set: Interned<S>): Candidates {
    const sets = this.#nearSets(set);
    const lists: ReadonlySet<RuleRecord>[] = [];
    let count = 0;
    for (const other of sets) {
      const rules = this.#rules.get(other);
      if (rules === undefined) continue;
      lists.push(rules);
      count += rules.size;
    }
    return { lists, count };
  }

  #nearSets(set: Interned<S>): Iterable<Interned<S>> {
    const known = this.#near.get(set);
    if (known !== undefined) return known;
    const found = this.#index.near(set);
    if (found.size <= keptMax) this.#near.set(set, [...found]);
    return found;
  }
}
