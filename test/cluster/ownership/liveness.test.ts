import { expect, test } from 'vitest';
import { Liveness } from '../../../cluster/ownership/liveness.ts';

const limits = { beatMs: 200, silenceMsMax: 1_000, steadyMs: 2_000 };

/** Goes through time in beats; `heard` says who is heard at each. */
function passing(liveness: Liveness, fromMs: number, toMs: number, heard: readonly string[]): void {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += limits.beatMs) {
    liveness.tick(nowMs);
    for (const member of heard) liveness.heard(member, nowMs);
  }
}

test('one that counts is there until it has been silent for a second', () => {
  const liveness = new Liveness(0, limits);
  passing(liveness, 0, 5_000, ['b']);
  passing(liveness, 5_200, 6_000, []);
  expect(liveness.isPresent('b', true, 6_000)).toBe(true);
  passing(liveness, 6_200, 6_200, []);
  expect(liveness.isPresent('b', true, 6_200)).toBe(false);
});

test('one that was gone is back when it has been heard for two seconds without a silence', () => {
  const liveness = new Liveness(0, limits);
  passing(liveness, 0, 1_000, ['b']);
  passing(liveness, 1_200, 4_000, []);
  passing(liveness, 4_200, 6_000, ['b']);
  expect(liveness.isPresent('b', false, 6_000)).toBe(false);
  passing(liveness, 6_200, 6_200, ['b']);
  expect(liveness.isPresent('b', false, 6_200)).toBe(true);
});

test('one that comes and goes is not back', () => {
  const liveness = new Liveness(0, limits);
  for (let round = 0; round < 10; round++) {
    const startMs = round * 4_000;
    passing(liveness, startMs, startMs + 1_600, ['b']);
    expect(liveness.isPresent('b', false, startMs + 1_600)).toBe(false);
    passing(liveness, startMs + 1_800, startMs + 3_800, []);
  }
});

test('one that counts and was not heard yet has a second to be', () => {
  const liveness = new Liveness(100, limits);
  expect([1_100, 1_101].map((nowMs) => liveness.isPresent('b', true, nowMs))).toEqual([true, false]);
  expect(liveness.isPresent('b', false, 200)).toBe(false);
});

test('while this process stood still nobody was silent', () => {
  const liveness = new Liveness(0, limits);
  passing(liveness, 0, 3_000, ['b']);
  liveness.tick(13_000);
  expect(liveness.isPresent('b', true, 13_000)).toBe(true);
  passing(liveness, 13_200, 14_400, []);
  expect(liveness.isPresent('b', true, 14_400)).toBe(false);
});
