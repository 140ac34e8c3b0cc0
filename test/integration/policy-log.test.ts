import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectSuccess } from '../../src/lab/command.ts';
import { connectTcp, listenTcp, listenUdp, openTcp, requestUdp, streamUdp } from '../../src/lab/index.ts';
import type { LogRecord } from '../../src/journal/ports.ts';
import { RejectLab } from '../support/reject-lab.ts';

/** What rules with `log: true` tell of real packets. */

let net: RejectLab;
beforeAll(async () => void (net = await RejectLab.start()));
afterAll(() => net.stop());

const open: { stop(): Promise<unknown> }[] = [];
const policies: [string, string][] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.stop()));
  for (const policy of policies.splice(0)) await net.lift(...policy);
});

async function policy(name: string, spec: object, tenant = 'acme'): Promise<void> {
  await net.policy(name, spec, tenant);
  policies.push([name, tenant]);
}

const logged = (action: string, protocol: 'tcp' | 'udp', port: number): object => ({ action, services: [{ protocol, port }], log: true });

/** The records of a policy, oldest first. */
async function records(policyName: string, tenant = 'acme'): Promise<readonly LogRecord[]> {
  const { items } = await net.weir.must<{ items: LogRecord[] }>('GET', `/v1/tenants/${tenant}/log?limit=1000`);
  return items.filter((record) => record.policy === policyName);
}

async function settled(policyName: string, count: number, tenant = 'acme'): Promise<readonly LogRecord[]> {
  await expect.poll(async () => (await records(policyName, tenant)).length).toBeGreaterThanOrEqual(count);
  return records(policyName, tenant);
}

test.each(['allow', 'deny', 'reject'] as const)('a record says who asked whom for what, and what decided: %s', async (action) => {
  await policy(`one-${action}`, { ingress: [{ action: 'pass', services: [{ protocol: 'tcp', port: 1 }] }, logged(action, 'tcp', 8000)] });
  open.push(await listenTcp(net.lab, net.guest('routed'), 8000));
  await connectTcp(net.lab, net.guest('asker'), { address: net.address('routed'), port: 8000 }, 300);
  const [record] = await settled(`one-${action}`, 1);
  expect(record).toEqual({
    id: expect.any(Number),
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    tenant: 'acme',
    host: 'hv2',
    tier: 'tenant',
    policy: `one-${action}`,
    rule: 1,
    direction: 'ingress',
    verdict: action,
    packet: {
      from: { address: net.address('asker'), tenant: 'acme', vm: 'asker', interface: 'eth0' },
      to: { address: net.address('routed'), tenant: 'acme', vm: 'routed', interface: 'eth0' },
      protocol: 'tcp',
      sourcePort: expect.any(Number),
      port: 8000,
      length: expect.any(Number),
    },
    dropped: 0,
  });
});

test('both sides tell, each of its own rule, IPv6 too; a connection is told once', async () => {
  await policy('both', { ingress: [logged('allow', 'tcp', 8001)], egress: [logged('allow', 'tcp', 8001)] });
  open.push(await listenTcp(net.lab, net.guest('beside'), 8001));
  const connection = await openTcp(net.lab, net.guest('asker'), { address: net.address('beside', 6), port: 8001 });
  for (let turn = 0; turn < 5; turn++) expect((await connection.exchange()).outcome).toBe('echoed');
  await connection.close();
  const seen = await settled('both', 2);
  expect(seen.map(({ direction, packet }) => [direction, packet.from.address, packet.to.vm])).toEqual([
    ['egress', net.address('asker', 6), 'beside'],
    ['ingress', net.address('asker', 6), 'beside'],
  ]);
});

test('`log` begins and ends with the rule’s wish', async () => {
  open.push(await listenUdp(net.lab, net.guest('beside'), 8002));
  const ask = () => requestUdp(net.lab, net.guest('asker'), { address: net.address('beside'), port: 8002 });
  const spec = (log: boolean): object => ({ ingress: [{ action: 'allow', services: [{ protocol: 'udp', port: 8002 }], log }] });
  await policy('switched', spec(false));
  expect((await ask()).outcome).toBe('replied');
  await net.policy('switched', spec(true));
  expect((await ask()).outcome).toBe('replied');
  await settled('switched', 1);
  await net.policy('switched', spec(false));
  expect((await ask()).outcome).toBe('replied');
  await policy('after', { ingress: [logged('allow', 'udp', 8003)] });
  open.push(await listenUdp(net.lab, net.guest('beside'), 8003));
  await requestUdp(net.lab, net.guest('asker'), { address: net.address('beside'), port: 8003 });
  await settled('after', 1);
  expect(await records('switched')).toHaveLength(1);
});

