import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { listenOpenFlow, Reconciler } from '../../flows/index.ts';
import { encode, flowMod } from '../../flows/openflow/index.ts';
import type { Message } from '../../flows/openflow/index.ts';
import { ping, startLab } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { epochOf, masterOf, rolesOf } from '../support/roles.ts';
import { RunningCluster } from '../support/running-cluster.ts';
import { until } from '../support/weir-client.ts';

/** Who owned a switch, or never did, and writes to it all the same: what Open vSwitch and its database refuse, and what is put right. */
const directory = mkdtempSync(join(tmpdir(), 'weir-stale-'));
let lab: Lab;
let cluster: RunningCluster;
let guest: Guest;

beforeAll(async () => {
  lab = await startLab({ hosts: 1, directory, managers: [] });
  cluster = await RunningCluster.start(lab.gatewayAddress);
  await lab.host('hv1').join(cluster.ids.map((id) => `tcp:${lab.gatewayAddress}:${cluster.member(id).ovsdbPort}`));
  await cluster.everyMember(async (weir) => (await weir.host('hv1'))?.connected === true);
  const weir = cluster.member('a');
  await weir.must('POST', '/v1/apply', [
    { kind: 'Tenant', metadata: { name: 't' }, spec: {} },
    { kind: 'Network', metadata: { name: 'net', tenant: 't' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
    { kind: 'Vm', metadata: { name: 'vm', tenant: 't' }, spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] } },
  ]);
  await weir.must('POST', '/v1/tenants/t/vms/vm/start?timeoutMs=60000', { host: 'hv1' });
  guest = await weir.plug(lab, 't', 'vm');
});

afterAll(async () => {
  await lab.close();
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
});

const answers = async (): Promise<boolean> => (await ping(lab, guest, '10.0.0.1', { count: 1, timeoutMs: 200 })).received === 1;

/** The flow table without counters, ascending. */
async function flows(): Promise<readonly string[]> {
  const text = await lab.ofctl('hv1', ['-O', 'OpenFlow15', '--no-stats', 'dump-flows', 'br-int']);
  return text
    .split('\n')
    .filter((line) => line.includes('table='))
    .toSorted();
}

/** Has the switch connect to one more controller, until the test ends. */
async function connectTo(port: number): Promise<void> {
  const made = [
    '--id=@it',
    'create',
    'Controller',
    `target="tcp:${lab.gatewayAddress}:${port}"`,
    'max_backoff=1000',
    'connection_mode=out-of-band',
  ];
  const uuid = (await lab.vsctl('hv1', ['--', ...made, '--', 'add', 'Bridge', 'br-int', 'controller', '@it'])).trim();
  onTestFinished(async () => void (await lab.vsctl('hv1', ['remove', 'Bridge', 'br-int', 'controller', uuid])));
}

/** A controller beside Weir's that takes the switch with this generation, as often as it is let, and wants it empty. */
async function taker(generation: number) {
  const told = { mastered: 0, lost: [] as string[] };
  const reconciler = new Reconciler();
  const listener = await listenOpenFlow(
    { host: lab.gatewayAddress, port: 0 },
    {
      onConnection: (connection) =>
        connection.own(reconciler, generation, {
          onProgress: () => undefined,
          onRefused: () => undefined,
          onClosed: () => undefined,
          onMastered: () => void told.mastered++,
          onLost: (cause) => void told.lost.push(cause),
        }),
      onEnd: () => undefined,
    },
  );
  onTestFinished(() => listener.close());
  await connectTo(listener.port);
  return told;
}

test('an old generation is refused, and nothing is written', async () => {
  const before = await flows();
  const told = await taker((await epochOf(lab, 'hv1')) - 1);
  await until(() => told.lost.length > 0);
  expect(told).toEqual({ mastered: 0, lost: ['stale'] });
  expect(await flows()).toEqual(before);
});

test('an equal one takes the switch, and loses it again: what it did is put right', async () => {
  const before = await flows();
  const told = await taker(await epochOf(lab, 'hv1'));
  await until(() => told.lost.length > 0);
  expect(told).toEqual({ mastered: 1, lost: ['taken'] });
  await until(async () => JSON.stringify(await flows()) === JSON.stringify(before));
  await until(answers);
});

test('a generation that vswitchd has forgotten is of no use for long', async () => {
  const before = await flows();
  const told = await taker((await epochOf(lab, 'hv1')) - 1);
  await until(() => told.lost.length > 0);
  await lab.restartVswitchd('hv1', 'kill');
  await until(() => told.lost.length > 1);
  await until(async () => JSON.stringify(await flows()) === JSON.stringify(before));
  await until(answers);
  expect(await until(() => masterOf(lab, 'hv1', cluster, 3))).toBeDefined();
});

test('what a fresh connection writes before it has a role is taken away', async () => {
  const before = await flows();
  const hello: Message = {
    version: 6,
    xid: 1,
    type: 'OFPT_HELLO',
    body: { elements: [{ type: 'OFPHET_VERSIONBITMAP', bitmaps: [0x40] }] },
  };
  const dropping = { tableId: 0, priority: 65_000, cookie: 7n, match: [], instructions: [] };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(encode(hello));
    socket.once('data', () => socket.write(encode(flowMod(6, 2, 'OFPFC_ADD', dropping))));
  });
  await new Promise<void>((resolve) => server.listen(0, lab.gatewayAddress, resolve));
  onTestFinished(() => void server.close());
  const drifts = (): number => cluster.members.reduce((sum, [, weir]) => sum + weir.events('drift-repaired', 'hv1').length, 0);
  const seen = drifts();
  const { port } = server.address() as { readonly port: number };
  await connectTo(port);
  await until(() => drifts() > seen);
  await until(async () => JSON.stringify(await flows()) === JSON.stringify(before));
  await until(answers);
});

test('an owner that hears nothing of the others is fenced, also when vswitchd starts again, and owns again when it is back', async () => {
  const owner = await until(() => masterOf(lab, 'hv1', cluster, 3));
  const epoch = await epochOf(lab, 'hv1');
  const stale = cluster.member(owner);
  const resyncs = (id: string) => cluster.member(id).events('resynced', 'hv1');
  const [resynced, repaired] = (['resynced', 'drift-repaired'] as const).map(
    (kind) => new Map(cluster.ids.map((id) => [id, cluster.member(id).events(kind, 'hv1').length])),
  );
  cluster.cutOff(owner);
  await until(async () => (await epochOf(lab, 'hv1')) > epoch);
  const next = await until(async () => {
    const master = await masterOf(lab, 'hv1', cluster, 3);
    return master === owner ? undefined : master;
  });
  await until(() => stale.events('ovsdb-refused', 'hv1').length > 0);
  expect(await until(() => resyncs(next)[resynced?.get(next) ?? 0])).toMatchObject({ flowsSent: 0 });
  const whole = await flows();

  await lab.restartVswitchd('hv1', 'kill');
  await until(answers);
  await until(async () => JSON.stringify(await flows()) === JSON.stringify(whole));
  // Who connects first may be master until the other has told of its generation.
  await until(async () => {
    const roles = await rolesOf(lab, 'hv1', cluster);
    return roles.size === 3 && ![...roles.values()].includes('other') && roles.get(next) === 'master' && roles.get(owner) === 'slave';
  });
  expect(cluster.member(next).events('drift-repaired', 'hv1').slice(repaired?.get(next))).toEqual([]);

  const before = resyncs(owner).length;
  cluster.letIn(owner);
  expect(await until(() => resyncs(owner)[before])).toMatchObject({ flowsSent: 0 });
  await until(answers);
});
