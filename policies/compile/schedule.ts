import type { Schedule } from '../model/kinds.ts';
import { days, minuteOfDay } from '../model/schedule.ts';

/** Minutes since the Unix epoch, by the wall clock: all that a compilation knows of the time. */
export type Minute = number;

const dayMinutes = 24 * 60;

/** Whether a schedule is open in this minute. Over midnight the day counts on which it opened. */
export function isOpen(schedule: Schedule, minute: Minute): boolean {
  const { day, time } = localTime(schedule.timezone, minute);
  const [from, to] = [minuteOfDay(schedule.from) ?? 0, minuteOfDay(schedule.to) ?? 0];
  const opensOn = (index: number): boolean => schedule.days.some((name) => name === days[(index + days.length) % days.length]);
  if (from < to) return opensOn(day) && from <= time && time < to;
  return (time >= from && opensOn(day)) || (time < to && opensOn(day - 1));
}

/**
 * The first minute after this one from which on a schedule may be open or closed otherwise than now: it comes to an hour that it names, or
 * its zone's clock is put forward or back.
 */
export function changesAfter(schedule: Schedule, minute: Minute): Minute {
  const { time } = localTime(schedule.timezone, minute);
  const until = (hour: string): number => (((minuteOfDay(hour) ?? 0) - time - 1 + dayMinutes) % dayMinutes) + 1;
  const next = minute + Math.min(until(schedule.from), until(schedule.to));
  return putForwardOrBack(schedule.timezone, minute, next) ?? next;
}

/** The first minute of the new offset, if a zone's clock changes between the two. */
function putForwardOrBack(timezone: string, after: Minute, last: Minute): Minute | undefined {
  const offset = (minute: Minute): number => (((localTime(timezone, minute).time - minute) % dayMinutes) + dayMinutes) % dayMinutes;
  const before = offset(after);
  if (offset(last) === before) return undefined;
  let [old, changed] = [after, last];
  while (changed - old > 1) {
    const middle = Math.floor((old + changed) / 2);
    if (offset(middle) === before) old = middle;
    else changed = middle;
  }
  return changed;
}

/** 0 is Monday. */
function localTime(timezone: string, minute: Minute): { readonly day: number; readonly time: number } {
  if (timezone === 'UTC') return { day: (Math.floor(minute / dayMinutes) + epochDay) % days.length, time: minute % dayMinutes };
  const parts = new Map(
    clockOf(timezone)
      .formatToParts(minute * 60_000)
      .map(({ type, value }) => [type, value]),
  );
  const day = days.findIndex((name) => name === parts.get('weekday')?.toLowerCase());
  return { day, time: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) };
}

/** The Unix epoch was a Thursday. */
const epochDay = 3;

/** Making one takes long; there are as many as zones. */
const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(timezone: string): Intl.DateTimeFormat {
  const known = clocks.get(timezone);
  if (known !== undefined) return known;
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  clocks.set(timezone, clock);
  return clock;
}
