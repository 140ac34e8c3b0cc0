import { expect, test } from 'vitest';
import { readPing } from '../../src/lab/ping.ts';

const head = 'PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n';
const reply = (time: number, sequence: number, rtt = 0.5): string =>
  `[${time}] 64 bytes from 10.0.0.2: icmp_seq=${sequence} ttl=64 time=${rtt} ms\n`;
const summary = (sent: number, received: number): string =>
  `\n--- 10.0.0.2 ping statistics ---\n${sent} packets transmitted, ${received} received, 0% packet loss, time 20ms\n`;

test('lost requests are named, and the gap that they left is measured', () => {
  const text = `${head}${reply(1, 1)}[1.02] no answer yet for icmp_seq=2\n${reply(1.02, 3, 2)}${summary(3, 2)}`;
  expect(readPing(text, '')).toEqual({
    sent: 3,
    received: 2,
    lossPercent: expect.closeTo(33.33, 2) as number,
    rttMsMax: 2,
    rttMsAverage: 1.25,
    missing: [2],
    gapMsMax: expect.closeTo(20) as number,
  });
});

test('a report is of the requests up to the last that is looked at', () => {
  const text = `${head}${reply(1, 1)}${reply(1.01, 2)}[1.03] no answer yet for icmp_seq=3\n${reply(1.04, 4, 7)}${summary(6, 3)}`;
  expect(readPing(text, '', 2)).toMatchObject({ sent: 2, received: 2, missing: [], rttMsMax: 0.5 });
  expect(readPing(text, '', 3)).toMatchObject({ sent: 3, received: 2, missing: [3] });
  expect(readPing(text, '')).toMatchObject({ sent: 6, received: 3, missing: [3, 5, 6], rttMsMax: 7 });
  expect(readPing(text, '', 0)).toMatchObject({ sent: 0, received: 0, lossPercent: 0, missing: [] });
});

test('a late reply counts, and a second one counts once', () => {
  const text = `${head}[1.02] no answer yet for icmp_seq=1\n${reply(1.1, 2)}${reply(1.2, 1, 200)}[1.3] 64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=300 ms (DUP!)\n${summary(2, 2)}`;
  expect(readPing(text, '')).toMatchObject({ sent: 2, received: 2, missing: [], rttMsMax: 200 });
});

test('a ping that could not begin says why', () => {
  expect(() => readPing('', 'ping: connect: Network is unreachable\n')).toThrow('Network is unreachable');
});
