import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** Milliseconds after which others get their turn. */
const sliceMs = 5;

/** One slice in each turn of the event loop, however much work there is in slices. */
let lastTurn = Promise.resolve();
const turn = (): Promise<void> => (lastTurn = lastTurn.then(() => nextTurn()));

/** Runs work to its end, a slice at a time, with everything else that waits in between. */
export async function inSlices<T>(work: Generator<undefined, T>, clock: Pick<Clock, 'nowMs'>): Promise<T> {
  let startedMs = clock.nowMs();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (clock.nowMs() - startedMs < sliceMs) continue;
    await turn();
    startedMs = clock.nowMs();
  }
}
