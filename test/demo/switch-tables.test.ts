import { expect, test } from 'vitest';
import { type SwitchTables, unchangedRows } from '../../src/demo/switch-tables.ts';

const flow = 'table=0 cookie=0x1 priority=10,in_port=1 actions=drop';

function tables(ageSeconds: number, askedAtMs: number, readAtMs: number, packets = 5): ReadonlyMap<string, SwitchTables> {
  const flows = new Map([[flow, { ageSeconds, packets }]]);
  return new Map([['hv1', { flows, groups: ['group_id=1'], meters: [], askedAtMs, readAtMs }]]);
}

const verdicts = (after: ReadonlyMap<string, SwitchTables>): readonly boolean[] =>
  unchangedRows(tables(10, 0, 1000), after).map(({ ok }) => ok);

test('flows that grow older are untouched, however late a busy machine reads them', () => {
  expect(verdicts(tables(15, 5000, 5100))).toEqual([true, true]);
  // Of the 5.1 s between the readings only 2 s must have gone by on the switch.
  expect(verdicts(tables(12, 3000, 6100))).toEqual([true, true]);
});

test('a flow that was written again is younger, or has counted less', () => {
  expect(verdicts(tables(2, 5000, 5100))).toEqual([true, false]);
  expect(verdicts(tables(15, 5000, 5100, 4))).toEqual([true, false]);
});

test('what is other, gone or new is told; no flow at all is no proof', () => {
  const [host, held] = [...tables(15, 5000, 5100)][0] ?? [];
  if (host === undefined || held === undefined) throw new Error('one host');
  expect(verdicts(new Map([[host, { ...held, groups: [] }]]))).toEqual([false, true]);
  expect(
    verdicts(new Map([[host, { ...held, flows: new Map([...held.flows, [`${flow} more`, { ageSeconds: 1, packets: 0 }]]) }]])),
  ).toEqual([false, true]);
  expect(verdicts(new Map([[host, { ...held, flows: new Map() }]]))).toEqual([false, false]);
});
