import { expect, test } from 'vitest';
import { lossRow, streamRow } from '../../src/demo/passing.ts';

const report = { sent: 3, received: 3, lossPercent: 0, rttMsMax: 1, rttMsAverage: 1, missing: [], gapMsMax: 10 };

test('a lost packet, and a ping that never ran, are not as expected', () => {
  expect(lossRow('ping', report).ok).toBe(true);
  expect(lossRow('ping', { ...report, missing: [2] })).toMatchObject({ ok: false, seen: expect.stringContaining('1 of 3 lost') });
  expect(lossRow('ping', { ...report, sent: 0 }).ok).toBe(false);
  expect(lossRow('ping', undefined).ok).toBe(false);
});

test('a connection that breaks, and one that carried nothing, are not as expected', () => {
  expect(streamRow('tcp', { exchanges: 4, longestMs: 20, broken: undefined }).ok).toBe(true);
  expect(streamRow('tcp', { exchanges: 4, longestMs: 20, broken: 'closed' })).toMatchObject({
    ok: false,
    seen: expect.stringContaining('closed'),
  });
  expect(streamRow('tcp', { exchanges: 0, longestMs: 0, broken: undefined }).ok).toBe(false);
});
