import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseYamlStream } from '../../src/api/yaml-stream.ts';
import { connectTcp, listenTcp } from '../../src/lab/index.ts';
import type { ConnectOutcome, Guest } from '../../src/lab/index.ts';
import { PolicyLab } from '../support/policy-lab.ts';
import type { RawDocument } from '../support/policy-oracle.ts';

/** What docs/policy.md says of several tenants, with the same documents and real connections. */

const examples = join(import.meta.dirname, '../../examples/policies');
const read = (name: string): readonly RawDocument[] =>
  parseYamlStream(readFileSync(join(examples, name), 'utf8')) as readonly RawDocument[];

const running = {
  'gate-1': { tenant: 'acme', host: 'hv1' },
  'gate-2': { tenant: 'globex', host: 'hv2' },
  'visitor-1': { tenant: 'lobby', host: 'hv1' },
  'kiosk-1': { tenant: 'lobby', host: 'hv1' },
  'kiosk-2': { tenant: 'lobby', host: 'hv2' },
} as const;
type Name = keyof typeof running;

let net: PolicyLab;
const guests = new Map<string, Guest>();

beforeAll(async () => {
  net = await PolicyLab.start();
  await net.apply(...read('cast.yaml'), ...read('peering.yaml'), ...read('open.yaml'));
  for (const [name, { tenant, host }] of Object.entries(running)) {
    const guest = await net.run(tenant, name, host);
    guests.set(name, guest);
    for (const port of [22, 80, 443]) await listenTcp(net.lab, guest, port);
  }
});
afterAll(() => net.stop());

function guest(name: Name): Guest {
  const found = guests.get(name);
  if (!found) throw new Error(`${name} is not plugged`);
  return found;
}

async function outcome(from: Name, to: Name, port: number, timeoutMs = 20_000): Promise<ConnectOutcome> {
  const address = await net.address(running[to].tenant, to);
  return (await connectTcp(net.lab, guest(from), { address, port }, timeoutMs)).outcome;
}
const silent = async (from: Name, to: Name, port: number): Promise<boolean> => (await outcome(from, to, port, 600)) === 'timeout';

test('tenants that a platform router joins, and guests of a shared network, where both sides allow it', async () => {
  expect(await outcome('gate-1', 'gate-2', 443)).toBe('connected');
  expect(await silent('gate-1', 'gate-2', 22)).toBe(true);
  expect(await silent('gate-2', 'gate-1', 443)).toBe(true);
  expect(await outcome('visitor-1', 'gate-2', 443)).toBe('connected');
  expect(await silent('visitor-1', 'gate-2', 22)).toBe(true);
  expect(await outcome('gate-1', 'visitor-1', 443)).toBe('connected');
});

test('where the posture is open only what a rule takes away is refused', async () => {
  expect(await outcome('kiosk-1', 'kiosk-2', 80)).toBe('connected');
  expect(await outcome('kiosk-2', 'kiosk-1', 80)).toBe('connected');
  expect(await outcome('kiosk-1', 'kiosk-2', 22)).toBe('refused');
});

test('permission alone joins nobody', async () => {
  await net.weir.must('DELETE', '/v1/routers/exchange?wait=realized&timeoutMs=60000');
  await net.settle();
  expect(await silent('gate-1', 'gate-2', 443)).toBe(true);
  // The shared network needs no router.
  expect(await outcome('visitor-1', 'gate-2', 443)).toBe('connected');
  expect(await silent('kiosk-1', 'gate-2', 443)).toBe(true);
});
