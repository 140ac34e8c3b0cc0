import type { Family } from '../../../src/base/addresses.ts';
import type { DocumentId } from '../../graph/documents.ts';
import type { RuleName } from '../findings.ts';
import { bigints, numbers } from '../intervals.ts';
import { servicesPossible } from '../service-space.ts';
import type { ServiceSet } from '../service-space.ts';
import { blocksOf } from './blocks.ts';
import type { EndClass } from './classes.ts';
import { cover } from './cover.ts';
import type { Rectangle } from './cover.ts';
import type { Side, Worlds } from './endpoints.ts';
import { endSetText, NamedSets } from './named-sets.ts';
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
export function* connectivityDifference(worlds: Worlds, changed: readonly DocumentId[]): Generator<undefined, ConnectivityDifference> {
  const { classes, changes } = yield* pairDifference(worlds, changed);
  const rows: ConnectivityRow[] = [];
  const named = { before: new NamedSets(worlds.before, 'before', classes), after: new NamedSets(worlds.after, 'after', classes) };
  const buckets = Map.groupBy(changes, ({ from, to, change, services }) =>
    JSON.stringify([change, from.tenant, to.tenant, from.family, services]),
  );
  for (const bucket of buckets.values()) {
    const [first] = bucket;
    if (first === undefined) continue;
    const side = worldOf[first.change];
    for (const rectangle of cover(bucket, named[side], side)) rows.push(rowOf(rectangle, bucket, first));
    yield;
  }
  const shown = mergeRows(rows).map((row) => shownRow(row, named[worldOf[row.change]]));
  return { rows: shown.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1)), isComplete: true };
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

const setsText = (sets: readonly EndSet[]): string => JSON.stringify(sets.map(endSetText).sort());
const textOf = ({ from, to, change, services, family }: ConnectivityRow): string =>
  JSON.stringify([setsText(from), setsText(to), change, services, family]);

/** Rows of both families become one where that says the same; rows that differ in one end only become one with both ends. */
function mergeRows(rows: readonly ConnectivityRow[]): readonly ConnectivityRow[] {
  const paired = mergeFamilies(rows);
  const byFrom = mergeBy(
    paired,
    (row) => JSON.stringify([setsText(row.to), row.change, row.set, row.family]),
    (a, b) => ({ ...a, from: unite(a.from, b.from) }),
  );
  const byTo = mergeBy(
    byFrom,
    (row) => JSON.stringify([setsText(row.from), row.change, row.set, row.family]),
    (a, b) => ({ ...a, to: unite(a.to, b.to) }),
  );
  const byService = mergeBy(
    byTo,
    (row) => JSON.stringify([setsText(row.from), setsText(row.to), row.change, row.family]),
    (a, b) => ({ ...a, set: numbers.union(a.set, b.set) }),
  );
  return byService;
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

function mergeBy(
  rows: readonly ConnectivityRow[],
  key: (row: ConnectivityRow) => string,
  merge: (a: ConnectivityRow, b: ConnectivityRow) => ConnectivityRow,
): readonly ConnectivityRow[] {
  const merged = new Map<string, ConnectivityRow>();
  for (const row of rows) {
    const text = key(row);
    const known = merged.get(text);
    merged.set(text, known === undefined ? row : { ...merge(known, row), allowedBy: uniteRules(known, row) });
  }
  return [...merged.values()];
}

function uniteRules(a: ConnectivityRow, b: ConnectivityRow): readonly RuleName[] {
  return [...new Map([...a.allowedBy, ...b.allowedBy].map((rule) => [JSON.stringify(rule), rule])).values()];
}

/** Of one family each, they say the same of their ends, and what they ask for agrees where both families can ask for it. */
function mergeFamilies(rows: readonly ConnectivityRow[]): readonly ConnectivityRow[] {
  const merged: ConnectivityRow[] = [];
  const waiting = new Map<string, ConnectivityRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([withoutBlocks(row.from), withoutBlocks(row.to), row.change]);
    const others = waiting.get(key) ?? [];
    const twin = others.find((other) => other.family !== row.family && agree(row, other));
    if (twin === undefined) {
      waiting.set(key, [...others, row]);
      continue;
    }
    waiting.set(
      key,
      others.filter((other) => other !== twin),
    );
    merged.push({
      ...row,
      from: unite(twin.from, row.from),
      to: unite(twin.to, row.to),
      set: numbers.union(twin.set, row.set),
      family: undefined,
      allowedBy: uniteRules(twin, row),
    });
  }
  return [...merged, ...[...waiting.values()].flat()];
}

/** Blocks of one family and those of the other stand beside each other without saying more than each did. */
const withoutBlocks = (sets: readonly EndSet[]): string =>
  setsText(sets.map((set) => (set.kind === 'addresses' ? { ...set, cidrs: [], except: [] } : set)));

const both = numbers.intersect(servicesPossible[4], servicesPossible[6]);
const agree = (a: ConnectivityRow, b: ConnectivityRow): boolean =>
  JSON.stringify(numbers.intersect(a.set, both)) === JSON.stringify(numbers.intersect(b.set, both));

/** Blocks become one list. */
function unite(a: readonly EndSet[], b: readonly EndSet[]): readonly EndSet[] {
  const all = new Map<string, EndSet>();
  for (const set of [...a, ...b]) if (set.kind !== 'addresses') all.set(endSetText(set), set);
  const blocks = [...a, ...b].flatMap((set) => (set.kind === 'addresses' ? [set.addresses] : []));
  if (blocks.length === 0) return [...all.values()];
  const addresses = blocks.reduce((one, other) => bigints.union(one, other));
  return [...all.values(), { kind: 'addresses', ...blocksOf(addresses), addresses }];
}
