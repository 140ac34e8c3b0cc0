import type { Store } from '../../cluster/index.ts';

const key = 'sys/epoch';

/**
 * Raises the stored epoch by one and answers it. Each start of a member is an epoch of its own: what an earlier one still sends is
 * refused by the switches, which keep the highest epoch that they were told.
 */
export async function nextEpoch(store: Store): Promise<number> {
  for (;;) {
    const before = await store.get(key);
    const epoch = (before === undefined ? 0 : Number(before.value)) + 1;
    const outcome = await store.transact({
      compares: [{ key, modRevision: before?.modRevision ?? 0 }],
      operations: [{ kind: 'put', key, value: String(epoch) }],
    });
    if (outcome.committed) return epoch;
  }
}
