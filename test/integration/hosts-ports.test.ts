import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectTcp, listenTcp, openTcp, ping, startLab } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { RunningWeir } from '../support/running-weir.ts';
import { until } from '../support/weir-client.ts';
import type { VmAnswer } from '../support/weir-client.ts';

/** A port belongs to a VM's interface when it says so, on the VM's host, and for this life of the VM; else nothing passes. */

const directory = mkdtempSync(join(tmpdir(), 'weir-ports-'));
let lab: Lab;
let weir: RunningWeir;
let b: Guest;

const enrol = (host: string): Promise<void> => lab.host(host).join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`]);
const untilBothConnected = (): Promise<unknown> =>
  until(async () => (await weir.host('hv1'))?.connected && (await weir.host('hv2'))?.connected);
/** First the manager: while Weir hears of the database it puts a controller that is taken away back. */
const leave = async (host: string, bridge: readonly string[]): Promise<void> => {
  await lab.vsctl(host, ['del-manager']);
  await until(async () => (await weir.host(host))?.ovsdb === false);
  await lab.vsctl(host, bridge);
  await until(async () => (await weir.host(host))?.connected === false);
};
const interfaceOf = async (vm: string): Promise<VmAnswer['status']['interfaces'][number] | undefined> =>
  (await weir.vm('acme', vm)).status.interfaces[0];
const untilPhase = (vm: string, phase: string): Promise<VmAnswer['status']['interfaces'][number]> =>
  until(async () => {
    const item = await interfaceOf(vm);
    return item?.phase === phase ? item : undefined;
  });
const flowsOf = (host: string): Promise<string> => lab.ofctl(host, ['-O', 'OpenFlow15', '--no-names', 'dump-flows', 'br-int']);
const portOf = (guest: Guest): string => guest.interfaces[0]?.port ?? '';
const addressOf = (guest: Guest): string => guest.interfaces[0]?.addresses[0]?.address ?? '';
const reaches = async (from: Guest, to: Guest): Promise<boolean> =>
  (await ping(lab, from, addressOf(to), { count: 2, intervalMs: 20, timeoutMs: 300 })).received > 0;

beforeAll(async () => {
  lab = await startLab({ hosts: 2, directory, managers: [] });
  weir = await RunningWeir.start();
  await Promise.all([enrol('hv1'), enrol('hv2')]);
  await untilBothConnected();
  const vm = (name: string): object => ({
    kind: 'Vm',
    metadata: { name, tenant: 'acme' },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] },
  });
  await weir.must('POST', '/v1/apply', [
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'open' } },
    { kind: 'Network', metadata: { name: 'net', tenant: 'acme' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
    vm('a'),
    vm('b'),
  ]);
  await weir.must('POST', '/v1/tenants/acme/vms/a/start', { host: 'hv1' });
  await weir.must('POST', '/v1/tenants/acme/vms/b/start', { host: 'hv2' });
  b = await weir.plug(lab, 'acme', 'b');
});

afterAll(async () => {
  await lab.close();
  await weir.stop();
  rmSync(directory, { recursive: true, force: true });
});

test("plugged on a host that is not the VM's: unbound, and nothing passes", async () => {
  expect(await interfaceOf('a')).toMatchObject({ phase: 'prepared', reason: 'the port is not plugged yet' });
  const misplaced = await weir.plug(lab, 'acme', 'a', 'hv2');
  const item = await untilPhase('a', 'wrong-host');
  expect(item.reason).toBe('wrong-host: the port is plugged on hv2');
  expect((await weir.vm('acme', 'a')).status.phase).toBe('wrong-host');
  expect(await reaches(misplaced, b)).toBe(false);
  expect(await flowsOf('hv2')).not.toContain(`in_port=${misplaced.interfaces[0]?.ofport}`);
  await lab.unplugGuest(misplaced);
  await untilPhase('a', 'prepared');
});

test('unplugged and plugged again, with another port number: it follows at once', async () => {
  const first = await weir.plug(lab, 'acme', 'a');
  expect(await reaches(first, b)).toBe(true);
  const bound = weir.events('port-bound', 'hv1').at(-1);
  expect(bound).toMatchObject({ portId: first.interfaces[0]?.portId, ofport: first.interfaces[0]?.ofport });
  await lab.unplugGuest(first);
  await untilPhase('a', 'prepared');
  expect(weir.events('port-unbound', 'hv1').at(-1)).toMatchObject({ reason: 'unplugged' });
  const second = await weir.plug(lab, 'acme', 'a');
  expect(await reaches(second, b)).toBe(true);
  await lab.vsctl('hv1', ['set', 'Interface', portOf(second), 'ofport_request=777']);
  await until(async () => {
    const item = await interfaceOf('a');
    return item?.phase === 'active' && item.ofport === 777;
  });
  expect(await reaches(second, b)).toBe(true);
  expect(await flowsOf('hv1')).not.toContain(`in_port=${second.interfaces[0]?.ofport},`);
});

test("iface-id-ver that is not the VM's uid: unbound with the reason; the right one binds", async () => {
  const guest = lab.guest('acme', 'a');
  const { uid } = (await weir.vm('acme', 'a')).metadata;
  const stale = '00000000-0000-4000-8000-000000000000';
  await lab.vsctl('hv1', ['set', 'Interface', portOf(guest), `external_ids:iface-id-ver=${stale}`]);
  const item = await untilPhase('a', 'pending');
  expect(item.reason).toBe(`stale-bind: iface-id-ver of ${portOf(guest)} is ${stale}, the VM's uid is ${uid}`);
  expect(weir.events('port-unbound', 'hv1').at(-1)).toMatchObject({ reason: item.reason });
  expect(await reaches(guest, b)).toBe(false);
  await lab.vsctl('hv1', ['set', 'Interface', portOf(guest), `external_ids:iface-id-ver=${uid}`]);
  await untilPhase('a', 'active');
  expect(await reaches(guest, b)).toBe(true);
});

