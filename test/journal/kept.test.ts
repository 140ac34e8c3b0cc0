import { expect, test } from 'vitest';
import { KeptRecords } from '../../src/journal/kept.ts';
import { recordWith } from './records.ts';

const idsOf = (records: readonly { readonly id: number }[]): readonly number[] => records.map(({ id }) => id);

test('the last of each tenant, and of all in the order they came', () => {
  const kept = new KeptRecords({ eachMax: 3, allMax: 100 });
  for (let id = 1; id <= 8; id++) kept.add(recordWith({ id, tenant: id % 2 === 0 ? 'even' : 'odd' }));
  expect(idsOf(kept.read('odd', undefined, 100))).toEqual([3, 5, 7]);
  expect(idsOf(kept.read('even', undefined, 2))).toEqual([6, 8]);
  expect(idsOf(kept.read(undefined, undefined, 100))).toEqual([3, 4, 5, 6, 7, 8]);
  expect(kept.read('nobody', undefined, 100)).toEqual([]);
});

test('pages go on behind a record', () => {
  const kept = new KeptRecords({ eachMax: 10, allMax: 100 });
  for (let id = 1; id <= 7; id++) kept.add(recordWith({ id }));
  expect(idsOf(kept.read('acme', 0, 3))).toEqual([1, 2, 3]);
  expect(idsOf(kept.read('acme', 3, 3))).toEqual([4, 5, 6]);
  expect(idsOf(kept.read('acme', 7, 3))).toEqual([]);
});

test('whoever has the most gives way when there are too many in all', () => {
  const kept = new KeptRecords({ eachMax: 100, allMax: 10 });
  kept.add(recordWith({ id: 1, tenant: 'quiet' }));
  for (let id = 2; id <= 50; id++) kept.add(recordWith({ id, tenant: 'loud' }));
  expect(idsOf(kept.read('quiet', undefined, 100))).toEqual([1]);
  expect(idsOf(kept.read('loud', undefined, 100))).toEqual([42, 43, 44, 45, 46, 47, 48, 49, 50]);
});
