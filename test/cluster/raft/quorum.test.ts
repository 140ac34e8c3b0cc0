import { expect, test } from 'vitest';
import { electionOf, majority, quorumIndex } from '../../../cluster/raft/quorum.ts';

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [6, 4],
  [7, 4],
])('of %i voters %i are a majority', (voters, needed) => {
  expect(majority(voters)).toBe(needed);
});

test.each<[readonly number[], number]>([
  [[5], 5],
  [[5, 0], 0],
  [[5, 3], 3],
  [[9, 0, 0], 0],
  [[9, 4, 0], 4],
  [[4, 9, 4], 4],
  [[9, 9, 0], 9],
  [[1, 2, 3, 4], 2],
  [[1, 2, 3, 4, 5], 3],
  [[7, 7, 0, 0, 0], 0],
  [[7, 7, 7, 0, 0], 7],
  [[0, 1, 2, 3, 4, 5, 6], 3],
])('voters that have %j have %i in common', (indexes, common) => {
  const voters = ids.slice(0, indexes.length);
  expect(quorumIndex(voters, (voter) => indexes[voters.indexOf(voter)] ?? 0)).toBe(common);
});

test('every index of up to five voters: as many as a majority have what is in common, and no more of any higher', () => {
  for (let count = 1; count <= 5; count++) {
    const voters = ids.slice(0, count);
    for (let at = 0; at < 4 ** count; at++) {
      const indexes = voters.map((_, place) => Math.floor(at / 4 ** place) % 4);
      const have = (index: number): number => indexes.filter((each) => each >= index).length;
      const common = quorumIndex(voters, (voter) => indexes[voters.indexOf(voter)] ?? 0);
      expect(have(common)).toBeGreaterThanOrEqual(majority(count));
      expect(have(common + 1)).toBeLessThan(majority(count));
    }
  }
});

const yes = true;
const no = false;
const silent = undefined;

test.each<[readonly (boolean | undefined)[], ReturnType<typeof electionOf>]>([
  [[yes], 'won'],
  [[no], 'lost'],
  [[silent], 'open'],
  [[yes, silent], 'open'],
  [[yes, no], 'lost'],
  [[yes, yes], 'won'],
  [[yes, silent, silent], 'open'],
  [[yes, no, silent], 'open'],
  [[yes, no, no], 'lost'],
  [[yes, yes, silent], 'won'],
  [[yes, yes, no, no], 'lost'],
  [[yes, yes, no, silent], 'open'],
  [[yes, yes, no, no, silent], 'open'],
  [[yes, no, no, no, silent], 'lost'],
  [[yes, yes, yes, silent, silent], 'won'],
])('answers %j: the election is %s', (answers, outcome) => {
  const voters = ids.slice(0, answers.length);
  const votes = new Map(voters.flatMap((voter, at) => (answers[at] === undefined ? [] : [[voter, answers[at]]])));
  expect(electionOf(voters, votes)).toBe(outcome);
});

test('who is no voter does not count', () => {
  expect(
    electionOf(
      ['a', 'b', 'c'],
      new Map([
        ['a', yes],
        ['x', yes],
        ['y', yes],
      ] as const),
    ),
  ).toBe('open');
  expect(
    electionOf(
      ['a', 'b', 'c'],
      new Map([
        ['x', no],
        ['y', no],
        ['z', no],
      ] as const),
    ),
  ).toBe('open');
});
