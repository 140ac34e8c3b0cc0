import { expect, test } from 'vitest';
import type { Term } from '../../../cluster/raft/types.ts';
import { electionTicks, raftOf, Table, votersOf } from './table.ts';

const three = votersOf('a', 'b', 'c');
const fresh = (): Table => new Table({ a: raftOf('a', three), b: raftOf('b', three), c: raftOf('c', three) });

test.each<[readonly Term[], readonly Term[], boolean]>([
  [[], [], true],
  [[1], [], true],
  [[], [1], false],
  [[1, 1], [1], true],
  [[1], [1, 1], false],
  [[1, 2], [1, 1, 1], true],
  [[1, 1, 1], [1, 2], false],
  [[2], [1, 1, 1], true],
  [[1, 2], [1, 2], true],
])('a candidate with %j is voted for by a member with %j: %s', (candidate, voter, isGranted) => {
  const two = votersOf('a', 'b');
  const table = new Table({ a: raftOf('a', two, candidate, 2), b: raftOf('b', two, voter, 2) });
  table.elect('a');
  expect(table.leaders).toEqual(isGranted ? ['a'] : []);
  // Who would not be voted for begins no term.
  expect(table.raft('b').term).toBe(isGranted ? 3 : 2);
});

test('a term has one vote', () => {
  const table = new Table({ a: raftOf('a', three, [], 1) });
  const ask = { to: 'a', term: 2, kind: 'vote', lastIndex: 0, lastTerm: 0, isTransfer: false } as const;
  const answers: unknown[] = [];
  for (const from of ['b', 'c', 'b']) {
    table.raft('a').step({ ...ask, from });
    for (let ready = table.raft('a').ready(); ready; ready = table.raft('a').ready()) {
      if (ready.write) table.raft('a').persisted();
      answers.push(
        ...[...ready.messages, ...(ready.write?.replies ?? [])].map(({ to, ...body }) => [to, 'granted' in body && body.granted]),
      );
    }
  }
  expect(answers).toEqual([
    ['b', true],
    ['c', false],
    ['b', true],
  ]);
});

test('a member that was away for long does not disturb the others when it comes back', () => {
  const table = fresh();
  table.elect('a');
  const { term } = table.raft('a');
  table.isolate('c');
  table.tick('c', 20 * electionTicks);
  expect(table.raft('c').term).toBe(term);
  table.cut.clear();
  table.tickAll(2);
  expect(table.leaders).toEqual(['a']);
  expect(table.raft('c').leader).toBe('a');
  expect(table.raft('a').term).toBe(term);
});

test('a member that cannot hear the leader, but is heard, deposes nobody', () => {
  const table = fresh();
  table.elect('a');
  table.cut.add('a>c');
  for (let at = 0; at < 5 * electionTicks; at++) table.tickAll();
  expect(table.leaders).toEqual(['a']);
  expect(table.raft('a').term).toBe(1);
});

test('the others elect another when the leader is gone, and it follows when it comes back', () => {
  const table = fresh();
  table.elect('a');
  table.isolate('a');
  for (let at = 0; at < 5 * electionTicks; at++) {
    table.tick('b');
    if (at % 2 === 0) table.tick('c');
  }
  expect(table.leaders.filter((id) => id !== 'a')).toHaveLength(1);
  table.cut.clear();
  table.tickAll(3);
  expect(table.leaders).toHaveLength(1);
  expect(table.leaders).not.toContain('a');
});

test('a learner neither stands nor votes', () => {
  const membership = { voters: ['a', 'b'], learners: ['c'] };
  const table = new Table({ a: raftOf('a', membership), b: raftOf('b', membership), c: raftOf('c', membership) });
  table.tick('c', 5 * electionTicks);
  table.raft('c').campaign();
  table.settle();
  expect(table.raft('c').role).toBe('follower');
  table.isolate('b');
  table.elect('a');
  expect(table.leaders).toEqual([]);
});

test('leadership goes to whom it is transferred to, although the leader is heard', () => {
  const table = fresh();
  table.elect('a');
  table.propose('a');
  expect(table.raft('a').transfer('b')).toBe('under-way');
  table.settle();
  expect(table.leaders).toEqual(['b']);
  expect(table.raft('b').transfer('nobody')).toBe('unknown-member');
  expect(table.raft('c').transfer('a')).toBe('not-leader');
});

test('a transfer to a member that does not come is given up, and proposals go on', () => {
  const table = fresh();
  table.elect('a');
  table.isolate('b');
  table.propose('a');
  table.raft('a').transfer('b');
  expect(table.raft('a').propose([new Uint8Array()])).toBe('transferring');
  for (let at = 0; at < electionTicks; at++) table.tick('a');
  expect(table.raft('a').propose([new Uint8Array()])).toBe(3);
});

test('reads: by lease at once, without one after a round, and lost without a majority', () => {
  const table = fresh();
  table.elect('a');
  table.tickAll();
  table.raft('a').read(1);
  table.raft('b').read(2);
  table.settle();
  expect(table.reads).toEqual(
    new Map([
      [1, 1],
      [2, 1],
    ]),
  );
  table.isolate('a');
  table.raft('a').read(3);
  table.tick('a', electionTicks);
  table.raft('a').read(4);
  table.settle();
  expect(table.reads.has(4)).toBe(false);
  table.tick('a', 2 * electionTicks);
  expect(table.reads.get(4)).toBe('lost');
});
