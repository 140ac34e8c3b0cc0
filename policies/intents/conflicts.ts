import { minuteOfDay } from '../model/schedule.ts';
import type { Schedule } from '../model/kinds.ts';
import type { World } from '../selectors/index.ts';
import { claimsOf, levels } from './claims.ts';
import type { Claim, Level } from './claims.ts';
import { claimText, meaningText } from './echo.ts';
import type { Meaning, Shaping } from './meaning.ts';
import { Population } from './population.ts';

/** An intent as it is compared with others of the same owner. */
export interface Comparable {
  readonly name: string;
  readonly order: number;
  readonly meaning: Meaning;
}

/** Two intents that cannot both be had. */
export interface Conflict {
  /** The other intent. */
  readonly with: string;
  /** Whose word counts. */
  readonly winner: string;
  readonly explanation: string;
}

/** Of one intent: enough to act upon. */
const conflictsMax = 20;
/** Pairs looked at in one step: some ten microseconds. */
const stepPairs = 16;

/**
 * Where each of some intents and others of their owner contradict each other for somebody who is there, one conflict for each pair and for each
 * intent `conflictsMax` at most. To be run to its end, in slices if need be: there are as many pairs to look at as intents that could contradict.
 */
export function* conflictsOf(
  intents: readonly Comparable[],
  others: readonly Comparable[],
  owner: string | undefined,
  world: World,
): Generator<undefined, readonly (readonly Conflict[])[]> {
  const comparison = new Comparison(owner, world);
  const said = others.map((other) => ({ other, sayings: sayingsOf(other.meaning) }));
  const bySayings = new Map<number, readonly Comparable[]>();
  const all: (readonly Conflict[])[] = [];
  for (const intent of intents) {
    const against = opposite(sayingsOf(intent.meaning));
    const opponents = bySayings.get(against) ?? said.flatMap(({ other, sayings }) => ((sayings & against) === 0 ? [] : [other]));
    bySayings.set(against, opponents);
    const found: Conflict[] = [];
    for (const [index, other] of opponents.entries()) {
      if (index % stepPairs === 0) yield;
      const conflict = other.name === intent.name ? undefined : comparison.compare(intent, other);
      if (conflict !== undefined) found.push(conflict);
      if (found.length === conflictsMax) break;
    }
    all.push(found);
  }
  return all;
}

/** What an intent says, as bits: what contradicts one stands beside it. */
const saying = { allow: 1, deny: 2, limit: 4, guarantee: 8 } as const;

const opposite = (sayings: number): number => ((sayings & 0b0101) << 1) | ((sayings & 0b1010) >> 1);

const sayingsOf = (meaning: Meaning): number =>
  'mbps' in meaning
    ? saying[meaning.kind]
    : claimsOf(meaning).reduce((sum, { action }) => sum | (action === 'allow' ? saying.allow : saying.deny), 0);

interface Stated {
  readonly intent: Comparable;
  readonly claim: Claim;
  /** What is lower decides. */
  readonly rank: number;
}

class Comparison {
  readonly #population: Population;
  readonly #stated = new Map<Comparable, readonly Stated[]>();
  readonly #owner: string | undefined;
  readonly #world: World;

  constructor(owner: string | undefined, world: World) {
    this.#population = new Population(world, owner);
    this.#owner = owner;
    this.#world = world;
  }

  compare(a: Comparable, b: Comparable): Conflict | undefined {
    if ('mbps' in a.meaning && 'mbps' in b.meaning) return this.#compareShaping(a, a.meaning, b, b.meaning);
    if (!shareTenants(a.meaning, b.meaning)) return undefined;
    const [mine, theirs] = [this.#statedBy(a), this.#statedBy(b)];
    for (const one of mine) {
      for (const other of theirs) {
        if ((one.claim.action === 'allow') === (other.claim.action === 'allow')) continue;
        if (!this.#meet(one.claim, other.claim) || this.#isSettled(one, other, [...mine, ...theirs])) continue;
        const [winner, loser] = one.rank < other.rank ? [one, other] : [other, one];
        return { with: b.name, winner: winner.intent.name, explanation: this.#explain(winner, loser) };
      }
    }
    return undefined;
  }

  #statedBy(intent: Comparable): readonly Stated[] {
    const known = this.#stated.get(intent) ?? statedBy(intent);
    this.#stated.set(intent, known);
    return known;
  }

  #meet(a: Claim, b: Claim): boolean {
    return (
      this.#population.servicesMeet(a.services, b.services) && this.#population.meet(a.from, b.from) && this.#population.meet(a.to, b.to)
    );
  }

  /** Whether what the weaker of the two says holds all the same, because something stronger says it too. */
  #isSettled(a: Stated, b: Stated, all: readonly Stated[]): boolean {
    const [stronger, weaker] = a.rank < b.rank ? [a, b] : [b, a];
    const agrees = ({ claim }: Stated): boolean => (claim.action === 'allow') === (weaker.claim.action === 'allow');
    return all.some((third) => third.rank < stronger.rank && agrees(third) && this.#holds(third.claim, weaker.claim));
  }

  #holds(a: Claim, b: Claim): boolean {
    return (
      this.#population.servicesHold(a.services, b.services) && this.#population.holds(a.from, b.from) && this.#population.holds(a.to, b.to)
    );
  }

