import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listenUdp, startLab, streamUdp } from '../../src/lab/index.ts';
import type { Guest, Lab, UdpCounter } from '../../src/lab/index.ts';
import { bufferDrops } from '../support/buffer-drops.ts';
import { RunningWeir } from '../support/running-weir.ts';
import { until } from '../support/weir-client.ts';

/**
 * Policies that mean the same for two streams of packets take each other's place, by thousands of flows or by another way to tell groups
 * apart. What both allow loses no packet, what both deny gets none through: a packet that saw half of one and half of
 * the other would show, because parts of each say the opposite.
 */

const [allowedPort, deniedPort] = [5000, 6000];
const directory = mkdtempSync(join(tmpdir(), 'weir-change-'));
let lab: Lab;
let weir: RunningWeir;
const guests = new Map<string, Guest>();
const guest = (name: string): Guest => {
  const found = guests.get(name);
  if (!found) throw new Error(`${name} is not plugged`);
  return found;
};

const tenantPath = '/v1/tenants/acme';
const put = (kind: string, name: string, spec: object): Promise<unknown> =>
  weir.must('PUT', `${tenantPath}/${kind}/${name}?wait=realized&timeoutMs=60000`, { spec });

beforeAll(async () => {
  lab = await startLab({ hosts: 2, directory, managers: [] });
  weir = await RunningWeir.start();
  for (const host of ['hv1', 'hv2']) await lab.host(host).join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`]);
  await until(async () => (await weir.host('hv1'))?.connected && (await weir.host('hv2'))?.connected);
  const vm = (name: string): object => ({
    kind: 'Vm',
    metadata: { name, tenant: 'acme', labels: { role: name } },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] },
  });
  await weir.must('POST', '/v1/apply', [
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'open' } },
    { kind: 'Network', metadata: { name: 'net', tenant: 'acme' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
    ...['a', 'b', 'c'].map(vm),
    ...Array.from({ length: 130 }, (_, index) => ({
      kind: 'Group',
      metadata: { name: `g${index}`, tenant: 'acme' },
      spec: { selector: { matchExpressions: [{ key: 'role', operator: 'In', values: index % 2 === 0 ? ['a'] : ['b', 'c'] }] } },
    })),
  ]);
  for (const [name, host] of [
    ['a', 'hv1'],
    ['b', 'hv1'],
    ['c', 'hv2'],
  ] as const) {
    await weir.must('POST', `${tenantPath}/vms/${name}/start?timeoutMs=60000`, { host });
    guests.set(name, await weir.plug(lab, 'acme', name));
  }
});

afterAll(async () => {
  await lab.close();
  await weir.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Seen {
  readonly lost: number;
  readonly leaked: number;
  readonly sent: number;
}

/** Streams from `a` to the VM on its host and to the one on the other, while something is done. */
async function streaming(work: () => Promise<void>): Promise<Seen> {
  const pairs = ['b', 'c'].flatMap((to) => [allowedPort, deniedPort].map((port) => ({ to, port })));
  const streams = await Promise.all(
    pairs.map(async ({ to, port }) => {
      const sink = await listenUdp(lab, guest(to), port, 'count');
      const address = guest(to).interfaces[0]?.addresses[0]?.address ?? '';
      return { port, sink, stream: await streamUdp(lab, guest('a'), { address, port }, { intervalMs: 2 }) };
    }),
  );
  const droppedBefore = await bufferDrops(lab);
  await work();
  await new Promise((resolve) => setTimeout(resolve, 300));
  let [lost, leaked, sent] = [0, 0, 0];
  const ended = await Promise.all(streams.map(async ({ port, sink, stream }) => ({ port, sink, out: (await stream.stop()).sent })));
  for (const { port, sink, out } of ended.toSorted((one, other) => one.port - other.port)) {
    if (port === allowedPort) await allArrived(sink, out);
    const { received } = await sink.stop();
    sent += out;
    if (port === allowedPort) lost += out - received;
    else leaked += received;
  }
  const dropped = (await bufferDrops(lab)) - droppedBefore;
  if (dropped > 0) console.log(`${lost} of ${sent} lost, ${dropped} packets dropped by sockets that were read too slowly`);
  return { lost: Math.max(0, lost - dropped), leaked, sent };
}

/** Returns when all that was sent has arrived, or nothing more comes. */
async function allArrived(sink: UdpCounter, sent: number): Promise<void> {
  for (let [received, before] = [0, -1]; received < sent && received > before;) {
    await new Promise((resolve) => setTimeout(resolve, before < 0 ? 0 : 2_000));
    [received, before] = [(await sink.count()).received, received];
  }
}

const udp = (action: string, port: number, to: readonly object[]): object => ({ action, to, services: [{ protocol: 'udp', port }] });
/** 250 flows that nobody's packets match, others for each variant. */
const filler = (variant: number, rule: number): object => ({
  action: 'deny',
  to: Array.from({ length: 250 }, (_, index) => ({
    cidr: `${20 + variant}.${rule * 2 + Math.floor(index / 125)}.${(index % 125) * 2}.0/24`,
  })),
  services: [{ protocol: 'tcp', port: 1 }],
});
const fillers = (variant: number, count: number): readonly object[] => Array.from({ length: count }, (_, rule) => filler(variant, rule));
const little = (variant: number): readonly object[] =>
  Array.from({ length: 40 }, (_, index) => ({ action: 'deny', to: [{ cidr: `${30 + variant}.0.${index * 2}.0/24` }] }));

/** First what decides, much behind it the opposite. */
const [front, back] = [[{ cidr: '10.0.0.0/24' }], [{ cidr: '10.0.0.0/25' }]];
const opposites = {
  egress: [
    udp('allow', allowedPort, front),
    udp('deny', deniedPort, front),
    ...fillers(0, 12),
    udp('deny', allowedPort, back),
    udp('allow', deniedPort, back),
    ...little(0),
  ],
};
/** The same for the streams, decided below all that the other says. */
const plain = { egress: [...little(1), ...fillers(1, 12), udp('allow', allowedPort, back), udp('deny', deniedPort, back)] };

test('one policy of thousands of flows takes the place of another', async () => {
  await put('policies', 'rules', plain);
  const seen = await streaming(async () => {
    for (let round = 0; round < 4; round++) {
      await put('policies', 'rules', opposites);
      await put('policies', 'rules', plain);
    }
  });
  expect(seen.sent).toBeGreaterThan(1_000);
  expect({ lost: seen.lost, leaked: seen.leaked }).toEqual({ lost: 0, leaked: 0 });
});

const group = (index: number): object => ({ group: `g${index}` });
/** Names `count` groups; who is allowed and who is denied is a matter of groups. */
const naming = (count: number): object => ({
  appliesTo: ['g0'],
  egress: [
    udp('allow', allowedPort, [group(1)]),
    udp('deny', deniedPort, [group(1)]),
    {
      action: 'deny',
      to: [group(1), ...Array.from({ length: count - 2 }, (_, index) => group(index + 2))],
      services: [{ protocol: 'udp' }],
    },
    ...fillers(2, 10),
  ],
});
const policyTables = async (): Promise<string> => lab.ofctl('hv1', ['-O', 'OpenFlow15', '--no-names', 'dump-flows', 'br-int', 'table=33']);

test("a tenant's groups come to be told apart by sets, and by bits again", async () => {
  await put('policies', 'rules', naming(128));
  expect(await policyTables()).toMatch(/reg1=0x1[,\s]/);
  const seen = await streaming(async () => {
    for (let round = 0; round < 3; round++) {
      await put('policies', 'rules', naming(129));
      expect(await policyTables()).toMatch(new RegExp(`reg1=0x${(round * 2 + 1).toString(16)}0000001,`));
      expect(await policyTables()).not.toMatch(/reg1=0x1[,\s]/);
      await put('policies', 'rules', naming(96));
      expect(await policyTables()).toMatch(new RegExp(`reg1=0x${(round * 2 + 2).toString(16)}0000001,`));
    }
  });
  expect(seen.sent).toBeGreaterThan(1_000);
  expect({ lost: seen.lost, leaked: seen.leaked }).toEqual({ lost: 0, leaked: 0 });
});
