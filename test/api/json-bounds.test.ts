import { expect, test } from 'vitest';
import { refuseIntricate } from '../../src/api/json-bounds.ts';

const long = 'x'.repeat(1024 * 1024);
const padded = (json: string): string => `{"pad":"${long}","rest":${json}}`;
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

test('what is deep or made of a million containers is refused before it is built', () => {
  expect(() => refuseIntricate(padded(nested(63)))).not.toThrow();
  expect(() => refuseIntricate(padded(nested(64)))).toThrow(/deeper than 64/);
  expect(() => refuseIntricate(`[${'{},'.repeat(999_998)}0]`)).not.toThrow();
  expect(() => refuseIntricate(`[${'{},'.repeat(1_000_000)}0]`)).toThrow(/1000000 objects and lists/);
});

test('an object of more fields than anybody means is refused, however many others have', () => {
  const fields = (count: number, first = 0): string => `{${Array.from({ length: count }, (_, index) => `"k${first + index}":":"`).join()}}`;
  expect(() => refuseIntricate(padded(`[${fields(10_000)},[${fields(9_000)}],${fields(9_000)}]`))).not.toThrow();
  expect(() => refuseIntricate(padded(`[${fields(9_000)},${fields(10_001)}]`))).toThrow(/more than 10000 fields/);
});

test('what looks like containers inside of texts counts nothing', () => {
  for (const text of ['['.repeat(100), '\\\\', '\\"[[', '\\\\\\"'.repeat(50), '"['.repeat(90)])
    expect(() => refuseIntricate(padded(JSON.stringify([text, '['.repeat(100)])))).not.toThrow();
  // A text that does not end hides nothing that a parser would build.
  expect(() => refuseIntricate(`${padded('"')}${'['.repeat(100)}`)).not.toThrow();
});

test('short texts are left to the parser', () => {
  expect(() => refuseIntricate(nested(200))).not.toThrow();
});
