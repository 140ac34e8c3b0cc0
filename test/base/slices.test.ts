import { expect, test } from 'vitest';
import { inSlices } from '../../src/base/slices.ts';

/** Each look at it is a slice later. */
const hastyClock = () => {
  let nowMs = 0;
  return { nowMs: () => (nowMs += 10) };
};

function* count(steps: number, done: () => void): Generator<undefined, number> {
  for (let step = 0; step < steps; step++) {
    done();
    yield;
  }
  return steps;
}

test('work is done to its end, with what else waits in between', async () => {
  let done = 0;
  const seen: number[] = [];
  const look = (): void => {
    seen.push(done);
    if (done < 20) setImmediate(look);
  };
  setImmediate(look);
  expect(
    await inSlices(
      count(20, () => done++),
      hastyClock(),
    ),
  ).toBe(20);
  expect(seen.filter((each) => each > 0 && each < 20).length).toBeGreaterThan(5);
});

test('however many do so, there is one slice in a turn', async () => {
  let done = 0;
  const works = Array.from({ length: 10 }, () =>
    inSlices(
      count(10, () => done++),
      hastyClock(),
    ),
  );
  const turns: number[] = [];
  const look = (): void => {
    turns.push(done);
    if (done < 100) setImmediate(look);
  };
  setImmediate(look);
  expect(await Promise.all(works)).toEqual(Array.from({ length: 10 }, () => 10));
  // All begin at once.
  const each = turns.slice(1).map((count, index) => count - (turns[index] ?? 0));
  expect(Math.max(...each)).toBeLessThanOrEqual(2);
});

test('short work is not held up', async () => {
  let turns = 0;
  setImmediate(() => turns++);
  expect(
    await inSlices(
      count(5, () => undefined),
      { nowMs: () => 0 },
    ),
  ).toBe(5);
  expect(turns).toBe(0);
});
