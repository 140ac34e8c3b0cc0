import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** Milliseconds after which others get their turn. */
const sliceMs = 5;

/** One slice in each turn of the event loop, however much work there is in slices. */
let lastTurn = Promise.resolve();
const turn = (): Promise<void> => (lastTurn = lastTurn.then(() => nextTurn()));

/** Works for one slice. Undefined: there is more to do. */
export function oneSlice<T>(work: Generator<undefined, T>, clock: Pick<Clock, 'nowMs'>): { readonly value: T } | undefined {
  const startedMs = clock.nowMs();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return { value };
    if (clock.nowMs() - startedMs >= sliceMs) return undefined;
  }
}

/** Runs what is left of work to its end, a slice in each turn to come. */
export async function furtherSlices<T>(work: Generator<undefined, T>, clock: Pick<Clock, 'nowMs'>): Promise<T> {
  for (;;) {
    await turn();
    const end = oneSlice(work, clock);
    if (end) return end.value;
  }
}

/** Runs work to its end, a slice at a time, with everything else that waits in between. */
export async function inSlices<T>(work: Generator<undefined, T>, clock: Pick<Clock, 'nowMs'>): Promise<T> {
  const end = oneSlice(work, clock);
  return end ? end.value : furtherSlices(work, clock);
}
