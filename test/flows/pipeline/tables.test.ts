import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Flow } from '../../../flows/model/index.ts';
import { tableNames, tables } from '../../../flows/pipeline/index.ts';
import { renderHost } from '../../support/render-host.ts';
import { SmallCloud } from '../../support/small-cloud.ts';

/** The declaration says what the flows do, and the drawing shows it. */

const elements = new SmallCloud().elements('h1');
const flows = renderHost(elements, () => 1);

const namesById = new Map<number, string>(tableNames.map((name) => [tables[name].id, name]));
const goesTo = (flow: Flow): readonly number[] =>
  flow.instructions.flatMap((instruction) => (instruction.kind === 'goto_table' ? [instruction.tableId] : []));

test('ids ascend in the order of the declaration, and a miss leads onward', () => {
  const ids = tableNames.map((name) => tables[name].id);
  expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
  for (const name of tableNames) {
    const { id, miss } = tables[name];
    expect(miss === 'drop' || tables[miss.goto].id > id).toBe(true);
  }
});

test('every flow is in a declared table and leads to one', () => {
  const strayed = flows.filter((flow) => ![flow.tableId, ...goesTo(flow)].every((id) => namesById.has(id)));
  expect(strayed).toEqual([]);
});

test('a table whose miss drops has no flow for everything, and the others have one that leads there', () => {
  for (const name of tableNames) {
    const { id, miss } = tables[name];
    const misses = flows.filter(({ tableId, priority }) => tableId === id && priority === 0);
    expect(misses.flatMap(goesTo)).toEqual(miss === 'drop' ? [] : [tables[miss.goto].id]);
    expect(misses.every(({ match }) => match.length === 0)).toBe(true);
  }
});

test('the drawing names every table', () => {
  const source = readFileSync(new URL('../../../flows/pipeline/tables.ts', import.meta.url), 'utf8');
  const drawing = source.slice(source.indexOf('```'), source.lastIndexOf('```'));
  // The tiers are drawn as "egress: platform, tenant, baseline, posture".
  const drawn = (name: string): string => name.replace(/^(egress|ingress)[A-Z].*/, '$1');
  expect(tableNames.filter((name) => !new RegExp(`\\b${drawn(name)}\\b`).test(drawing))).toEqual([]);
});
