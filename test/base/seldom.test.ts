import { expect, test } from 'vitest';
import { Seldom } from '../../src/base/seldom.ts';

test('the same is told once in an interval, with how often it was; something else at once', () => {
  let nowMs = 0;
  const seldom = new Seldom(1000, { nowMs: () => nowMs });
  expect(seldom.times('a')).toBe(1);
  for (nowMs = 100; nowMs < 1000; nowMs += 100) expect(seldom.times('a')).toBeUndefined();
  expect(seldom.times('b')).toBe(1);
  nowMs = 1000;
  expect(seldom.times('a')).toBe(10);
  nowMs = 2500;
  expect(seldom.times('a')).toBe(1);
});

test('what it remembers is bounded: the oldest is forgotten first', () => {
  const seldom = new Seldom(1000, { nowMs: () => 0 });
  for (let topic = 0; topic < 257; topic++) seldom.times(`${topic}`);
  expect(seldom.times('256')).toBeUndefined();
  expect(seldom.times('0')).toBe(1);
});
