import { expect, test } from 'vitest';
import { readQuestion } from '../../policies/index.ts';
import type { Asked, Question } from '../../policies/index.ts';
import { formatAddress } from '../../src/base/addresses.ts';
import { nic, SmallCloud } from './small-cloud.ts';

const world = new SmallCloud()
  .tenant('acme')
  .network('acme', 'a', 1000, '10.0.0.0/24', '10.0.0.1')
  .network('acme', 'b', 1001, '10.0.1.0/24', '10.0.1.1')
  .network('acme', 'lone', 1002, '10.0.0.0/24', '10.0.0.1')
  .router('acme', 'r', ['acme', 'a'], ['acme', 'b'])
  .vm('acme', 'one', undefined, {}, nic('lone', '10.0.0.10'), nic('a', ['fd00::10', '10.0.0.11'], { name: 'eth1' }))
  .vm('acme', 'two', undefined, {}, nic('b', '10.0.1.10'))
  .vm('acme', 'six', undefined, {}, nic('b', 'fd00:1::6')).documents;

const read = (from: string, to: string, more: Partial<Asked> = { protocol: 'tcp', port: 80 }, tenant: string | null = 'acme'): Question =>
  readQuestion(world, tenant ?? undefined, { from, to, protocol: 'tcp', ...more });

const told = ({ from, to }: Question): readonly string[] =>
  [from, to].map(({ owner, address }) => `${owner === undefined ? '' : `${owner.vm}/${owner.interface} `}${formatAddress(address)}`);

test('of several interfaces the one in the other end’s domain is meant', () => {
  expect(told(read('one', 'two'))).toEqual(['one/eth1 10.0.0.11', 'two/eth0 10.0.1.10']);
  expect(told(read('one/eth0', 'two'))).toEqual(['one/eth0 10.0.0.10', 'two/eth0 10.0.1.10']);
  expect(told(read('acme/two', 'acme/one', { port: 80 }, null))).toEqual(['two/eth0 10.0.1.10', 'one/eth1 10.0.0.11']);
});

test('an address is the interface that has it in the other end’s domain, else nobody’s', () => {
  expect(told(read('10.0.0.11', 'two'))).toEqual(['one/eth1 10.0.0.11', 'two/eth0 10.0.1.10']);
  expect(told(read('10.0.0.10', 'two'))).toEqual(['10.0.0.10', 'two/eth0 10.0.1.10']);
});

test('the family is that of the ends, IPv4 first', () => {
  expect(told(read('one', 'six'))).toEqual(['one/eth1 fd00::10', 'six/eth0 fd00:1::6']);
  expect(told(read('one', '2001:db8::1', { protocol: 'icmpv6' }))).toEqual(['one/eth1 fd00::10', '2001:db8::1']);
  expect(() => read('two', 'six')).toThrow('have no addresses of IPv4 or IPv6');
  expect(() => read('one', 'two', { protocol: 'tcp', port: 80, family: 6 })).toThrow('have no addresses of IPv6');
  expect(() => read('one', 'two', { protocol: 'icmp', family: 6 })).toThrow('belongs to IPv4');
});

test.each([
  ['none', 'two', { port: 80 }, 'there is no VM "none"'],
  ['one/eth7', 'two', { port: 80 }, 'there is no interface "one/eth7"'],
  ['10.0.0.300', 'two', { port: 80 }, 'is no IP address'],
  ['one', 'two', {}, 'tcp needs a port'],
  ['one', 'two', { port: 80, type: 8 }, 'has no type'],
  ['one', 'two', { protocol: 'icmp', port: 80 }, 'has no ports'],
] as const)('%s to %s is refused: %o', (from, to, more, reason) => {
  expect(() => read(from, to, more)).toThrow(reason);
});

test('an ICMP question without a type is an echo request', () => {
  expect(read('one', 'two', { protocol: 'icmp' }).packet).toEqual({ protocol: 'icmp', type: 8, code: 0 });
});