test('whoever floods the log loses his own records, and nobody else’s; the rest goes on', async () => {
  await policy('flood', { ingress: [logged('deny', 'udp', 8004), logged('reject', 'udp', 8005)] });
  await policy('quiet', { ingress: [logged('allow', 'udp', 8006)] }, 'globex');
  open.push(await listenUdp(net.lab, net.guest('beside', 'globex'), 8006));
  open.push(await listenTcp(net.lab, net.guest('beside'), 8007));
  const established = await openTcp(net.lab, net.guest('asker'), { address: net.address('beside'), port: 8007 });
  const floods = await Promise.all(
    [8004, 8005].map((port) =>
      streamUdp(net.lab, net.guest('asker'), { address: net.address('beside'), port }, { intervalMs: 0.5, count: 10_000 }),
    ),
  );
  const usedBefore = process.cpuUsage();
  const startedMs = performance.now();
  for (let turn = 0; turn < 10; turn++) {
    const asked = await requestUdp(net.lab, net.guest('asker', 'globex'), { address: net.address('beside', 4, 'globex'), port: 8006 });
    expect(asked.outcome).toBe('replied');
    expect((await established.exchange()).outcome).toBe('echoed');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const used = process.cpuUsage(usedBefore);
  await expect.poll(async () => (await Promise.all(floods.map((flood) => flood.count()))).every((count) => count.sent > 2000)).toBe(true);
  const sent = await Promise.all(floods.map(async (flood) => (await flood.stop()).sent));
  const quiet = await settled('quiet', 10, 'globex');
  expect(quiet.map(({ dropped }) => dropped)).toEqual(quiet.map(() => 0));
  expect(quiet).toHaveLength(10);
  const flooded = await settled('flood', 100);
  // Each interface has its rate on the switch: most of what was sent never comes up.
  expect(flooded.length).toBeLessThan(sent.reduce((sum, count) => sum + count, 0) / 2);
  await established.close();
  const seconds = (performance.now() - startedMs) / 1000;
  const share = (used.user + used.system) / 1e6 / seconds;
  console.log(
    `${sent.join(' + ')} packets sent in ${seconds.toFixed(1)} s, ${flooded.length} recorded, ${(share * 100).toFixed(1)} % of a core in this process`,
  );
});

test('a tenant sees its own records alone, the platform sees all', async () => {
  for (const [name, tenant] of [
    ['theirs', 'globex'],
    ['mine', 'acme'],
  ] as const) {
    await policy(name, { ingress: [logged('allow', 'udp', 8008)] }, tenant);
    open.push(await listenUdp(net.lab, net.guest('beside', tenant), 8008));
    await requestUdp(net.lab, net.guest('asker', tenant), { address: net.address('beside', 4, tenant), port: 8008 });
    await settled(name, 1, tenant);
  }
  expect(await records('mine', 'globex')).toEqual([]);
  expect(await records('theirs')).toEqual([]);
  const { items } = await net.weir.must<{ items: LogRecord[] }>('GET', '/v1/log?limit=1000');
  expect(items.map(({ id }) => id)).toEqual(items.map(({ id }) => id).toSorted((a, b) => a - b));
  expect(new Set(items.map(({ tenant }) => tenant))).toEqual(new Set(['acme', 'globex']));
  const lines = stripVTControlCharacters(
    await expectSuccess([join(import.meta.dirname, '../../bin/weir'), 'log', '-t', 'acme', '--server', net.weir.url]),
  ).trim();
  expect(lines).toMatch(/allow +acme\/mine ingress\[0\] +udp\/8008 +asker\/eth0 .*→ beside\/eth0 .*on hv1$/m);
});

test('followers get each record as it comes', async () => {
  await policy('followed', { ingress: [logged('deny', 'udp', 8009)] });
  const abort = new AbortController();
  const response = await fetch(`${net.weir.url}/v1/tenants/acme/log?follow=true&limit=1`, { signal: abort.signal });
  await requestUdp(net.lab, net.guest('asker'), { address: net.address('beside'), port: 8009 }, 32, 100);
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes('"policy":"followed"')) break;
  }
  abort.abort();
  expect(text).toMatch(/id: \d+\nevent: record\ndata: \{.*"policy":"followed"/);
});

test('records go to a file too, where one is configured', async () => {
  await policy('filed', { ingress: [logged('deny', 'udp', 8010)] });
  await requestUdp(net.lab, net.guest('asker'), { address: net.address('beside'), port: 8010 }, 32, 100);
  await settled('filed', 1);
  const lines = (): LogRecord[] =>
    readFileSync(net.policyFile, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LogRecord);
  await expect.poll(() => lines().some((record) => record.policy === 'filed')).toBe(true);
});
