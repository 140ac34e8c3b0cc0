import * as fc from 'fast-check';
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

test('of all tenants as if they were sorted each time, whoever gives way', () => {
  const bounds = { eachMax: 12, allMax: 40 };
  const tenants = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { maxLength: 400 });
  const pages = fc.array(fc.record({ since: fc.option(fc.integer({ min: -1, max: 410 }), { nil: undefined }), limit: fc.nat(50) }));
  const property = fc.property(tenants, pages, (comers, asked) => {
    const kept = new KeptRecords(bounds);
    for (const [index, tenant] of comers.entries()) kept.add(recordWith({ id: index + 1, tenant }));
    const all = [...new Set(comers)].flatMap((tenant) => kept.read(tenant, undefined, bounds.allMax)).toSorted((a, b) => a.id - b.id);
    expect(all.length).toBeLessThanOrEqual(bounds.allMax);
    for (const { since, limit } of asked) {
      const page =
        since === undefined ? all.slice(all.length - Math.min(limit, all.length)) : all.filter(({ id }) => id > since).slice(0, limit);
      expect(idsOf(kept.read(undefined, since, limit))).toEqual(idsOf(page));
    }
  });
  fc.assert(property);
});
