import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { WeirError } from '../../src/base/errors.ts';
import { Watermark } from '../../src/base/watermark.ts';

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

const caught = (waiting: Promise<void>): Promise<unknown> => waiting.catch((error: unknown) => error);

it('lets go of who waits as it comes to them, and of who came late at once', async () => {
  const mark = new Watermark('revision', 3);
  const reached: number[] = [];
  const waiting = [3, 4, 5, 6].map((value) => mark.reached(value, 1_000).then(() => reached.push(value)));
  await vi.advanceTimersByTimeAsync(0);
  expect(reached).toEqual([3]);
  mark.raise(5);
  await vi.advanceTimersByTimeAsync(0);
  expect(reached).toEqual([3, 4, 5]);
  mark.raise(2);
  expect(mark.value).toBe(5);
  mark.raise(6);
  await Promise.all(waiting);
  expect(vi.getTimerCount()).toBe(0);
});

it('tells who waits too long, and nobody else', async () => {
  const mark = new Watermark('revision');
  const late = caught(mark.reached(1, 1_000));
  const patient = mark.reached(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await late).toMatchObject({ code: 'no-leader', message: expect.stringContaining('revision 1') });
  mark.raise(1);
  await patient;
});

it('ends for who waits and for who comes; a failure concerns those who wait', async () => {
  const mark = new Watermark('revision', 1);
  const failed = caught(mark.reached(2, 1_000));
  mark.fail(new WeirError('no-leader', 'nobody leads'));
  expect(await failed).toMatchObject({ code: 'no-leader' });
  const ended = caught(mark.reached(2, 1_000));
  mark.end(new WeirError('store-closed', 'it is closed'));
  expect(await ended).toMatchObject({ code: 'store-closed' });
  await expect(mark.reached(2, 1_000)).rejects.toMatchObject({ code: 'store-closed' });
  await mark.reached(1, 1_000);
  expect(vi.getTimerCount()).toBe(0);
});

it('takes no more than it can keep', async () => {
  const mark = new Watermark('revision');
  const waiting: Promise<void>[] = [];
  for (let count = 0; count < 16_384; count++) waiting.push(mark.reached(1));
  await expect(mark.reached(1)).rejects.toMatchObject({ code: 'store-busy' });
  mark.raise(1);
  await Promise.all(waiting);
});
