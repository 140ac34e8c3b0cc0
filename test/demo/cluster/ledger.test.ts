import { expect, test } from 'vitest';
import { type Acknowledged, audit } from '../../../src/demo/cluster/ledger.ts';

const write = (at: string, name: string, revision: number): Acknowledged => ({ at, name, revision, askedMs: 0, answeredMs: 1 });
const acknowledged = [write('a', 'a-1', 5), write('b', 'b-1', 6), write('a', 'a-2', 9)];
const listed = new Map(acknowledged.map(({ name, revision }) => [name, revision]));
const fine = { acknowledged: 3, missing: [], altered: [], disordered: [] };

test('everything acknowledged is there; what was not acknowledged may be there too', () => {
  expect(audit(acknowledged, listed)).toEqual(fine);
  expect(audit(acknowledged, new Map([...listed, ['a-3', 10]]))).toEqual(fine);
});

test('a lost write is missed', () => {
  listed.delete('b-1');
  expect(audit(acknowledged, listed)).toEqual({ ...fine, missing: ['b-1'] });
  listed.set('b-1', 6);
});

test('a write that was applied twice is told', () => {
  expect(audit(acknowledged, new Map([...listed, ['b-1', 7]]))).toEqual({ ...fine, altered: ['b-1'] });
});

test('revisions that two have, or that go back, are told', () => {
  expect(audit([write('a', 'a-1', 5), write('b', 'b-1', 5)], listed).disordered).toEqual(['b-1']);
  expect(audit([write('a', 'a-1', 9), write('a', 'a-2', 5)], listed).disordered).toEqual(['a-2']);
});
