import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskedRanges } from '../../../flows/render/port-range.ts';

/** The fewest aligned blocks: a node of the tree of all ports is one block when it lies inside, else what its halves take. */
function fewest(first: number, last: number, low = 0, high = 0xffff): number {
  if (high < first || low > last) return 0;
  if (first <= low && high <= last) return 1;
  const middle = low + Math.floor((high - low) / 2);
  return fewest(first, last, low, middle) + fewest(first, last, middle + 1, high);
}

const range = fc
  .tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff }))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

test('covers every port of a range once, and no other', () => {
  const covers = (first: number, last: number): void => {
    const blocks = maskedRanges(first, last);
    const spans = blocks.map(({ value, mask }) => [value, value + (0xffff - mask)] as const).toSorted(([a], [b]) => a - b);
    expect(spans[0]?.[0]).toBe(first);
    expect(spans.at(-1)?.[1]).toBe(last);
    for (const [index, [start]] of spans.entries()) expect(start).toBe((spans[index - 1]?.[1] ?? first - 1) + 1);
    for (const { value, mask } of blocks) expect(value & mask).toBe(value);
  };
  fc.assert(fc.property(range, ([first, last]) => covers(first, last)));
  for (const [first, last] of [
    [0, 0],
    [0, 0xffff],
    [0xffff, 0xffff],
    [1, 0xfffe],
    [0, 1],
    [0x7fff, 0x8000],
  ] as const)
    covers(first, last);
});

test('with the fewest blocks', () => {
  fc.assert(fc.property(range, ([first, last]) => maskedRanges(first, last).length === fewest(first, last)));
  expect(maskedRanges(1, 0xfffe)).toHaveLength(30);
});
