import { expect, test } from 'vitest';
import { tellOfUnfound } from '../../src/membership/unfound.ts';

test('a member tells that no switch has found it when that has been so for a while, and again when it is so again', () => {
  let unfound: readonly string[] = ['b'];
  let changed = (): void => undefined;
  let isFollowed = true;
  const due = new Set<() => void>();
  const told: object[] = [];
  const ownership = {
    id: 'b',
    unfound: () => unfound,
    onChange: (listener: (isWhole: boolean) => void) => {
      changed = () => listener(true);
      return () => (isFollowed = false);
    },
  };
  const log = {
    info: () => undefined,
    warn: (fields: object, message: string) => void told.push({ ...fields, message }),
    error: () => undefined,
  };
  const stop = tellOfUnfound(ownership, log, (_delayMs, callback) => {
    due.add(callback);
    return () => due.delete(callback);
  });
  const say = (now: readonly string[]): void => {
    unfound = now;
    changed();
  };
  const pass = (): void => {
    for (const callback of due) callback();
    due.clear();
  };
  say([]);
  pass();
  say(['a']);
  pass();
  expect(told).toEqual([]);
  say(['b']);
  say(['a', 'b']);
  pass();
  say(['b']);
  pass();
  const line = { event: 'not-found-by-switches', message: expect.stringMatching(/no switch has found b.*advertise.*set-manager/) };
  expect(told).toEqual([line]);
  say([]);
  say(['b']);
  pass();
  expect(told).toEqual([line, line]);
  say([]);
  say(['b']);
  stop();
  pass();
  expect([told.length, isFollowed]).toEqual([2, false]);
});
