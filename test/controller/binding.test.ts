import { expect, test } from 'vitest';
import { bindingsOf } from '../../src/controller/binding.ts';

type Port = Parameters<typeof bindingsOf>[0]['interfaces'][number];

const uid = '7d5e6f00-0000-4000-8000-000000000001';
const other = '7d5e6f00-0000-4000-8000-000000000002';
const port = (name: string, given: Partial<Port> = {}): Port => ({
  name,
  ifaceId: `${uid}-${name}`,
  uuid: '00000000-0000-0000-0000-000000000000',
  ...given,
});
const bound = (...interfaces: readonly Port[]) => Object.fromEntries(bindingsOf({ interfaces, tunnelOfport: 1 }));

test('a port that is attached and belongs to this life of its VM is bound', () => {
  expect(bound(port('a', { ofport: 5 }), port('b', { ofport: 6, ifaceIdVer: uid }))).toEqual({
    [`${uid}-a`]: { kind: 'bound', ofport: 5 },
    [`${uid}-b`]: { kind: 'bound', ofport: 6 },
  });
});

test.each([
  [
    'an older life of the VM',
    port('a', { ofport: 5, ifaceIdVer: other }),
    `stale-bind: iface-id-ver of a is ${other}, the VM's uid is ${uid}`,
  ],
  [
    'a version that is a part of the id',
    port('a', { ofport: 5, ifaceIdVer: `${uid}-` }),
    `stale-bind: iface-id-ver of a is ${uid}-, the VM's uid is ${uid}`,
  ],
  ['not attached yet', port('a'), 'the switch has not attached a yet'],
  ['not to be attached', port('a', { error: 'no such device' }), 'the switch cannot attach a: no such device'],
  ['the number of the tunnel', port('a', { ofport: 1 }), 'port number 1 of a is that of the tunnel'],
])('%s', (_, given, reason) => {
  expect(bound(given)).toEqual({ [given.ifaceId]: { kind: 'unbound', reason } });
});

test('the first by name has an iface-id, and a number, that several claim', () => {
  expect(
    bound(port('a', { ifaceId: 'x', ofport: 5 }), port('b', { ifaceId: 'x', ofport: 6 }), port('c', { ifaceId: 'y', ofport: 5 })),
  ).toEqual({
    x: { kind: 'bound', ofport: 5 },
    y: { kind: 'unbound', reason: 'port number 5 of c is that of a' },
  });
});
