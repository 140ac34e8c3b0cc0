import { array, assert, nat, option, property, string, tuple } from 'fast-check';
import { expect, it } from 'vitest';
import { RecentRows } from '../../../cluster/storage/recent-rows.ts';

const keys = nat({ max: 20 }).map((at) => `key/${at}`);

it('what it knows of a key is what was set last', () => {
  assert(
    property(
      array(tuple(keys, option(string({ minLength: 1, maxLength: 100 }), { nil: undefined })), { maxLength: 200, size: 'max' }),
      (changes) => {
        const rows = new RecentRows(2_000);
        const expected = new Map<string, string | undefined>();
        const wrong: string[] = [];
        for (const [key, row] of changes) {
          rows.set(key, row);
          expected.set(key, row);
          if (rows.get(key) !== row) wrong.push(key);
          for (const [each, last] of expected) if ((rows.get(each) ?? last) !== last) wrong.push(each);
        }
        expect(wrong).toEqual([]);
      },
    ),
  );
});

it('what is set again and again is kept, and no more than may be', () => {
  const rows = new RecentRows(10_000);
  const row = 'r'.repeat(100);
  const known = (): number => Array.from({ length: 1_000 }, (_, at) => rows.get(`key/${at}`)).filter((each) => each !== undefined).length;
  for (let at = 0; at < 1_000; at++) {
    rows.set('again', row);
    rows.set(`key/${at}`, row);
    expect(rows.get('again')).toBe(row);
  }
  expect(known()).toBeGreaterThan(10);
  expect(known()).toBeLessThanOrEqual(10_000 / row.length);
});