test('two ports with one iface-id: the first by name counts, and the host warns', async () => {
  const guest = lab.guest('acme', 'a');
  const portId = guest.interfaces[0]?.portId ?? '';
  const twin = ['zz', '--', 'set', 'Interface', 'zz', 'type=internal', `external_ids:iface-id=${portId}`];
  await lab.vsctl('hv1', ['add-port', 'br-int', ...twin]);
  await until(async () => (await weir.host('hv1'))?.warnings.includes(`iface-id ${portId} stands on several ports: ${portOf(guest)}, zz`));
  expect(await interfaceOf('a')).toMatchObject({ phase: 'active', ofport: 777 });
  expect(await reaches(guest, b)).toBe(true);
  await lab.vsctl('hv1', ['del-port', 'zz']);
  await until(async () => (await weir.host('hv1'))?.warnings.length === 0);
});

test("a device that is not there: the switch's own words", async () => {
  await lab.unplugGuest(lab.guest('acme', 'a'));
  const { portId } = await untilPhase('a', 'prepared');
  await lab.vsctl('hv1', [
    '--no-wait',
    'add-port',
    'br-int',
    'ghost',
    '--',
    'set',
    'Interface',
    'ghost',
    `external_ids:iface-id=${portId}`,
  ]);
  const item = await until(async () => {
    const now = await interfaceOf('a');
    return now?.reason?.includes('cannot attach') ? now : undefined;
  });
  expect(item).toMatchObject({
    phase: 'pending',
    reason: expect.stringMatching(/^the switch cannot attach ghost: could not open/) as string,
  });
  await lab.vsctl('hv1', ['del-port', 'ghost']);
  await untilPhase('a', 'prepared');
});

test('a port that claims a number which another port has is not bound', async () => {
  // Only a database that lies can say so: vswitchd does not see what an ovsdb-server without it is told.
  const guest = await weir.plug(lab, 'acme', 'a');
  const before = weir.events('port-unbound', 'hv2').length;
  await lab.stopVswitchd('hv2', 'graceful');
  const taken = (await lab.vsctl('hv2', ['--no-wait', 'get', 'Interface', 'weir-vxlan', 'ofport'])).trim();
  await lab.vsctl('hv2', ['--no-wait', 'set', 'Interface', portOf(b), `ofport=${taken}`]);
  await until(() => weir.events('port-unbound', 'hv2').length > before);
  expect((await interfaceOf('b'))?.reason).toBe(`port number ${taken} of ${portOf(b)} is that of the tunnel`);
  await lab.startVswitchd('hv2');
  await untilPhase('b', 'active');
  expect(await reaches(guest, b)).toBe(true);
});

test('a VM that is stopped while its host is away: flows and connections are gone when the host is back, though the controller was restarted', async () => {
  const a = lab.guest('acme', 'a');
  const listener = await listenTcp(lab, b, 9000);
  const open = await openTcp(lab, a, { address: addressOf(b), port: 9000 });
  expect((await open.exchange()).outcome).toBe('echoed');
  const flows = await flowsOf('hv1');
  const zone = /in_port=\d+,[^\n]*set_field:(0x[0-9a-f]+)->reg2/.exec(flows)?.[1] ?? '';
  const tracked = async (): Promise<string> => lab.appctl('hv1', ['dpctl/dump-conntrack', `zone=${Number(zone)}`]);
  expect(Number(zone)).toBeGreaterThan(0);
  expect(await tracked()).toContain('dport=9000');
  const address = lab.plan.hosts[0]?.managementAddress;
  // With no controller at all Open vSwitch would forget the flows, from which the next one sees what was there.
  await leave('hv1', ['set-controller', 'br-int', 'tcp:127.0.0.1:1']);
  const stopped = await weir.must<{ phase: string; waiting?: unknown[] }>('POST', '/v1/tenants/acme/vms/a/stop?timeoutMs=50');
  // On a busy machine the other host may not be done by then either.
  expect(stopped.phase).toBe('stopped');
  expect(stopped.waiting).toContainEqual({ host: 'hv1', reason: 'not connected' });
  expect(await tracked()).toContain('dport=9000');
  await weir.pause();
  await open.close();
  await weir.resume();
  await enrol('hv1');
  await untilBothConnected();
  await until(async () => (await tracked()).trim() === '');
  const after = await flowsOf('hv1');
  expect(after).not.toContain(`set_field:${zone}->reg2`);
  expect(weir.events('ovsdb-connected', 'hv1').at(-1)).toMatchObject({ address });
  expect((await connectTcp(lab, a, { address: addressOf(b), port: 9000 }, 300)).outcome).not.toBe('connected');
  await listener.stop();
});

test('a start that is repeated waits for the first', async () => {
  await leave('hv1', ['del-controller', 'br-int']);
  const start = (): ReturnType<RunningWeir['call']> => weir.call('POST', '/v1/tenants/acme/vms/a/start?timeoutMs=100', { host: 'hv1' });
  expect(await start()).toMatchObject({ status: 504, body: { waiting: [{ host: 'hv1' }] } });
  await weir.must('PUT', '/v1/tenants/acme/groups/later', {
    kind: 'Group',
    metadata: { name: 'later', tenant: 'acme' },
    spec: { selector: {} },
  });
  expect(await start()).toMatchObject({ status: 504, body: { waiting: [{ host: 'hv1' }] } });
  await enrol('hv1');
  await until(async () => (await start()).status === 200);
  await untilPhase('a', 'active');
});
