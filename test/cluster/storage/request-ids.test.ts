import { array, assert, constantFrom, nat, oneof, property, string, tuple, uuid } from 'fast-check';
import { expect, it } from 'vitest';
import { RequestIds } from '../../../cluster/storage/request-ids.ts';

/** Ids that begin alike, so that they belong into the same slot; and texts that are nearly such ids, or none. */
const crowded = nat({ max: 40 }).map((at) => `00000000-0000-4000-8000-${at.toString(16).padStart(12, '0')}`);
const odd = oneof(
  string({ maxLength: 64 }),
  uuid().map((id) => id.toUpperCase()),
  constantFrom(
    '0b6f-1',
    '00000000-0000-0000-0000-000000000000',
    '00000000000040008000-00000000000-0000',
    '00000000-0000-4000-8000-00000000000g',
  ),
);
const revision = nat({ max: Number.MAX_SAFE_INTEGER - 1 }).map((at) => at + 1);

it('every id is found with the revision it was given last, and no other', () => {
  assert(
    property(array(tuple(oneof(uuid(), crowded, odd), revision), { maxLength: 3_000, size: 'max' }), uuid(), (entries, stranger) => {
      const ids = new RequestIds();
      const expected = new Map<string, number>();
      const wrong: string[] = [];
      for (const [id, at] of entries) {
        if (ids.get(id) !== expected.get(id)) wrong.push(id);
        ids.set(id, at);
        expected.set(id, at);
      }
      for (const [id, at] of expected) if (ids.get(id) !== at) wrong.push(id);
      expect(wrong).toEqual([]);
      expect(ids.get(stranger)).toBe(expected.get(stranger));
      expect(ids.size).toBe(expected.size);
    }),
    { numRuns: 10 },
  );
});
