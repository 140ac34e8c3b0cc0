import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maskedRange } from '../../src/base/masked-range.ts';
import type { Masked } from '../../src/base/masked-range.ts';

const holds = (number: number, { value, mask }: Masked): boolean => (number & mask) === value;

/** The numbers that some masked value holds, as bits. */
const covered = (masks: readonly Masked[], bits: number): bigint => {
  let all = 0n;
  for (let number = 0; number < 2 ** bits; number++) if (masks.some((each) => holds(number, each))) all |= 1n << BigInt(number);
  return all;
};

const interval = (first: number, last: number): bigint => (1n << BigInt(last + 1)) - (1n << BigInt(first));

/** Every masked value inside the interval, as the numbers that it holds; none that is inside another. */
function candidates(first: number, last: number, bits: number): readonly bigint[] {
  const wanted = interval(first, last);
  const found = new Set<bigint>();
  for (let mask = 0; mask < 2 ** bits; mask++) {
    for (let value = 0; value < 2 ** bits; value++) {
      if ((value & mask) !== value) continue;
      const held = covered([{ value, mask }], bits);
      if ((held & ~wanted) === 0n) found.add(held);
    }
  }
  return [...found].filter((held) => ![...found].some((other) => other !== held && (held & ~other) === 0n));
}

/** Whether so many candidates cover all of it: tries each that covers the lowest number that is left. */
function suffices(left: bigint, count: number, all: readonly bigint[]): boolean {
  if (left === 0n) return true;
  if (count === 0) return false;
  const lowest = left & -left;
  return all.some((held) => (held & lowest) !== 0n && suffices(left & ~held, count - 1, all));
}

function fewest(first: number, last: number, bits: number): number {
  const all = candidates(first, last, bits);
  let count = 1;
  while (!suffices(interval(first, last), count, all)) count++;
  return count;
}

describe('a range', () => {
  test.each([1, 2, 3, 4, 5])('of %i bits is covered by as few masked values as any search finds, and by no fewer', (bits) => {
    for (let first = 0; first < 2 ** bits; first++) {
      for (let last = first; last < 2 ** bits; last++) {
        const masks = maskedRange(first, last, bits);
        expect(covered(masks, bits), `${first} to ${last}`).toBe(interval(first, last));
        expect(masks.length, `${first} to ${last}`).toBe(fewest(first, last, bits));
      }
    }
  });

  const range = fc
    .tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const edges = [
    [0, 0],
    [0, 0xffff],
    [0xffff, 0xffff],
    [1, 0xfffe],
    [0, 1],
    [0, 1023],
    [0, 40_000],
    [1024, 0xffff],
    [49_151, 0xffff],
    [0x7fff, 0x8000],
  ] as const;

  test('of ports is covered, and nothing else', () => {
    const covers = ([first, last]: readonly [number, number]): void => {
      const masks = maskedRange(first, last);
      for (const { value, mask } of masks) expect(value & mask).toBe(value);
      const wrong: number[] = [];
      for (let port = 0; port <= 0xffff; port++)
        if (masks.some((each) => holds(port, each)) !== (first <= port && port <= last)) wrong.push(port);
      expect(wrong, `${first} to ${last}`).toEqual([]);
    };
    fc.assert(
      fc.property(range, (each) => covers(each)),
      { numRuns: 60 },
    );
    for (const each of edges) covers(each);
  });

  test('of ports takes no more than aligned blocks do, which is 30 at worst', () => {
    const aligned = (first: number, last: number, low = 0, size = 0x10000): number => {
      if (low + size - 1 < first || low > last) return 0;
      if (first <= low && low + size - 1 <= last) return 1;
      return aligned(first, last, low, size / 2) + aligned(first, last, low + size / 2, size / 2);
    };
    fc.assert(fc.property(range, ([first, last]) => maskedRange(first, last).length <= aligned(first, last)));
    expect(maskedRange(1, 0xfffe)).toHaveLength(16);
    expect(maskedRange(0, 0xffff)).toEqual([{ value: 0, mask: 0 }]);
    expect(maskedRange(1024, 0xffff)).toHaveLength(6);
    expect(maskedRange(0, 1023)).toHaveLength(1);
  });
});
