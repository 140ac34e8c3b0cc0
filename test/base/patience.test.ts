import { expect, test } from 'vitest';
import { WeirError } from '../../src/base/errors.ts';
import { within } from '../../src/base/patience.ts';

const late = (): WeirError => new WeirError('late', 'too late');

test('what comes in time is what it comes to, and what does not is late', async () => {
  expect(await within(Promise.resolve(7), 600_000, late)).toBe(7);
  await expect(within(Promise.reject(new Error('no')), 600_000, late)).rejects.toThrow('no');
  const never = Promise.withResolvers<number>();
  await expect(within(never.promise, 1, late)).rejects.toMatchObject({ code: 'late' });
});
