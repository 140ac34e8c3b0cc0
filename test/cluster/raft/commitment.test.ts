import { expect, test } from 'vitest';
import { electionTicks, raftOf, Table, termsOf, votersOf } from './table.ts';

const five = votersOf('a', 'b', 'c', 'd', 'e');

/** Figure 8 of the Raft paper: an entry of term 2 is on three of five members, and one of term 3 on another. */
function figure8(): Table {
  return new Table({
    a: raftOf('a', five, [1, 2], 3),
    b: raftOf('b', five, [1, 2], 3),
    c: raftOf('c', five, [1, 2], 3),
    d: raftOf('d', five, [1], 3),
    e: raftOf('e', five, [1, 3], 3),
  });
}

test('an entry of an earlier term is not committed by being on a majority', () => {
  const table = figure8();
  table.isolate('e');
  const leader = table.raft('a');
  leader.campaign();
  // Appends do not arrive for now: a majority has the entry of term 2, and the leader's own is nowhere else.
  table.without(['append']);
  table.settle();
  expect(table.leaders).toEqual(['a']);
  for (const from of ['b', 'c']) table.deliver({ from, to: 'a', term: leader.term, kind: 'append-accepted', match: 2 });
  expect(leader.commit).toBe(0);
  table.without([]);
  table.tickAll(10);
  // Its own is committed along with it, and only so.
  expect(table.raft('a').commit).toBe(3);
  expect(table.raft('a').termAt(3)).toBe(table.raft('a').term);
});

test('a leader that reaches nobody with its own entry commits nothing, and another may replace it all', () => {
  const lost = figure8();
  lost.raft('a').campaign();
  for (const to of ['b', 'c', 'd', 'e']) lost.cut.add(`${to}>a`);
  lost.settle();
  expect(lost.leaders).toEqual([]);
  expect(lost.raft('a').commit).toBe(0);
  lost.isolate('a');
  lost.elect('e');
  expect(lost.leaders).toEqual(['e']);
  lost.tickAll(2);
  expect(termsOf(lost.raft('b'))).toEqual([1, 3, lost.raft('e').term]);
});

test('a follower does not commit more than its leader says, nor more than it has', () => {
  const three = votersOf('a', 'b', 'c');
  const follower = new Table({ b: raftOf('b', three, [1, 1], 1) });
  follower.deliver({ from: 'a', to: 'b', term: 1, kind: 'heartbeat', commit: 7, round: 1 });
  expect(follower.raft('b').commit).toBe(0);
  follower.deliver({
    from: 'a',
    to: 'b',
    term: 1,
    kind: 'append',
    previousIndex: 1,
    previousTerm: 1,
    entries: [],
    commit: 2,
    isNotice: false,
  });
  // Only the first entry is known to agree.
  expect(follower.raft('b').commit).toBe(1);
});

test('a leader without a majority steps down, and what it proposed is not committed', () => {
  const three = votersOf('a', 'b', 'c');
  const table = new Table({ a: raftOf('a', three), b: raftOf('b', three), c: raftOf('c', three) });
  table.elect('a');
  table.isolate('a');
  table.propose('a');
  const { commit } = table.raft('a');
  table.tick('a', 2 * electionTicks);
  expect(table.raft('a').role).not.toBe('leader');
  expect(table.raft('a').commit).toBe(commit);
  expect(table.raft('a').propose([new Uint8Array()])).toBe('not-leader');
});

test('a lone voter commits by itself', () => {
  const table = new Table({ a: raftOf('a', votersOf('a'), [1, 1], 1) });
  table.elect('a');
  table.propose('a');
  expect(table.raft('a').commit).toBe(4);
});

test('a follower that denies what it acknowledged keeps nobody busy', () => {
  const three = votersOf('a', 'b', 'c');
  const table = new Table({ a: raftOf('a', three, [1, 1], 1), b: raftOf('b', three, [1, 1], 1), c: raftOf('c', three, [1, 1], 1) });
  table.elect('a');
  table.members.set('c', raftOf('c', three, [1], 2));
  for (let at = 0; at < 5; at++) {
    table.propose('a');
    table.tickAll();
  }
  expect(table.raft('a').commit).toBe(8);
  expect(table.raft('c').last).toBe(1);
});
