import { expect, test } from 'vitest';
import { nextEpoch } from '../../src/controller/epoch.ts';
import { MemoryStore } from '../support/memory-store.ts';

const at = (wallMs: number) => ({ wallMs: () => wallMs, nowMs: () => 0 });

test('each start has a higher epoch than every one before, also when the clock goes back', async () => {
  const store = new MemoryStore();
  const epochs = [
    await nextEpoch(store, at(1_800_000_000_000)),
    await nextEpoch(store, at(1_800_000_000_500)),
    await nextEpoch(store, at(1_700_000_000_000)),
    await nextEpoch(store, at(1_800_000_100_000)),
  ];
  expect(epochs).toEqual([1_800_000_000, 1_800_000_001, 1_800_000_002, 1_800_000_100]);
});

test('a store that was lost begins above what the lost one had', async () => {
  const lost = new MemoryStore();
  let last = 0;
  for (let start = 0; start < 50; start++) last = await nextEpoch(lost, at(1_800_000_000_000 + start * 60_000));
  expect(await nextEpoch(new MemoryStore(), at(1_800_000_000_000 + 50 * 60_000))).toBeGreaterThan(last);
});

test('of two that start at once, each gets its own', async () => {
  const store = new MemoryStore();
  const epochs = await Promise.all(Array.from({ length: 5 }, () => nextEpoch(store, at(1_800_000_000_000))));
  expect(new Set(epochs).size).toBe(5);
});
