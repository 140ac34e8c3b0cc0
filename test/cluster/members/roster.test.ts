import { expect, test } from 'vitest';
import { Roster } from '../../../cluster/members/roster.ts';
import { WeirError } from '../../../src/base/errors.ts';
import { MemoryStore } from '../../support/memory-store.ts';

test('members that cannot be read for a while are told of once, and followed when they can', async () => {
  const store = new MemoryStore();
  let refused = 0;
  const range = store.range.bind(store);
  store.range = async (request) => {
    if (refused++ < 60) throw new WeirError('store-failed', 'the disk fails');
    return range(request);
  };
  const told: string[] = [];
  let changes = 0;
  const roster = new Roster(1);
  await roster.follow(
    store,
    () => changes++,
    ({ code, message }) => told.push(`${code}: ${message}`),
  );
  roster.close();
  expect([told, changes]).toEqual([['store-failed: who is a member cannot be read: the disk fails'], 1]);
});
