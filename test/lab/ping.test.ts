import { expect, test } from 'vitest';
import { readPing } from '../../src/lab/ping.ts';

const head = 'PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n';
const reply = (time: number, sequence: number, rtt = 0.5): string =>
  `[${time}] 64 bytes from 10.0.0.2: icmp_seq=${sequence} ttl=64 time=${rtt} ms\n`;
const summary = (sent: number, received: number): string =>
  `\n--- 10.0.0.2 ping statistics ---\n${sent} packets transmitted, ${received} received, 0% packet loss, time 20ms\n`;

test('lost requests are named, and the gap that they left is measured', () => {
  const text = `${head}${reply(1, 1)}[1.02] no answer yet for icmp_seq=2\n${reply(1.02, 3, 2)}${summary(3, 2)}`;
  expect(readPing(text, '', false)).toEqual({
    sent: 3,
    received: 2,
    lossPercent: expect.closeTo(33.33, 2) as number,
    rttMsMax: 2,
    rttMsAverage: 1.25,
    missing: [2],
    gapMsMax: expect.closeTo(20) as number,
  });
});

test('the last request of a stopped ping may still have been on its way', () => {
  const text = `${head}${reply(1, 1)}${summary(2, 1)}`;
  expect(readPing(text, '', true)).toMatchObject({ sent: 1, received: 1, missing: [] });
  expect(readPing(text, '', false)).toMatchObject({ sent: 2, received: 1, missing: [2] });
  const overdue = `${head}${reply(1, 1)}[1.02] no answer yet for icmp_seq=2\n${summary(2, 1)}`;
  expect(readPing(overdue, '', true)).toMatchObject({ sent: 2, received: 1, missing: [2] });
});

test('a late reply counts, and a second one counts once', () => {
  const text = `${head}[1.02] no answer yet for icmp_seq=1\n${reply(1.1, 2)}${reply(1.2, 1, 200)}[1.3] 64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=300 ms (DUP!)\n${summary(2, 2)}`;
  expect(readPing(text, '', false)).toMatchObject({ sent: 2, received: 2, missing: [], rttMsMax: 200 });
});

test('a ping that could not begin says why', () => {
  expect(() => readPing('', 'ping: connect: Network is unreachable\n', false)).toThrow('Network is unreachable');
});
