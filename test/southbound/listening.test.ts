import { expect, test } from 'vitest';
import type { SwitchAccess } from '../../src/config/index.ts';
import { addressesOf } from '../../src/southbound/listening.ts';

const other = { id: 'b', openflow: 'tcp:10.0.0.2:6653', ovsdb: 'tcp:10.0.0.2:6640' };

function addresses(host: string, advertise?: string) {
  const announced: string[] = [];
  const access: SwitchAccess = {
    kind: 'plain',
    openflow: { host, port: 6653 },
    ovsdb: { host, port: 6640 },
    advertise,
    underlayMtu: 1500,
  };
  const listening = addressesOf(access, { id: 'a', endpoints: () => [other] }, ({ openflow }) => announced.push(openflow));
  listening.bound({ openflow: 6653, ovsdb: 6640 });
  return { announced, controllersAt: (localAddress: string) => listening.targets(localAddress).controllers };
}

test.each([
  ['10.0.0.1', undefined, '10.0.0.1'],
  ['0.0.0.0', '192.0.2.1', '192.0.2.1'],
])('one that listens on %s and says %s is found there', (host, advertise, found) => {
  const { announced, controllersAt } = addresses(host, advertise);
  expect(controllersAt('10.0.0.9')).toEqual([`tcp:${found}:6653`, other.openflow]);
  expect(announced).toEqual([`tcp:${found}:6653`]);
});

test('one that says nothing is found where switches have found it, and off this machine if any has', () => {
  const { announced, controllersAt } = addresses('0.0.0.0');
  expect(announced).toEqual([]);
  for (const localAddress of ['127.0.0.1', '10.0.0.9', '10.0.0.10', '127.0.0.1'])
    expect(controllersAt(localAddress)).toEqual([`tcp:${localAddress}:6653`, other.openflow]);
  expect(announced).toEqual(['tcp:127.0.0.1:6653', 'tcp:10.0.0.9:6653']);
});
