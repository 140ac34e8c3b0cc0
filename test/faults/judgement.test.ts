import { expect, test } from 'vitest';
import type { RegisterAction, RegisterResult } from '../linearizability/register.ts';
import { judge, judgeWatcher } from './judgement.ts';
import type { KeyRecord, ListRecord } from './record.ts';
import type { Event } from './watcher.ts';

const key = 'groups/g';
let time = 0;

/** One operation behind the other. */
function told(action: RegisterAction, result: RegisterResult | undefined, revision?: number): KeyRecord {
  const calledAt = time++;
  const answer = result && { at: time++, result };
  return { kind: 'key', client: 'c', key, at: ['m'], action, calledAt, answer, revision, said: '' };
}

function listed(revision: number, value: string | undefined, at = revision): ListRecord {
  const found = new Map(value === undefined ? [] : [[key, { value, revision: at }]]);
  return { kind: 'list', client: 'c', at: 'm', calledAt: time++, answeredAt: time++, keys: [key], revision, found };
}

const put = (value: string): RegisterAction => ({ kind: 'put', value });
const done: RegisterResult = { kind: 'done' };
const refused: RegisterResult = { kind: 'refused' };
const was = (revision: number, value: string, kind: Event['kind'] = 'put'): Event => ({ revision, kind, key, value });

test('what was kept as it was told is no fault', () => {
  const records = [
    told(put('1'), done, 1),
    told(put('2'), undefined),
    told(put('3'), undefined),
    told(put('4'), refused),
    listed(2, '2'),
    told({ kind: 'delete' }, done),
    listed(7, undefined),
  ];
  const { faults, figures } = judge(records, [was(1, '1'), was(2, '2'), was(5, '2', 'delete')]);
  expect(faults).toEqual([]);
  expect(figures).toMatchObject({ operations: 7, acknowledged: 2, unanswered: 2, refused: 1, reads: 2 });
});

test.each([
  { name: 'lost', records: () => [told(put('1'), done, 1)], committed: [], says: 'acknowledged and lost' },
  { name: 'twice', records: () => [told(put('1'), undefined)], committed: [was(1, '1'), was(2, '1')], says: 'applied twice, at 1 and 2' },
  { name: 'elsewhere', records: () => [told(put('1'), done, 1)], committed: [was(2, '1')], says: 'acknowledged elsewhere than at 2' },
  { name: "another's", records: () => [told(put('1'), done)], committed: [was(1, '1')], says: "answered with another's document" },
  { name: 'refused', records: () => [told(put('1'), refused)], committed: [was(1, '1')], says: 'refused, and kept at 1' },
  {
    name: 'delete without cause',
    records: () => [told(put('1'), done, 1)],
    committed: [was(1, '1'), was(2, '1', 'delete')],
    says: `${key} was deleted 1 times; 0 deletes were acknowledged`,
  },
  {
    name: 'list behind what was told',
    records: () => [told(put('1'), done, 1), told(put('2'), done, 2), listed(1, '1')],
    committed: [was(1, '1'), was(2, '2')],
    says: 'a list went back: c was shown revision 1 by m, when 2 had been told',
  },
  {
    name: 'list that never was',
    records: () => [told(put('1'), done, 1), told(put('2'), undefined), listed(3, '1', 1)],
    committed: [was(1, '1'), was(2, '2')],
    says: 'a list is not the state at its revision',
  },
  {
    name: 'stale read',
    records: () => [told(put('1'), done, 1), told(put('2'), done, 2), told({ kind: 'get' }, { kind: 'found', value: '1' }, 1)],
    committed: [was(1, '1'), was(2, '2')],
    says: `${key} is not linearizable`,
  },
])('$name: it is said', ({ records, committed, says }) => {
  expect(judge(records(), committed).faults.join('\n')).toContain(says);
});

test('a watch with a gap, a repeat, or without its end is found', () => {
  const all = [was(1, '1'), was(2, '2'), was(3, '3')];
  expect(judgeWatcher('m', all, all)).toEqual([]);
  expect(judgeWatcher('m', [was(1, '1'), was(3, '3')], all)[0]).toContain('put groups/g 3 at 3 where put groups/g 2 at 2 is to come');
  expect(judgeWatcher('m', [was(1, '1'), was(1, '1'), was(2, '2'), was(3, '3')], all)).toHaveLength(1);
  expect(judgeWatcher('m', all.slice(0, 2), all)[0]).toContain('has the end where put groups/g 3 at 3');
});
