import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createColors } from 'picocolors';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import { rejoin } from '../../src/cli/backup.ts';

/** A cluster `one` of `a`, who is up, and of `d`, who is not. */
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  const members = [
    { id: 'a', address: '127.0.0.1:1', reachable: true },
    { id: 'd', address: '127.0.0.1:2', reachable: false },
  ];
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ cluster: 'one', members }));
});
beforeEach(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
afterEach(() => {
  asked.length = 0;
  server.closeAllConnections();
  return new Promise((resolve) => void server.close(resolve));
});

type Owner = { readonly member: string; readonly cluster: string };

async function rejoined(owner: Owner | undefined | Error, ...args: string[]) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const command = parseArguments(['cluster', 'rejoin', '--data', 'd', '--server', url, ...args], {
    environment: {},
    workingDirectory: '/',
    version: '0',
  });
  if (command.kind !== 'rejoin') throw new Error(JSON.stringify(command));
  const said: string[] = [];
  const aside: string[] = [];
  const local = {
    owner: () => (owner instanceof Error ? Promise.reject(owner) : Promise.resolve(owner)),
    assertStopped: () => Promise.resolve(),
    setAside: (data: string) => Promise.resolve(String(aside.push(data))),
  };
  const say = (text: string): void => void said.push(text);
  const exitCode = await rejoin(command, local, { stdin: process.stdin, print: say, complain: say, colours: createColors(false) });
  return { exitCode, said: said.join('\n'), aside: aside.length, removed: asked.filter((each) => each.startsWith('DELETE')) };
}

test('the member whose data it is is removed, and the data goes aside', async () => {
  const done = { exitCode: 0, aside: 1, removed: ['DELETE /v1/cluster/members/d'] };
  expect(await rejoined({ member: 'd', cluster: 'one' })).toMatchObject(done);
  asked.length = 0;
  expect(await rejoined(new Error('checksum'), '--member', 'd')).toMatchObject(done);
});

test.each<[string, Owner | undefined | Error, string[], string]>([
  ['another member than the one whose data it is', { member: 'd', cluster: 'one' }, ['--member', 'a'], 'is the data of member d, not of a'],
  ['a member that is up', { member: 'a', cluster: 'one' }, [], 'a is up at 127.0.0.1:1'],
  ['one that is up, named for data that cannot tell', new Error('checksum'), ['--member', 'a'], 'a is up at 127.0.0.1:1'],
  ['data of another cluster', { member: 'd', cluster: 'two' }, [], 'has data of cluster two'],
  ['data that cannot tell', new Error('checksum'), [], 'say --member NAME'],
  ['no data', undefined, ['--member', 'd'], 'has no data'],
])('%s: refused, and nothing changes', async (_what, owner, args, reason) => {
  expect(await rejoined(owner, ...args)).toEqual({ exitCode: 1, said: expect.stringContaining(reason), aside: 0, removed: [] });
});
