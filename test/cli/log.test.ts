import { Readable } from 'node:stream';
import { createColors } from 'picocolors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import { log } from '../../src/cli/log.ts';
import type { LogRecord } from '../../src/journal/ports.ts';
import { openServer, prepareTenants, type Server } from '../api/server.ts';
import { recordWith } from '../journal/records.ts';

/** `weir log`, from the command line to what is printed. */

const kept: readonly LogRecord[] = [
  recordWith({
    id: 1,
    verdict: 'allow',
    packet: {
      from: { address: '10.0.0.1', tenant: 'acme', vm: 'web-1', interface: 'eth0' },
      to: { address: '10.0.0.2' },
      protocol: 'tcp',
      sourcePort: 40_000,
      port: 443,
      length: 60,
    },
  }),
  recordWith({
    id: 2,
    dropped: 12,
    packet: { from: { address: '10.0.0.1' }, to: { address: '10.0.0.2' }, protocol: 'icmp', type: 8, code: 0, length: 84 },
  }),
];
let server: Server;
beforeAll(async () => {
  server = await openServer({
    policyLog: { read: (tenant, _, limit) => (tenant === 'other' ? [] : kept.slice(-limit)), follow: () => () => undefined },
  });
  await prepareTenants(server);
});
afterAll(() => server.close());

async function weir(...argv: readonly string[]): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }> {
  const command = parseArguments(['log', ...argv, '--server', server.url], { environment: {}, workingDirectory: '/', version: '0.0.0' });
  if (command.kind !== 'log') throw new Error(`it was taken for ${command.kind}`);
  const lines: string[] = [];
  const print = (text: string): void => void lines.push(text);
  const exitCode = await log(command, { stdin: Readable.from([]), print, complain: print, colours: createColors(false) });
  return { exitCode, lines };
}

test('a line for each record, the newest last', async () => {
  const { exitCode, lines } = await weir('-t', 'acme');
  expect(exitCode).toBe(0);
  expect(lines).toEqual([
    '2026-01-01T00:00:00.000Z  allow   acme/p ingress[0]             tcp/443  web-1/eth0 10.0.0.1:40000 → 10.0.0.2  on h1',
    '2026-01-01T00:00:00.000Z  deny    acme/p ingress[0]             icmp/8.0  10.0.0.1 → 10.0.0.2  on h1  (12 dropped before)',
  ]);
});

test('JSON, the last few, and none', async () => {
  expect((await weir('--json', '--limit', '1')).lines.map((line) => JSON.parse(line) as unknown)).toEqual([kept[1]]);
  expect((await weir('-t', 'other')).lines).toEqual([expect.stringMatching(/^no records/)]);
  expect((await weir('-t', 'other', '--json')).lines).toEqual([]);
});

test('a tenant that is not there is complained of', async () => {
  const { exitCode, lines } = await weir('-t', 'nobody');
  expect([exitCode, lines]).toEqual([1, [expect.stringContaining('nobody')]]);
});
