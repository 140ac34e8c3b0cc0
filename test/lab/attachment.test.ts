import { expect, test } from 'vitest';
import { placeInterface } from '../../src/lab/attachment.ts';

const answered = { name: 'main', portId: 'p', mac: '02:00:00:00:00:01', mtu: 1450 };

test('prefix lengths and one gateway for each family come from the subnets', () => {
  const subnets = [
    { cidr: '10.0.0.0/24', gateway: '10.0.0.1' },
    { cidr: '10.0.1.0/25', gateway: '10.0.1.1' },
    { cidr: 'fd00::/64', gateway: 'fd00::1' },
  ];
  expect(placeInterface({ ...answered, addresses: ['10.0.1.7', '10.0.0.9/24', 'fd00::9'] }, subnets)).toEqual({
    ...answered,
    addresses: [
      { address: '10.0.1.7', prefixLength: 25 },
      { address: '10.0.0.9', prefixLength: 24 },
      { address: 'fd00::9', prefixLength: 64 },
    ],
    gateways: ['10.0.1.1', 'fd00::1'],
  });
});

test('an address of no subnet is refused', () => {
  expect(() => placeInterface({ ...answered, addresses: ['10.9.0.1'] }, [{ cidr: '10.0.0.0/24' }])).toThrow('10.9.0.1');
});
