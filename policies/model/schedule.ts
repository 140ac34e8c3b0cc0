import type { Schedule } from './kinds.ts';

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof days)[number];

/** What is wrong with the hours of a schedule; the schema has seen to the days. */
export function checkWindow(
  schedule: Pick<Schedule, 'from' | 'to' | 'timezone'>,
): readonly { readonly field: 'from' | 'to' | 'timezone'; readonly detail: string }[] {
  const found: { readonly field: 'from' | 'to' | 'timezone'; readonly detail: string }[] = [];
  for (const field of ['from', 'to'] as const)
    if (minuteOfDay(schedule[field]) === undefined) found.push({ field, detail: 'must be a time from 00:00 to 23:59' });
  if (found.length === 0 && schedule.from === schedule.to) found.push({ field: 'to', detail: 'must be another time than from' });
  if (!isTimezone(schedule.timezone))
    found.push({ field: 'timezone', detail: 'must be a time zone of the IANA database, such as Europe/Berlin' });
  return found;
}

/** `02:30` → 150. */
export function minuteOfDay(text: string): number | undefined {
  const parts = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return parts === null ? undefined : Number(parts[1]) * 60 + Number(parts[2]);
}

/** Offsets such as `+01:00` are no zones: they know no summer time. */
function isTimezone(text: string): boolean {
  if (!/^[A-Za-z]/.test(text)) return false;
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
