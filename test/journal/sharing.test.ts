import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RecordSharing } from '../../src/journal/sharing.ts';
import { recordWith } from './records.ts';

/** A member that shares with others, by a clock that goes on when the test says so. */
function sharing(others: string[]) {
  const told: { readonly to: string; readonly ids: readonly unknown[] }[] = [];
  const away = new Set<string>();
  let scheduled: (() => void)[] = [];
  const shared = new RecordSharing({
    others: () => others,
    tell: async (to, records) => {
      if (away.has(to)) throw new Error(`${to} is away`);
      told.push({ to, ids: records.map(({ id }) => id) });
    },
    schedule: (_delayMs, callback) => {
      scheduled.push(callback);
      return () => (scheduled = scheduled.filter((each) => each !== callback));
    },
  });
  const pass = async (): Promise<void> => {
    for (const callback of scheduled.splice(0)) callback();
    await nextTurn();
  };
  return { shared, told, away, pass, waiting: () => scheduled.length };
}

test('what comes within a moment goes to each of the others at once', async () => {
  const { shared, told, pass } = sharing(['b', 'c']);
  for (const id of [1, 2, 3]) shared.offer(recordWith({ id }));
  expect(told).toEqual([]);
  await pass();
  expect(told).toEqual([
    { to: 'b', ids: [1, 2, 3] },
    { to: 'c', ids: [1, 2, 3] },
  ]);
});

test('one that is away is told when it is back, in order; of much that it missed, the last', async () => {
  const { shared, told, away, pass } = sharing(['b', 'c']);
  away.add('b');
  for (let id = 1; id <= 2_400; id++) {
    shared.offer(recordWith({ id }));
    if (id % 600 === 0) await pass();
  }
  await pass();
  expect(told.filter(({ to }) => to === 'c').flatMap(({ ids }) => ids)).toHaveLength(2_400);
  away.delete('b');
  await pass();
  await pass();
  const arrived = told.filter(({ to }) => to === 'b');
  expect(arrived.flatMap(({ ids }) => ids)).toEqual(Array.from({ length: 2_000 }, (_, index) => 401 + index));
  expect(Math.max(...arrived.map(({ ids }) => ids.length))).toBe(500);
});

test('who is no member is told nothing, and nothing is told after the end', async () => {
  const others = ['b'];
  const { shared, told, away, pass, waiting } = sharing(others);
  away.add('b');
  shared.offer(recordWith({ id: 1 }));
  await pass();
  others[0] = 'c';
  shared.offer(recordWith({ id: 2 }));
  away.delete('b');
  await pass();
  expect(told).toEqual([{ to: 'c', ids: [2] }]);
  shared.offer(recordWith({ id: 3 }));
  shared.close();
  expect(waiting()).toBe(0);
  await pass();
  expect(told).toHaveLength(1);
});
