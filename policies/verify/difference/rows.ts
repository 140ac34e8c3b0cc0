import type { Family } from '../../../src/base/addresses.ts';
import type { RuleName } from '../findings.ts';
import { numbers } from '../intervals.ts';
import { servicesPossible } from '../service-space.ts';
import type { ServiceSet } from '../service-space.ts';
import type { EndClass } from './classes.ts';
import { cover } from './cover.ts';
import type { Rectangle } from './cover.ts';
import type { Scope, Side, Worlds } from './endpoints.ts';
import { mergedRows, rowText } from './merged-rows.ts';
import { NamedSets } from './named-sets.ts';
import type { EndSet } from './named-sets.ts';
import { pairDifference } from './pairs.ts';
import type { PairChange } from './pairs.ts';
import { serviceTexts } from './service-words.ts';

/**
 * Connections that become possible or cease to be: from any of `from` to any of `to`, between ends of one address family that share
 * a routing domain, other than an interface with itself.
 */
export interface ConnectivityRow {
  readonly from: readonly EndSet[];
  readonly to: readonly EndSet[];
  readonly change: 'gains' | 'loses';
  readonly services: readonly string[];
  readonly set: ServiceSet;
  /** Of this family only; undefined: of both. */
  readonly family: Family | undefined;
  readonly allowedBy: readonly RuleName[];
}

const worldOf: Readonly<Record<PairChange['change'], Side>> = { gains: 'after', loses: 'before' };

export interface ConnectivityDifference {
  readonly rows: readonly ConnectivityRow[];
  /** Nothing was left out. */
  readonly isComplete: boolean;
}

/** The whole difference in few rows: the union of what they say is exactly what differs. To be run to its end, in slices if need be. */
export function* connectivityDifference(worlds: Worlds, scope: Scope): Generator<undefined, ConnectivityDifference> {
  const { classes, changes, isComplete } = yield* pairDifference(worlds, scope);
  const rows: ConnectivityRow[] = [];
  const named = { before: new NamedSets(worlds.before, 'before', classes), after: new NamedSets(worlds.after, 'after', classes) };
  const buckets = yield* bucketsOf(changes);
  for (const bucket of buckets.values()) {
    const [first] = bucket;
    if (first === undefined) continue;
    const side = worldOf[first.change];
    for (const rectangle of yield* cover(bucket, named[side], side)) rows.push(rowOf(rectangle, bucket, first));
    yield;
  }
  const merged = yield* mergedRows(rows);
  const shown: (readonly [text: string, row: ConnectivityRow])[] = [];
  for (const row of merged) {
    const each = shownRow(row, named[worldOf[row.change]]);
    shown.push([rowText(each), each]);
    yield;
  }
  return { rows: shown.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row), isComplete };
}

/** Changes between one yield and the next. */
const changesAtOnce = 500;

/** Those that rows can say together. */
function* bucketsOf(changes: readonly PairChange[]): Generator<undefined, ReadonlyMap<string, readonly PairChange[]>> {
  const buckets = new Map<string, PairChange[]>();
  for (const [index, each] of changes.entries()) {
    const { from, to, change, services } = each;
    const key = JSON.stringify([change, from.tenant, to.tenant, from.family, services]);
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [each]);
    else bucket.push(each);
    if (index % changesAtOnce === 0) yield;
  }
  return buckets;
}

function rowOf(
  { from, to }: Rectangle,
  bucket: readonly PairChange[],
  { change, services, from: { family } }: PairChange,
): ConnectivityRow {
  const rules = new Map<string, RuleName>();
  const [froms, tos] = [new Set<EndClass>(from.classes), new Set<EndClass>(to.classes)];
  for (const pair of bucket) {
    if (!froms.has(pair.from) || !tos.has(pair.to)) continue;
    for (const { name, text } of pair.allowedBy) rules.set(text, name);
  }
  return { from: from.sets, to: to.sets, change, services: [], set: services, family, allowedBy: [...rules.values()] };
}

/** The family is named only where the other one has such ends as well. */
function shownRow(row: ConnectivityRow, named: NamedSets): ConnectivityRow {
  const { from, to, family } = row;
  const other = family === 4 ? 6 : 4;
  const isAlone = family === undefined || ![from, to].every((ends) => ends.some((end) => named.hasEnds(end, other)));
  return { ...row, services: serviceTexts(servicesShown(row)), family: isAlone ? undefined : family };
}

/** What cannot be asked for in a family is left out: all that can is `all`. */
function servicesShown({ set, family }: ConnectivityRow): ServiceSet {
  return family !== undefined && numbers.contains(set, servicesPossible[family])
    ? numbers.union(set, servicesPossible[family === 4 ? 6 : 4])
    : set;
}
