import { expect, test } from 'vitest';
import { electionTicks, raftOf, Table, votersOf } from './table.ts';

const three = votersOf('a', 'b', 'c');
const fresh = (): Table => new Table({ a: raftOf('a', three), b: raftOf('b', three), c: raftOf('c', three) });

test('a change holds from when it is in the log, and the next one waits until it is committed', () => {
  const table = fresh();
  table.elect('a');
  table.isolate('b');
  table.isolate('c');
  expect(table.raft('a').change({ kind: 'add-learner', member: 'd' })).toBe(2);
  expect(table.raft('a').membership.learners).toEqual(['d']);
  expect(table.raft('a').change({ kind: 'add-learner', member: 'e' })).toBe('change-pending');
  table.cut.clear();
  table.tickAll(2);
  expect(table.raft('a').change({ kind: 'add-learner', member: 'e' })).toBe(3);
});

test('a leader changes nothing before an entry of its own term is committed', () => {
  const table = fresh();
  table.without(['append']);
  table.elect('a');
  expect(table.raft('a').role).toBe('leader');
  expect(table.raft('a').change({ kind: 'add-learner', member: 'd' })).toBe('change-pending');
});

test('a learner votes once it has caught up, not before', () => {
  const table = fresh();
  table.elect('a');
  for (let at = 0; at < 5; at++) table.propose('a');
  table.raft('a').change({ kind: 'add-learner', member: 'd' });
  table.settle();
  expect(table.raft('a').change({ kind: 'promote', member: 'd' })).toBe('not-caught-up');
  table.members.set('d', raftOf('d', three));
  table.tickAll(3);
  expect(table.raft('a').change({ kind: 'promote', member: 'd' })).toBeTypeOf('number');
  table.settle();
  expect(table.raft('d').membership.voters).toEqual(['a', 'b', 'c', 'd']);
});

test('a change that was not committed is taken back with the entry that made it', () => {
  const table = fresh();
  table.elect('a');
  table.isolate('a');
  table.raft('a').change({ kind: 'remove', member: 'c' });
  table.settle();
  expect(table.raft('a').membership.voters).toEqual(['a', 'b']);
  for (let at = 0; at < 5 * electionTicks; at++) {
    table.tick('b');
    if (at % 2 === 0) table.tick('c');
  }
  table.cut.clear();
  table.tickAll(3);
  expect(table.raft('a').membership.voters).toEqual(['a', 'b', 'c']);
});

test('a leader that is removed leads until that is committed, and then no more', () => {
  const table = fresh();
  table.elect('a');
  expect(table.raft('a').change({ kind: 'remove', member: 'a' })).toBe(2);
  expect(table.raft('a').role).toBe('leader');
  table.settle();
  expect(table.raft('a').role).toBe('follower');
  table.tick('c', electionTicks);
  table.tick('b', 2 * electionTicks);
  expect(table.leaders).toEqual(['b']);
  expect(table.raft('b').membership.voters).toEqual(['b', 'c']);
});

test.each([
  [{ kind: 'remove', member: 'x' }, 'unknown-member'],
  [{ kind: 'promote', member: 'x' }, 'unknown-member'],
  [{ kind: 'promote', member: 'b' }, 'already-member'],
  [{ kind: 'add-learner', member: 'b' }, 'already-member'],
] as const)('%j is refused: %s', (change, reason) => {
  const table = fresh();
  table.elect('a');
  expect(table.raft('a').change(change)).toBe(reason);
  expect(table.raft('b').change(change)).toBe('not-leader');
});

test('the last voter stays', () => {
  const table = new Table({ a: raftOf('a', votersOf('a')) });
  table.elect('a');
  expect(table.raft('a').change({ kind: 'remove', member: 'a' })).toBe('last-voter');
});
