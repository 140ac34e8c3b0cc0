import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applyDifference,
  decodeValue,
  defaultValue,
  encodeValue,
  map,
  optional,
  sameValue,
  scalar,
  set,
} from '../../../flows/ovsdb/column.ts';
import type { Atom, ColumnType, Value } from '../../../flows/ovsdb/column.ts';
import type { JsonValue } from '../../../flows/ovsdb/json.ts';

const uuid = (digit: string): string => `${digit.repeat(8)}-0000-4000-8000-000000000000`;

describe('values from the wire', () => {
  test.each<[ColumnType, JsonValue, Value]>([
    [scalar('string'), 'a', 'a'],
    [scalar('integer'), 9223372036854775807n, 9223372036854775807n],
    [scalar('boolean'), true, true],
    [scalar('uuid'), ['uuid', uuid('a')], uuid('a')],
    [optional('string'), ['set', []], undefined],
    [optional('string'), 'a', 'a'],
    [optional('string'), ['set', ['a']], 'a'],
    [set('integer'), ['set', [3, 1]], [1, 3]],
    [set('integer'), 3, [3]],
    [
      set('uuid'),
      [
        'set',
        [
          ['uuid', uuid('b')],
          ['uuid', uuid('a')],
        ],
      ],
      [uuid('a'), uuid('b')],
    ],
    [
      map('string', 'integer'),
      [
        'map',
        [
          ['b', 1],
          ['a', 2],
        ],
      ],
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    ],
  ])('%o %o', (type, json, value) => {
    expect(decodeValue(type, json)).toEqual(value);
    expect(sameValue(decodeValue(type, encodeValue(type, value)), value)).toBe(true);
  });

  test.each<[ColumnType, JsonValue]>([
    [scalar('string'), 1],
    [scalar('string'), ['set', []]],
    [scalar('string'), null],
    [scalar('integer'), 1.5],
    [scalar('integer'), '1'],
    [scalar('uuid'), uuid('a')],
    [scalar('uuid'), ['uuid', 'x']],
    [scalar('uuid'), ['uuid', uuid('a'), uuid('a')]],
    [scalar('uuid'), ['named-uuid', 'x']],
    [optional('string'), ['set', ['a', 'b']]],
    [set('integer'), ['set', [1, 1]]],
    [set('integer'), ['set', 1]],
    [set('integer'), ['set', [1], [2]]],
    [set('integer'), ['map', []]],
    [map('string', 'string'), ['set', []]],
    [map('string', 'string'), ['map', [['a']]]],
    [
      map('string', 'string'),
      [
        'map',
        [
          ['a', 'b'],
          ['a', 'c'],
        ],
      ],
    ],
    [map('string', 'string'), { a: 'b' }],
  ])('%o is not %o', (type, json) => {
    expect(() => decodeValue(type, json)).toThrow(expect.objectContaining({ code: 'ovsdb-malformed' }));
  });
});

describe('differences', () => {
  const ordered = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);
  const atoms = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 8 });
  const pairs = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('x', 'y')), { selector: ([key]) => key });

  test('of two sets are the members of only one', () => {
    fc.assert(
      fc.property(atoms, atoms, (before, after) => {
        const difference = [...before.filter((atom) => !after.includes(atom)), ...after.filter((atom) => !before.includes(atom))];
        const value = applyDifference(set('integer'), ordered(before), ['set', difference]);
        expect(value).toEqual(ordered(after));
      }),
    );
  });

  test('of two maps are the keys of only one and the new values of changed keys', () => {
    fc.assert(
      fc.property(pairs, pairs, (before, after) => {
        const [old, wanted] = [new Map<Atom, Atom>(before), new Map<Atom, Atom>(after)];
        const removed = before.filter(([key]) => !wanted.has(key));
        const changed = after.filter(([key, value]) => old.get(key) !== value);
        const value = applyDifference(map('string', 'string'), old, ['map', [...removed, ...changed]]);
        expect(sameValue(value, wanted)).toBe(true);
      }),
    );
  });

  test('of at most one value are the new value', () => {
    expect(applyDifference(scalar('string'), 'a', 'b')).toBe('b');
    expect(applyDifference(optional('string'), 'a', ['set', []])).toBeUndefined();
    expect(applyDifference(optional('integer'), undefined, 4)).toBe(4);
  });
});

test('an update that leaves a column out means its default', () => {
  expect([scalar('string'), scalar('integer'), scalar('boolean'), optional('string'), set('uuid')].map(defaultValue)).toEqual([
    '',
    0,
    false,
    undefined,
    [],
  ]);
  expect(defaultValue(map('string', 'string'))).toEqual(new Map());
});
