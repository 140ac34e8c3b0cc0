/** Calls back once, after so many milliseconds; what it returns calls it off. */
export type Schedule = (delayMs: number, callback: () => void) => () => void;

export const systemSchedule: Schedule = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
};
