import type { World } from './world.ts';

/** One line of the demo: what was tried, what must be seen, what was seen. */
export interface Row {
  readonly what: string;
  readonly expected: string;
  readonly seen: string;
  readonly ok: boolean;
  /** Whether it is also a matter of how fast this machine is, and how busy. */
  readonly isPace?: true;
  /** What was seen, at length: lines to print below it. */
  readonly details?: readonly string[];
}

/** Says what is going on while an act takes its time. */
export type Note = (text: string) => void;

/** A part of the demo with a subject of its own. It leaves the world as it found it, so that acts can be played alone. */
export interface Act<W extends World = World> {
  readonly title: string;
  readonly play: (world: W, note: Note) => Promise<readonly Row[]>;
}

/** A row whose two texts must be the same. */
export function same(what: string, expected: string, seen: string): Row {
  return { what, expected, seen, ok: expected === seen };
}

/** A row for something that happened, but must not have taken longer than `limitMs`. */
export function within(what: string, limitMs: number, elapsedMs: number, seen: string): Row {
  return { what, expected: `within ${spell(limitMs)}`, seen: `${seen} ${spell(elapsedMs)}`, ok: elapsedMs <= limitMs, isPace: true };
}

export const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const patienceMs = 20_000;

/** What comes a little later, or undefined when it does not come at all. */
export async function awaited<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T | undefined> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined || performance.now() > deadline) return seen;
    await delay(20);
  }
}

/** Milliseconds as people read them: 3.4 ms, 120 ms, 1.25 s, 2 s. */
export function spell(ms: number): string {
  if (ms >= 1000) return ms % 1000 === 0 ? `${ms / 1000} s` : `${(ms / 1000).toFixed(2)} s`;
  return ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;
}
