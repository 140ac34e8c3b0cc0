import { expect, test } from 'vitest';
import { KeptAnswers, keptMs } from '../../src/admission/indexes/kept-answers.ts';
import { keptAnswerKey, keptRemovalKey } from '../../src/admission/keys.ts';

const answer = (minute: number) => ({ atMs: minute * 60_000, fingerprint: '', results: [] });
const padded = (index: number): string => String(index).padStart(5, '0');

test('what is over goes, the oldest first, in whatever order it came, and again when it was put back', () => {
  const kept = new KeptAnswers();
  const key = (index: number) => keptAnswerKey('acme', padded(index));
  // As at a start: in the order of keys, which is not that of time.
  const minutes = [50, 10, 40, 30, 20];
  for (const [index, minute] of minutes.entries()) kept.change(key(index), answer(minute));
  const dueMs = (minute: number): number => keptMs + minute * 60_000;
  expect(kept.surplus(dueMs(10) - 1)).toEqual([]);
  expect(kept.surplus(dueMs(10))).toEqual([key(1)]);
  expect(kept.surplus(dueMs(60))).toEqual([key(1), key(4)]);
  kept.change(key(1), undefined);
  expect(kept.surplus(dueMs(60))).toEqual([key(4), key(3)]);
  kept.change(key(1), answer(10));
  expect(kept.surplus(dueMs(60))).toEqual([key(1), key(4)]);
  kept.change(key(1), answer(70));
  expect(kept.surplus(dueMs(60))).toEqual([key(4), key(3)]);
});

test('of too many removals the oldest goes, also those of before a start', () => {
  const kept = new KeptAnswers();
  const count = 16_384;
  // 5 and the count have no common factor: each minute once.
  const minuteOf = (index: number): number => (index * 5 + 77) % count;
  const oldest = Array.from({ length: count }, (_, index) => index).find((index) => minuteOf(index) === 0) ?? 0;
  kept.change(keptAnswerKey('acme', 'given'), answer(0));
  for (let index = 1; index < count; index++) kept.change(keptRemovalKey('acme', padded(index)), answer(minuteOf(index)));
  expect(kept.surplus(0)).toEqual([]);
  kept.change(keptRemovalKey('acme', padded(0)), answer(minuteOf(0)));
  expect(kept.surplus(0)).toEqual([keptRemovalKey('acme', padded(oldest))]);
});
