import type { Snapshot } from '../admission/ports.ts';
import type { Document } from '../../policies/model/index.ts';
import type { Counters, RuleReading } from '../controller/ports.ts';
import type { CountedRule, RulesAnswer, RulesQuery } from './schema/rules.ts';

/** What rules have counted, as users see it. */

type Policy = Extract<Document, { kind: 'Policy' }>;
type Place = Pick<CountedRule, 'tenant' | 'policy' | 'direction' | 'rule' | 'id' | 'action'>;

/** One rule as it was read; times become text in what is shown alone. */
interface Reading {
  readonly place: Place;
  readonly counters: RuleReading;
}

const directions = ['ingress', 'egress'] as const;
const dayMs = 24 * 3_600_000;
const limitDefault = 1_000;
/** Counters asked for in one question. */
const questionRulesMax = 1_000;

const isoOf = (wallMs: number): string => new Date(wallMs).toISOString();
const hitOf = (wallMs: number | undefined): string | null => (wallMs === undefined ? null : isoOf(wallMs));

/** The rules of a policy that have a number. */
export function rulesOf(snapshot: Snapshot, policy: Policy): readonly Place[] {
  const { tenant, name } = policy.metadata;
  const numbers = snapshot.policyNumbers(tenant, name);
  return directions.flatMap((direction) =>
    policy.spec[direction].flatMap(({ action }, rule): Place[] => {
      const id = numbers?.[direction][rule]?.id;
      return id === undefined ? [] : [{ ...(tenant !== undefined && { tenant }), policy: name, direction, rule, id, action }];
    }),
  );
}

export type RuleReadings = ReadonlyMap<number, RuleReading>;

export async function readRules(counters: Pick<Counters, 'ofRules'>, places: readonly Place[]): Promise<RuleReadings> {
  const readings = new Map<number, RuleReading>();
  for (let first = 0; first < places.length; first += questionRulesMax) {
    const ids = places.slice(first, first + questionRulesMax).map(({ id }) => id);
    for (const [id, reading] of await counters.ofRules(ids)) readings.set(id, reading);
  }
  return readings;
}

/** A rule that was committed just now and is not counted yet has counted nothing, from now on. */
const readingsOf = (read: RuleReadings, places: readonly Place[], nowMs: number): readonly Reading[] =>
  places.map((place) => ({ place, counters: read.get(place.id) ?? { ...nothing, sinceMs: nowMs } }));

const nothing = { packets: 0, bytes: 0, connections: 0, flows: 0, lastHitMs: undefined } as const;

function shown({ packets, bytes, connections, lastHitMs, sinceMs, flows }: RuleReading) {
  return { packets, bytes, connections, lastHit: hitOf(lastHitMs), since: isoOf(sinceMs), flows };
}

/** For the status of a policy: what its rules have counted together, and with `each` one by one. */
export function policyCounts(read: RuleReadings, places: readonly Place[], nowMs: number, each: boolean): object {
  const rules = readingsOf(read, places, nowMs);
  const sum = (field: 'packets' | 'bytes' | 'connections' | 'flows'): number =>
    rules.reduce((total, rule) => total + rule.counters[field], 0);
  const hits = rules.flatMap((rule) => rule.counters.lastHitMs ?? []);
  const together = {
    packets: sum('packets'),
    bytes: sum('bytes'),
    connections: sum('connections'),
    flows: sum('flows'),
    lastHit: hits.length === 0 ? null : isoOf(Math.max(...hits)),
    ...(rules.length > 0 && { since: isoOf(Math.min(...rules.map((rule) => rule.counters.sinceMs))) }),
  };
  if (!each) return { counters: together };
  const listOf = (direction: 'ingress' | 'egress'): object[] =>
    rules.flatMap(({ place, counters }) => (place.direction === direction ? [{ rule: place.rule, id: place.id, ...shown(counters) }] : []));
  return { counters: together, rules: { ingress: listOf('ingress'), egress: listOf('egress') } };
}

/** Rules of one owner or, undefined, of all. */
export async function countedRules(
  counters: Pick<Counters, 'ofRules'>,
  snapshot: Snapshot,
  tenant: string | undefined,
  query: RulesQuery,
  nowMs: number,
): Promise<RulesAnswer> {
  const { unusedDays, sort, limit = limitDefault } = query;
  const unusedSinceMs = unusedDays === undefined ? undefined : nowMs - unusedDays * dayMs;
  const places = [...snapshot.list('Policy', tenant)].flatMap(({ document }) => rulesOf(snapshot, document));
  const all = readingsOf(await readRules(counters, places), places, nowMs);
  const found = unusedSinceMs === undefined ? [...all] : all.filter((rule) => (rule.counters.lastHitMs ?? -Infinity) < unusedSinceMs);
  if (sort !== undefined) found.sort((a, b) => b.counters[sort] - a.counters[sort]);
  const items = found.slice(0, limit).map(({ place, counters: own }): CountedRule => ({
    ...place,
    ...shown(own),
    ...(unusedSinceMs !== undefined && { usage: own.sinceMs <= unusedSinceMs ? 'unused' : 'too-young' }),
  }));
  return { at: isoOf(nowMs), items, more: found.length > limit };
}
