import { SetTally } from '../compile/set-tally.ts';
import { numberSets } from '../compile/sets.ts';
import type { SetHash, SetsInSight } from '../compile/sets.ts';
import { Relation } from './relation.ts';
import { same } from './same.ts';

/** The set of groups that an interface is in, as one tenant's rules see it. */
export interface Membership {
  readonly tenant: string;
  readonly domain: string;
  readonly set: bigint;
  /** Where it runs, for the tenant's own interfaces; none for those of others. */
  readonly hosts: readonly string[];
}

/** The numbers of one tenant's sets. `salted` has those that are no plain hash, which is to say hardly ever any. */
interface Numbering {
  readonly place: SetTally;
  /** How many sets have a hash. */
  readonly hashes: Map<bigint, number>;
  crowded: number;
  salted: ReadonlyMap<bigint, bigint>;
}

const none: readonly bigint[] = [];

/** What became different of the sets in sight. */
export interface SightChanges {
  /** A set came or went, in a domain or on a host. */
  readonly sets: readonly { readonly tenant: string; readonly at: Sight; readonly set: bigint }[];
  /** The tenant looks from the host into another domain, or no longer. */
  readonly outlooks: readonly { readonly tenant: string; readonly host: string }[];
  /** Tenants of which a set got another number. */
  readonly renumbered: readonly string[];
}

type Sight = { readonly kind: 'domain' | 'host'; readonly name: string };

/**
 * Which sets of groups are in sight from where, for tenants whose groups are told apart by sets. Changes are collected until they
 * are taken; numbers hold from then on.
 */
export class KnownSets {
  private readonly hash: SetHash;
  private readonly places = new Map<string, SetTally>();
  private readonly numberings = new Map<string, Numbering>();
  /** Domains into which a tenant looks from a host. */
  private readonly outlooks = new Relation();
  private changedSets: { tenant: string; at: Sight; set: bigint }[] = [];
  private changedOutlooks: { tenant: string; host: string }[] = [];
  private readonly touched = new Set<string>();

  constructor(hash: SetHash) {
    this.hash = hash;
  }

  change({ tenant, domain, set, hosts }: Membership, by: 1 | -1): void {
    this.changeAt({ kind: 'domain', name: domain }, tenant, set, by);
    this.number(tenant, set, by);
    for (const host of hosts) {
      this.changeAt({ kind: 'host', name: host }, tenant, set, by);
      const isOther = this.outlooks[by === 1 ? 'add' : 'remove'](`${host} ${tenant}`, domain);
      if (isOther) this.changedOutlooks.push({ tenant, host });
    }
  }

  takeChanges(): SightChanges {
    const changes = { sets: this.changedSets, outlooks: this.changedOutlooks, renumbered: this.renumber() };
    this.changedSets = [];
    this.changedOutlooks = [];
    return changes;
  }

  numberOf(tenant: string, set: bigint): bigint {
    return set === 0n ? 0n : (this.numberings.get(tenant)?.salted.get(set) ?? this.hash(set, 0));
  }

  inSight(tenant: string, host: string): SetsInSight {
    const local = this.places.get(placeKey({ kind: 'host', name: host }, tenant));
    const domains = [...this.outlooks.of(`${host} ${tenant}`)];
    const peers = domains.flatMap((domain) => this.places.get(placeKey({ kind: 'domain', name: domain }, tenant)) ?? []);
    return {
      local: (group) => local?.withGroup(group) ?? none,
      peers: (group) => peers.flatMap((place) => [...place.withGroup(group)]),
      numberOf: (set) => this.numberOf(tenant, set),
    };
  }

  private changeAt(at: Sight, tenant: string, set: bigint, by: 1 | -1): void {
    const key = placeKey(at, tenant);
    const place = this.places.get(key) ?? new SetTally();
    if (place.change(set, by)) this.changedSets.push({ tenant, at, set });
    if (place.isEmpty) this.places.delete(key);
    else this.places.set(key, place);
  }

  private number(tenant: string, set: bigint, by: 1 | -1): void {
    const numbering = this.numberings.get(tenant) ?? { place: new SetTally(), hashes: new Map(), crowded: 0, salted: new Map() };
    this.numberings.set(tenant, numbering);
    if (!numbering.place.change(set, by) || set === 0n) return;
    this.touched.add(tenant);
    const { hashes } = numbering;
    const hash = this.hash(set, 0);
    const count = (hashes.get(hash) ?? 0) + by;
    if (count === 0) hashes.delete(hash);
    else hashes.set(hash, count);
    if (count === (by === 1 ? 2 : 1)) numbering.crowded += by;
  }

  private renumber(): readonly string[] {
    const renumbered: string[] = [];
    for (const tenant of this.touched) {
      const numbering = this.numberings.get(tenant);
      if (numbering === undefined) continue;
      const salted = numbering.crowded === 0 ? new Map<bigint, bigint>() : this.saltedOf(numbering);
      if (!same([...numbering.salted], [...salted])) renumbered.push(tenant);
      numbering.salted = salted;
      if (numbering.place.isEmpty) this.numberings.delete(tenant);
    }
    this.touched.clear();
    return renumbered;
  }

  private saltedOf({ place }: Numbering): ReadonlyMap<bigint, bigint> {
    return new Map([...numberSets(place.sets(), this.hash)].filter(([set, number]) => set !== 0n && number !== this.hash(set, 0)));
  }
}

const placeKey = ({ kind, name }: Sight, tenant: string): string => `${kind} ${name} ${tenant}`;
