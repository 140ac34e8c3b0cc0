import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';

/** Milliseconds after which others get their turn. */
const sliceMs = 5;

/** Runs work to its end, a slice at a time, with everything else that waits in between. */
export async function inSlices<T>(work: Generator<undefined, T>, clock: Pick<Clock, 'nowMs'>): Promise<T> {
  let startedMs = clock.nowMs();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (clock.nowMs() - startedMs < sliceMs) continue;
    await nextTurn();
    startedMs = clock.nowMs();
  }
}
