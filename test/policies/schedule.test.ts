import { expect, test } from 'vitest';
import { changesAfter, isOpen } from '../../policies/compile/schedule.ts';
import type { Schedule } from '../../policies/model/kinds.ts';
import { Random } from '../../bench/workloads/random.ts';

const week = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const schedule = (from: string, to: string, more: Partial<Schedule> = {}): Schedule => ({ from, to, timezone: 'UTC', days: week, ...more });
const at = (text: string): number => Date.parse(text) / 60_000;

test.each([
  [schedule('02:00', '06:00'), '2026-03-02T01:59Z', false],
  [schedule('02:00', '06:00'), '2026-03-02T02:00Z', true],
  [schedule('02:00', '06:00'), '2026-03-02T05:59Z', true],
  [schedule('02:00', '06:00'), '2026-03-02T06:00Z', false],
  [schedule('22:00', '06:00'), '2026-03-02T23:00Z', true],
  [schedule('22:00', '06:00'), '2026-03-02T05:00Z', true],
  [schedule('22:00', '06:00'), '2026-03-02T12:00Z', false],
  // Monday; the night that opened on Sunday does not count.
  [schedule('22:00', '06:00', { days: ['mon'] }), '2026-03-02T05:00Z', false],
  [schedule('22:00', '06:00', { days: ['mon'] }), '2026-03-02T22:00Z', true],
  [schedule('22:00', '06:00', { days: ['mon'] }), '2026-03-03T05:59Z', true],
  [schedule('22:00', '06:00', { days: ['mon'] }), '2026-03-03T22:00Z', false],
  [schedule('02:00', '06:00', { timezone: 'Europe/Berlin' }), '2026-01-15T01:00Z', true],
  [schedule('02:00', '06:00', { timezone: 'Europe/Berlin' }), '2026-07-15T01:00Z', true],
  [schedule('02:00', '06:00', { timezone: 'Europe/Berlin' }), '2026-07-15T00:00Z', true],
  [schedule('02:00', '06:00', { timezone: 'Europe/Berlin' }), '2026-01-15T00:00Z', false],
  [schedule('00:00', '12:00', { timezone: 'Asia/Kolkata', days: ['sun'] }), '2026-02-28T18:30Z', true],
])('%j at %s: %s', (given, minute, open) => {
  expect(isOpen(given, at(minute))).toBe(open);
});

test.each(Array.from({ length: 30 }, (_, index) => 9000 + index))('nothing changes before it is said to, seed %i', (seed) => {
  const random = new Random(seed);
  const time = (): string => `${String(random.integer(0, 23)).padStart(2, '0')}:${String(random.integer(0, 59)).padStart(2, '0')}`;
  const timezone = random.pick(['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu']);
  const given = schedule(time(), time(), { timezone, days: week.filter(() => random.chance(0.6)) });
  // Around the days on which clocks are put forward or back, and elsewhere.
  let minute =
    at(random.pick(['2026-03-28T12:00Z', '2026-10-24T12:00Z', '2026-11-01T00:00Z', '2026-04-04T06:00Z', '2026-06-01T00:00Z'])) +
    random.integer(0, 600);
  for (let step = 0; step < 6; step++) {
    const next = changesAfter(given, minute);
    expect(next).toBeGreaterThan(minute);
    const early = Array.from({ length: next - minute }, (_, index) => minute + index).filter(
      (each) => isOpen(given, each) !== isOpen(given, minute),
    );
    expect(early).toEqual([]);
    minute = next;
  }
});
