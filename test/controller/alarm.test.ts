import { expect, test } from 'vitest';
import { Alarm } from '../../src/controller/alarm.ts';

/** Timers that run when the test says so, and a wall clock that can be set apart from them. */
function bench(wallMs: number) {
  const waiting: { readonly delayMs: number; readonly callback: () => void }[] = [];
  const clock = { wallMs, nowMs: 0 };
  const schedule = (delayMs: number, callback: () => void): (() => void) => {
    const entry = { delayMs, callback };
    waiting.push(entry);
    return () => void (waiting.includes(entry) && waiting.splice(waiting.indexOf(entry), 1));
  };
  let rung = 0;
  const alarm = new Alarm({ wallMs: () => clock.wallMs, nowMs: () => clock.nowMs }, schedule, () => void rung++);
  return { alarm, clock, waiting, rung: () => rung };
}

test('rings at the minute, or a minute later at most to look at the clock again', () => {
  const { alarm, waiting, rung } = bench(59_500);
  alarm.set(1);
  expect(waiting.map(({ delayMs }) => delayMs)).toEqual([500]);
  alarm.set(60);
  expect(waiting.map(({ delayMs }) => delayMs)).toEqual([60_000]);
  waiting[0]?.callback();
  expect(rung()).toBe(1);
});

test('a minute that is over rings at once; none never', () => {
  const { alarm, waiting } = bench(600_000);
  alarm.set(3);
  expect(waiting.map(({ delayMs }) => delayMs)).toEqual([1]);
  alarm.set(undefined);
  expect(waiting).toEqual([]);
});
