import { describe, expect, test } from 'vitest';
import { judgeView, judgeViews, ownedBy, ownerLines, readMembers, sameOwners } from '../../../src/demo/cluster/owners.ts';
import type { SeenMember } from '../../../src/demo/cluster/owners.ts';

const a: SeenMember = { id: 'a', role: 'master', connected: true };
const b: SeenMember = { id: 'b', role: 'slave', connected: true };
const c: SeenMember = { id: 'c', role: 'slave', connected: true };
const present = ['a', 'b', 'c'];
const view = (members: readonly SeenMember[], epoch = 7) => ({ host: 'hv1', epoch, members });

test('one master, the others slaves, an epoch: it has an owner', () => {
  expect(judgeView(view([a, b, c]), { present })).toEqual({ kind: 'owned', owner: 'a' });
});

describe('anything else is wrong, and says why', () => {
  test.each([
    ['nobody is master', [{ ...a, role: 'slave' }, b, c], /no master/],
    ['two are', [a, { ...b, role: 'master' }, c], /masters a and b/],
    ['one may write without having asked', [a, b, { ...c, role: 'other' }], /c is other/],
    ['one has told no role', [a, b, { ...c, role: '' }], /c is nothing/],
    ['one is not connected', [a, b, { ...c, connected: false }], /c not connected/],
    ['one is not known', [a, b], /c not connected/],
    ['the master is not connected', [{ ...a, connected: false }, b, c], /a not connected/],
  ])('%s', (_, members, why) => {
    expect(judgeView(view(members), { present })).toMatchObject({ kind: 'wrong', why: expect.stringMatching(why) });
  });

  test('no epoch was written', () => {
    expect(judgeView(view([a, b, c], 0), { present })).toMatchObject({ kind: 'wrong', why: expect.stringContaining('no epoch') });
  });

  test('one that is dead is connected', () => {
    expect(judgeView(view([a, b, c]), { present: ['a', 'b'] })).toMatchObject({ why: expect.stringContaining('c still connected') });
  });
});

test('one that stands still may be connected as a slave, and not as a master', () => {
  expect(judgeView(view([a, b, c]), { present: ['a', 'b'], still: ['c'] })).toEqual({ kind: 'owned', owner: 'a' });
  expect(judgeView(view([a, b, c]), { present: ['b', 'c'], still: ['a'] })).toMatchObject({ why: expect.stringContaining('stands still') });
});

test('what ovs-vsctl says is read; a target that is no member is a stranger', () => {
  const text = '"tcp:198.18.1.1:101",master,true\n"tcp:198.18.1.1:102",[],false\n"tcp:192.0.2.1:6653",other,true\n';
  const members = readMembers(
    text,
    new Map([
      ['101', 'a'],
      ['102', 'b'],
    ]),
  );
  expect(members).toEqual([
    { id: 'a', role: 'master', connected: true },
    { id: 'b', role: '[]', connected: false },
    { id: 'tcp:192.0.2.1:6653', role: 'other', connected: true },
  ]);
  expect(judgeView(view(members), { present: ['a'] })).toMatchObject({ why: expect.stringContaining('192.0.2.1:6653 still connected') });
});

test('switches move', () => {
  const before = judgeViews([view([a, b, c]), { ...view([a, b, c]), host: 'hv10' }], { present });
  const after = judgeViews([view([{ ...b, role: 'master' }, c]), { ...view([b, { ...c, role: 'master' }]), host: 'hv10' }], {
    present: ['b', 'c'],
  });
  expect(ownerLines(after, before)).toEqual(['hv1   a → b', 'hv10  a → c']);
  expect(ownerLines(before, before)).toEqual(['hv1   a', 'hv10  a']);
  expect([ownedBy(before, 'a'), ownedBy(after, 'a'), ownedBy(after, 'c')]).toEqual([['hv1', 'hv10'], [], ['hv10']]);
  expect([sameOwners(before, before), sameOwners(before, after)]).toEqual([true, false]);
  const unsure = judgeViews([view([b, c])], { present: ['b', 'c'] });
  expect([unsure.wrong.length, sameOwners(unsure, unsure)]).toEqual([1, false]);
});
