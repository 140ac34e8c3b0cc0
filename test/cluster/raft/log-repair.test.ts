import { expect, test } from 'vitest';
import { raftOf, Table, termsOf, votersOf } from './table.ts';

const membership = votersOf('a', 'b', 'c', 'd', 'e', 'f', 'g');

/** The leader's log, and those that its followers may have (figure 7 of the Raft paper). */
const leads = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
const followers = {
  'an entry is missing': [1, 1, 1, 4, 4, 5, 5, 6, 6],
  'most are missing': [1, 1, 1, 4],
  'an entry too many': [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
  'entries of a later term': [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
  'entries of the same term too many, and later ones missing': [1, 1, 1, 4, 4, 4, 4],
  'entries of terms that nobody else has': [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  nothing: [],
};

test.each(Object.entries(followers))('a follower becomes what its leader is: %s', (_name, terms) => {
  const others = Object.fromEntries(['c', 'd', 'e'].map((id) => [id, raftOf(id, membership, leads, 7)]));
  const table = new Table({ a: raftOf('a', membership, leads, 7), b: raftOf('b', membership, terms, 7), ...others });
  table.elect('a');
  expect(table.leaders).toEqual(['a']);
  // Nothing is sent to a follower that is behind before it has answered.
  table.tickAll(3);
  expect(termsOf(table.raft('b'))).toEqual([...leads, 8]);
  expect(table.raft('b').commit).toBe(leads.length + 1);
});

test('what is sent twice, late or out of order changes nothing', () => {
  const three = votersOf('a', 'b', 'c');
  const table = new Table({ a: raftOf('a', three), b: raftOf('b', three), c: raftOf('c', three) });
  table.elect('a');
  for (let at = 0; at < 5; at++) table.propose('a');
  const before = termsOf(table.raft('b'));
  const entry = { kind: 'empty', index: 1, term: 1 } as const;
  const late = { from: 'a', to: 'b', term: 1, kind: 'append', previousIndex: 0, previousTerm: 0, isNotice: false } as const;
  table.deliver({ ...late, entries: [entry], commit: 1 });
  table.deliver({ ...late, entries: [], commit: 0 });
  expect(termsOf(table.raft('b'))).toEqual(before);
  expect(table.raft('b').commit).toBe(6);
});
