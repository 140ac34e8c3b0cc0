import type { Store } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';

const key = 'sys/epoch';

/**
 * Raises the stored epoch and answers it. Each start of a member is an epoch of its own: what an earlier one still sends is
 * refused by the switches, which keep the highest epoch that they were told. It is not less than the seconds since 1970, so that
 * a controller whose store was lost is not taken for an old one by the switches that it had.
 */
export async function nextEpoch(store: Store, clock: Clock): Promise<number> {
  for (;;) {
    const before = await store.get(key);
    const epoch = Math.max((before === undefined ? 0 : Number(before.value)) + 1, Math.floor(clock.wallMs() / 1000));
    const outcome = await store.transact({
      compares: [{ key, modRevision: before?.modRevision ?? 0 }],
      operations: [{ kind: 'put', key, value: String(epoch) }],
    });
    if (outcome.committed) return epoch;
  }
}
