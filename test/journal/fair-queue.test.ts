import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairQueue } from '../../src/journal/fair-queue.ts';

const offers = fc.array(fc.record({ owner: fc.constantFrom('a', 'b', 'c'), takes: fc.nat(2) }), { maxLength: 60 });

test('each owner’s items come in their order, and none is lost but those that were refused', () => {
  fc.assert(
    fc.property(offers, (steps) => {
      const queue = new FairQueue<{ owner: string; serial: number }>({ eachMax: 5 });
      const accepted: { owner: string; serial: number }[] = [];
      const taken: { owner: string; serial: number }[] = [];
      for (const [serial, { owner, takes }] of steps.entries()) {
        if (queue.offer(owner, { owner, serial })) accepted.push({ owner, serial });
        for (let count = 0; count < takes; count++) taken.push(...[queue.take()].filter((item) => item !== undefined));
      }
      for (let item = queue.take(); item; item = queue.take()) taken.push(item);
      expect(queue.isEmpty).toBe(true);
      for (const owner of ['a', 'b', 'c'])
        expect(taken.filter((item) => item.owner === owner)).toEqual(accepted.filter((item) => item.owner === owner));
    }),
  );
});

test('whoever waits gets its turn after one of each other, however many those bring', () => {
  const queue = new FairQueue<string>({ eachMax: 1000 });
  for (let count = 0; count < 1000; count++) for (const owner of ['a', 'b']) queue.offer(owner, owner);
  queue.offer('c', 'c');
  const first = Array.from({ length: 3 }, () => queue.take());
  expect(new Set(first)).toEqual(new Set(['a', 'b', 'c']));
});

test('an owner has no more waiting than it may', () => {
  const queue = new FairQueue<number>({ eachMax: 2 });
  expect([1, 2, 3].map((item) => queue.offer('a', item))).toEqual([true, true, false]);
  expect(queue.offer('b', 4)).toBe(true);
  queue.take();
  expect(queue.offer('a', 5)).toBe(true);
});
