import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Commit } from '../../../cluster/store/port.ts';
import { WatchHub } from '../../../cluster/store/watcher.ts';
import { WeirError } from '../../../src/base/errors.ts';

/** A hub on a history of empty commits, and one watch with what it was told. */
function watched() {
  const history: Commit[] = [];
  const told: number[] = [];
  const disk = { failure: undefined as WeirError | undefined, isDown: false };
  const hub = new WatchHub({
    revision: () => history.length,
    after: async (position) => {
      if (disk.failure !== undefined) throw disk.failure;
      return history.slice(position, position + 2);
    },
    isDown: () => disk.isDown,
  });
  const ends: string[] = [];
  hub.watch(
    0,
    (commits) => told.push(...commits.map(({ revision }) => revision)),
    ({ code }) => ends.push(code),
  );
  const commit = (): Commit => {
    const next = { revision: history.length + 1, wallMs: 0, changes: [] };
    history.push(next);
    return next;
  };
  const deliver = (): void => {
    const next = commit();
    hub.deliver(() => [next]);
  };
  return { hub, told, ends, disk, commit, deliver };
}

it('tells on after a resync that brings nothing new', () => {
  const { hub, told, deliver } = watched();
  deliver();
  hub.resync();
  deliver();
  expect(told).toEqual([1, 2]);
});

it('reads what went by without being delivered', async () => {
  const { hub, told, commit, deliver } = watched();
  deliver();
  for (let missed = 0; missed < 3; missed++) commit();
  hub.resync();
  await expect.poll(() => told).toEqual([1, 2, 3, 4]);
  deliver();
  expect(told).toEqual([1, 2, 3, 4, 5]);
});

it('leaves nothing out when commits are applied that cannot be delivered', async () => {
  const { hub, told, commit, deliver } = watched();
  deliver();
  for (let missed = 0; missed < 3; missed++) commit();
  deliver();
  await expect.poll(() => told).toEqual([1, 2, 3, 4, 5]);
  commit();
  hub.deliver(() => []);
  await expect.poll(() => told).toEqual([1, 2, 3, 4, 5, 6]);
  deliver();
  expect(told).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

it('goes on behind an index that was down while it read', async () => {
  const { hub, told, ends, disk, commit, deliver } = watched();
  deliver();
  commit();
  disk.failure = new WeirError('store-full', 'no space');
  disk.isDown = true;
  hub.resync();
  await nextTurn();
  expect(hub.oldestPosition).toBe(1);
  disk.failure = undefined;
  disk.isDown = false;
  hub.resync();
  await expect.poll(() => told).toEqual([1, 2]);
  deliver();
  expect(told).toEqual([1, 2, 3]);
  expect(ends).toEqual([]);
});

it('ends what cannot be read, and tells why', async () => {
  const { hub, told, ends, disk, commit } = watched();
  commit();
  disk.failure = new WeirError('store-corrupt', 'damaged');
  hub.resync();
  await expect.poll(() => ends).toEqual(['store-corrupt']);
  disk.failure = undefined;
  hub.resync();
  await nextTurn();
  expect(told).toEqual([]);
});