  #explain(winner: Stated, loser: Stated): string {
    const say = ({ intent, claim }: Stated): string => `intent ${intent.name} ${claimText(claim, this.#owner, this.#world)}`;
    return `${say(winner)}, and ${say(loser)}: ${winner.intent.name} wins, because ${reason(winner, loser)}`;
  }

  #compareShaping(a: Comparable, mine: Shaping, b: Comparable, theirs: Shaping): Conflict | undefined {
    const [limit, guarantee] = mine.kind === 'limit' ? [mine, theirs] : [theirs, mine];
    if (limit.kind === guarantee.kind || guarantee.mbps <= limit.mbps) return undefined;
    const isSameWay = limit.direction === 'both' || guarantee.direction === 'both' || limit.direction === guarantee.direction;
    if (!isSameWay || !schedulesMeet(limit.schedule, guarantee.schedule)) return undefined;
    if (!this.#population.meet(limit.subject, guarantee.subject)) return undefined;
    const [limiting, guaranteeing] = mine === limit ? [a, b] : [b, a];
    const quote = ({ name, meaning }: Comparable): string => `intent ${name} says "${meaningText(meaning, this.#owner, this.#world)}"`;
    return {
      with: b.name,
      winner: limiting.name,
      explanation: `${quote(guaranteeing)}, and ${quote(limiting)}: ${limiting.name} wins, because no interface gets more than its limit`,
    };
  }
}

function statedBy(intent: Comparable): readonly Stated[] {
  const tier = intent.meaning.scope?.tier === 'baseline' ? levels.length * 100_000 : 0;
  return claimsOf(intent.meaning).map((claim) => ({ intent, claim, rank: tier + intent.order + levels.indexOf(claim.level) }));
}

const levelNames: Readonly<Record<Level, string>> = {
  denial: 'a denial',
  inside: 'what isolated interfaces do among themselves',
  isolation: 'an isolation',
  exception: 'an exception from a denial',
  remainder: 'a denial with exceptions',
  allowance: 'an allowance',
};

function reason(winner: Stated, loser: Stated): string {
  const tiers = [winner, loser].map(({ intent }) => intent.meaning.scope?.tier);
  if (tiers[0] !== tiers[1]) return 'what is said by default comes last';
  if (winner.intent.order !== loser.intent.order) return `its order is lower (${winner.intent.order} before ${loser.intent.order})`;
  return `${levelNames[winner.claim.level]} goes before ${levelNames[loser.claim.level]}`;
}

function shareTenants(a: Meaning, b: Meaning): boolean {
  const [mine, theirs] = [a.scope?.tenants ?? 'all', b.scope?.tenants ?? 'all'];
  return mine === 'all' || theirs === 'all' || mine.some((tenant) => theirs.includes(tenant));
}

/** Hours of different zones, or of different days, are taken to meet. */
function schedulesMeet(a: Schedule | undefined, b: Schedule | undefined): boolean {
  if (a === undefined || b === undefined || a.timezone !== b.timezone) return true;
  const [one, other] = [hoursOf(a), hoursOf(b)];
  return one.some(({ first, last }) => other.some((hours) => first < hours.last && hours.first < last));
}

function hoursOf({ from, to }: Schedule): readonly { readonly first: number; readonly last: number }[] {
  const [first, last] = [minuteOfDay(from) ?? 0, minuteOfDay(to) ?? 0];
  return first < last
    ? [{ first, last }]
    : [
        { first, last: 24 * 60 },
        { first: 0, last },
      ];
}
