import { describe, expect, test } from 'vitest';
import { matches } from '../../policies/selectors/match.ts';
import { parseLabelSelector } from '../../src/admission/index.ts';

const labels = { app: 'web', 'example.com/tier': 'front', empty: '' };

describe('a label selector of a query', () => {
  test.each([
    ['', true],
    ['app', true],
    ['!app', false],
    ['app=web', true],
    ['app==web,example.com/tier=front', true],
    ['app=db', false],
    ['app!=db', true],
    ['absent!=x', true],
    ['app in (db, web)', true],
    ['app notin (db,web)', false],
    ['absent notin (x)', true],
    ['empty=', true],
    ['constructor', false],
    ['app in (db,web),!absent', true],
  ])('%s', (text, holds) => {
    expect(matches(parseLabelSelector(text), labels)).toBe(holds);
  });

  test.each([
    'app in',
    'app in (a',
    'a,,b',
    'app=in valid',
    '(a)',
    'app in ((a))',
    'a b',
    '=x',
    'app=-x',
    `a=${'x'.repeat(64)}`,
    'x'.repeat(5000),
    '$=1',
  ])('refuses %s', (text) => {
    expect(() => parseLabelSelector(text)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
