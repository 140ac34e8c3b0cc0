import type { RuleName } from '../findings.ts';
import { bigints, numbers } from '../intervals.ts';
import { servicesPossible } from '../service-space.ts';
import { blocksOf } from './blocks.ts';
import { endSetText } from './named-sets.ts';
import type { EndSet } from './named-sets.ts';
import type { ConnectivityRow } from './rows.ts';

/** Rows between one yield and the next. */
const rowsAtOnce = 50;

const setsText = (sets: readonly EndSet[]): string => JSON.stringify(sets.map(endSetText).sort());

/** All that a row says. */
export const rowText = ({ from, to, change, set, family }: ConnectivityRow): string =>
  JSON.stringify([setsText(from), setsText(to), change, set, family]);

/**
 * Rows of both families become one where that says the same; then those that differ in one end only become one with both ends, and those
 * that differ in services only one with all of them.
 */
export function* mergedRows(rows: readonly ConnectivityRow[]): Generator<undefined, readonly ConnectivityRow[]> {
  const paired = yield* mergeFamilies(rows);
  const byFrom = yield* mergeBy(paired, (row) => JSON.stringify([setsText(row.to), row.change, row.set, row.family]));
  const byTo = yield* mergeBy(byFrom, (row) => JSON.stringify([setsText(row.from), row.change, row.set, row.family]));
  return yield* mergeBy(byTo, (row) => JSON.stringify([setsText(row.from), setsText(row.to), row.change, row.family]));
}

/** Rows of one key are the same but for one of their members: the whole of it is what they say together. */
function* mergeBy(
  rows: readonly ConnectivityRow[],
  key: (row: ConnectivityRow) => string,
): Generator<undefined, readonly ConnectivityRow[]> {
  const byKey = new Map<string, ConnectivityRow[]>();
  for (const [index, row] of rows.entries()) {
    const text = key(row);
    const others = byKey.get(text);
    if (others === undefined) byKey.set(text, [row]);
    else others.push(row);
    if (index % rowsAtOnce === 0) yield;
  }
  const merged: ConnectivityRow[] = [];
  for (const same of byKey.values()) {
    merged.push(together(same));
    yield;
  }
  return merged;
}

function together(rows: readonly ConnectivityRow[]): ConnectivityRow {
  const [first] = rows;
  if (first === undefined || rows.length === 1) return first as ConnectivityRow;
  return {
    ...first,
    from: united(rows.map(({ from }) => from)),
    to: united(rows.map(({ to }) => to)),
    set: numbers.of(rows.flatMap(({ set }) => [...rangesOf(set)])),
    allowedBy: unitedRules(rows.map(({ allowedBy }) => allowedBy)),
  };
}

function unitedRules(lists: readonly (readonly RuleName[])[]): readonly RuleName[] {
  const seen = new Set(lists);
  return [...new Map([...seen].flat().map((rule) => [JSON.stringify(rule), rule])).values()];
}

/** Of one family each, they say the same of their ends, and what they ask for agrees where both families can ask for it. */
function* mergeFamilies(rows: readonly ConnectivityRow[]): Generator<undefined, readonly ConnectivityRow[]> {
  const merged: ConnectivityRow[] = [];
  const waiting = new Map<string, ConnectivityRow[]>();
  for (const [index, row] of rows.entries()) {
    if (index % rowsAtOnce === 0) yield;
    const { family, set } = row;
    const text = JSON.stringify([withoutBlocks(row.from), withoutBlocks(row.to), row.change, numbers.intersect(set, both)]);
    const others = waiting.get(`${family === 4 ? 6 : 4} ${text}`) ?? [];
    const twin = others.pop();
    if (twin !== undefined) merged.push({ ...together([twin, row]), family: undefined });
    else {
      const key = `${family} ${text}`;
      const own = waiting.get(key);
      if (own === undefined) waiting.set(key, [row]);
      else own.push(row);
    }
  }
  return [...merged, ...[...waiting.values()].flat()];
}

/** Blocks of one family and those of the other stand beside each other without saying more than each did. */
const withoutBlocks = (sets: readonly EndSet[]): string =>
  setsText(sets.map((set) => (set.kind === 'addresses' ? { ...set, cidrs: [], except: [] } : set)));

const both = numbers.intersect(servicesPossible[4], servicesPossible[6]);

/** Blocks become one list. */
function united(lists: readonly (readonly EndSet[])[]): readonly EndSet[] {
  const all = new Map<string, EndSet>();
  const ranges: (readonly [bigint, bigint])[] = [];
  const seen = new Set<EndSet>();
  for (const set of lists.flat()) {
    if (seen.has(set)) continue;
    seen.add(set);
    if (set.kind === 'addresses') ranges.push(...rangesOf(set.addresses));
    else all.set(endSetText(set), set);
  }
  if (ranges.length === 0) return [...all.values()];
  const addresses = bigints.of(ranges);
  return [...all.values(), { kind: 'addresses', ...blocksOf(addresses), addresses }];
}

function* rangesOf<T>(set: readonly T[]): Generator<readonly [first: T, last: T]> {
  for (let at = 0; at < set.length; at += 2) yield [set[at] as T, set[at + 1] as T];
}
