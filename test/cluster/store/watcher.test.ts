import { expect, it } from 'vitest';
import type { Commit } from '../../../cluster/store/port.ts';
import { WatchHub } from '../../../cluster/store/watcher.ts';

/** A hub on a history of empty commits, and one watch with what it was told. */
function watched() {
  const history: Commit[] = [];
  const told: number[] = [];
  const hub = new WatchHub({ revision: () => history.length, after: async (position) => history.slice(position, position + 2) });
  hub.watch(0, (commits) => told.push(...commits.map(({ revision }) => revision)), undefined);
  const commit = (): Commit => {
    const next = { revision: history.length + 1, wallMs: 0, changes: [] };
    history.push(next);
    return next;
  };
  const deliver = (): void => {
    const next = commit();
    hub.deliver(() => [next]);
  };
  return { hub, told, commit, deliver };
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
