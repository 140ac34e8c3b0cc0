import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lab, openLab, ping, removeLab, startLab } from '../../src/lab/index.ts';
import { bridgeHosts, numberedGuest, plugNumber } from '../support/plain-bridge.ts';

/** Hypervisors and guests come, work beside each other, and go without a trace. */

const directory = mkdtempSync(join(tmpdir(), 'weir-lab-'));
const namespaces = (): string[] => (existsSync('/run/netns') ? readdirSync('/run/netns') : []);
const remains = (lab: Lab): string[] => namespaces().filter((name) => name.startsWith(`${lab.name}-`));
let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ hosts: 2, directory });
  await bridgeHosts(lab);
});

afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});

test('a host has its name and tunnel address, the userspace datapath and no bridge of the controller', async () => {
  const bare = await startLab({ hosts: 1, directory, managers: [] });
  try {
    const settings = await bare.vsctl('hv1', ['get', 'Open_vSwitch', '.', 'external_ids', 'datapath_types']);
    expect(settings).toContain('system-id=hv1');
    expect(settings).toContain(`weir-encap-ip="${bare.host('hv1').encapIp}"`);
    expect(settings).not.toContain('system,');
    expect((await bare.vsctl('hv1', ['list-br'])).trim()).toBe('br-underlay');
    await expect(bare.plugGuest({ ...numberedGuest(1, 'hv1'), bridgeTimeoutMs: 200 })).rejects.toMatchObject({ code: 'bridge-missing' });
    expect(bare.guests).toEqual([]);
    expect(remains(bare)).toHaveLength(2);
  } finally {
    await bare.close();
  }
});

test('hosts dial the manager on the gateway', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '0.0.0.0', () => resolve((server.address() as { port: number }).port));
  });
  const caller = new Promise<string | undefined>((resolve) => {
    server.once('connection', (socket) => {
      resolve(socket.remoteAddress);
      socket.destroy();
    });
  });
  await lab.vsctl('hv2', ['set-manager', `tcp:${lab.gatewayAddress}:${port}`]);
  expect(await caller).toBe(lab.plan.hosts[1]?.managementAddress);
  await lab.vsctl('hv2', ['del-manager']);
  server.close();
});

test('a guest is what was asked for', async () => {
  const guest = await plugNumber(lab, 1, 'hv1');
  const port = guest.interfaces[0]?.port ?? '';
  const { stdout } = await lab.execInGuest(guest, ['ip', 'address', 'show', 'eth0']);
  expect(stdout).toContain('mtu 1450');
  expect(stdout).toContain('link/ether 02:aa:00:00:00:01');
  expect(stdout).toContain('inet 10.0.0.1/24');
  expect(stdout).toContain('inet6 fd00:10::1/64');
  expect(stdout).not.toContain('tentative');
  expect((await lab.execInGuest(guest, ['ip', 'route'])).stdout).toContain('default via 10.0.0.254');
  expect((await lab.execInGuest(guest, ['ip', '-6', 'route'])).stdout).toContain('default via fd00:10::ffff');
  expect((await lab.execInGuest(guest, ['ethtool', '-k', 'eth0'])).stdout).toContain('tx-checksumming: off');
  const ids = await lab.vsctl('hv1', ['get', 'Interface', port, 'external_ids']);
  expect(ids).toContain('iface-id=port-1');
  expect(ids).toContain('attached-mac="02:aa:00:00:00:01"');
  const ofport = Number(await lab.vsctl('hv1', ['get', 'Interface', port, 'ofport']));
  expect((await lab.describe()).guests).toEqual([
    { tenant: 'acme', vm: 'vm1', interface: 'main', netns: guest.netns, host: 'hv1', ofport },
  ]);
  await expect(plugNumber(lab, 1, 'hv1')).rejects.toMatchObject({ code: 'guest-exists' });
  await lab.unplugGuest(guest);
  expect(namespaces()).not.toContain(guest.netns);
  expect(await lab.vsctl('hv1', ['list-ports', 'br-int'])).not.toContain(port);
});

test('many guests at once', async () => {
  const guests = await Promise.all([11, 12, 13, 14, 15, 16].map((number) => plugNumber(lab, number, `hv${(number % 2) + 1}`)));
  const [first, ...others] = guests;
  if (!first) throw new Error('no guest');
  for (const [index] of others.entries()) expect((await ping(lab, first, `10.0.0.${12 + index}`, { count: 1 })).received).toBe(1);
  await Promise.all(guests.map((guest) => lab.unplugGuest(guest)));
  expect((await lab.describe()).guests).toEqual([]);
});

test('a second lab with the same guests does not notice the first', async () => {
  const other = await startLab({ hosts: 2, directory, managers: [] });
  try {
    await bridgeHosts(other);
    const [ours, theirs] = await Promise.all([plugNumber(lab, 21, 'hv1'), plugNumber(other, 21, 'hv1')]);
    const [ourPeer, theirPeer] = await Promise.all([plugNumber(lab, 22, 'hv2'), plugNumber(other, 23, 'hv2')]);
    expect((await ping(lab, ours, '10.0.0.22', { count: 1 })).received).toBe(1);
    expect((await ping(lab, ours, '10.0.0.23', { count: 1 })).received).toBe(0);
    expect((await ping(other, theirs, '10.0.0.23', { count: 1 })).received).toBe(1);
    expect(theirs.netns).not.toBe(ours.netns);
    await Promise.all([lab.unplugGuest(ours), lab.unplugGuest(ourPeer)]);
    expect((await ping(other, theirPeer, '10.0.0.21', { count: 1 })).received).toBe(1);
  } finally {
    await other.close();
  }
  expect(remains(other)).toEqual([]);
});

test('tunnels over IPv6', async () => {
  const sixth = await startLab({ hosts: 2, directory, managers: [], encapFamily: 6 });
  try {
    await bridgeHosts(sixth);
    const [from] = await Promise.all([plugNumber(sixth, 1, 'hv1', 1430), plugNumber(sixth, 2, 'hv2', 1430)]);
    expect(sixth.host('hv1').encapIp).toContain('2001:db8:');
    expect((await ping(sixth, from, '10.0.0.2', { bytes: 1402, dontFragment: true })).received).toBe(3);
  } finally {
    await sixth.close();
  }
});

test('a vswitchd that was killed comes back with its ports and underlay, and without its flows', async () => {
  const [from, to] = await Promise.all([plugNumber(lab, 31, 'hv1'), plugNumber(lab, 32, 'hv2')]);
  const before = (await lab.describe()).guests;
  for (const manner of ['kill', 'graceful'] as const) {
    await lab.restartVswitchd('hv2', manner);
    expect((await ping(lab, from, '10.0.0.32', { count: 1 })).received).toBe(0);
    await lab.ofctl('hv2', ['add-flow', 'br-int', 'priority=1,actions=NORMAL']);
    // The datapath learns of the flow a moment later.
    await expect.poll(async () => (await ping(lab, from, '10.0.0.32', { count: 2 })).received, { timeout: 30_000 }).toBe(2);
  }
  expect((await lab.describe()).guests).toEqual(before);
  await lab.stopVswitchd('hv2', 'kill');
  await expect(lab.stopVswitchd('hv2', 'kill')).rejects.toMatchObject({ code: 'process-missing' });
  await lab.startVswitchd('hv2');
  await lab.ofctl('hv2', ['add-flow', 'br-int', 'priority=1,actions=NORMAL']);
  await Promise.all([lab.unplugGuest(from), lab.unplugGuest(to)]);
});

test('down leaves nothing, and is right a second time', async () => {
  const passing = await startLab({ hosts: 2, directory });
  await bridgeHosts(passing);
  const guest = await plugNumber(passing, 1, 'hv1');
  const child = passing.spawnInGuest(guest, ['sleep', '1000']);
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  await passing.agent(guest).ask<'udp-listen'>({ kind: 'udp-listen', port: 9, service: 'count' });
  await passing.close();
  expect(await ended).toBe('SIGKILL');
  expect(remains(passing)).toEqual([]);
  expect(Object.keys(networkInterfaces())).not.toContain(passing.plan.gateway.device);
  expect(existsSync(passing.plan.directory)).toBe(false);
  expect(runningWith(passing.plan.directory)).toEqual([]);
  expect(await removeLab(passing.name, directory)).toBe(false);
  await expect(openLab(passing.name, directory)).rejects.toMatchObject({ code: 'lab-missing' });
});

test('a lab whose owner was killed is opened, used and taken down by others', async () => {
  const orphan = `orp${process.pid % 100_000}`;
  const script = `
    const { startLab } = await import(${JSON.stringify(new URL('../../src/lab/index.ts', import.meta.url).href)});
    const lab = await startLab({ hosts: 1, directory: ${JSON.stringify(directory)}, name: '${orphan}', managers: [] });
    process.stdout.write('up');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await expect(startLab({ hosts: 1, directory, name: orphan })).rejects.toMatchObject({ code: 'lab-exists' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  const opened = await openLab(orphan, directory);
  expect(await opened.vsctl('hv1', ['list-br'])).toContain('br-underlay');
  await opened.release();
  await (await startLab({ hosts: 1, directory, managers: [] })).close();
  expect(namespaces().filter((name) => name.startsWith(`${orphan}-`))).toEqual([]);
  await expect(openLab(orphan, directory)).rejects.toMatchObject({ code: 'lab-missing' });
});

test('a name that is taken is refused and its lab stays', async () => {
  await expect(startLab({ hosts: 1, directory, name: lab.name })).rejects.toThrow(/with 2 hosts exists/);
  const elsewhere = mkdtempSync(join(tmpdir(), 'weir-lab-'));
  await expect(startLab({ hosts: 1, directory: elsewhere, name: lab.name })).rejects.toThrow(/made with another directory/);
  expect(await removeLab(lab.name, elsewhere)).toBe(false);
  rmSync(elsewhere, { recursive: true });
  expect(await lab.vsctl('hv1', ['list-br'])).toContain('br-int');
});

test('names and sizes that cannot be are refused', async () => {
  for (const name of ['', 'Upper', 'much-too-long', '../up', '9lab']) {
    await expect(startLab({ hosts: 1, directory, name })).rejects.toMatchObject({ code: 'malformed' });
  }
  for (const hosts of [0, -1, 1.5, 201, Number.NaN])
    await expect(startLab({ hosts, directory })).rejects.toMatchObject({ code: 'malformed' });
  await expect(plugNumber(lab, 1, 'hv9')).rejects.toMatchObject({ code: 'host-missing' });
});

/** Pids of processes that name a path and still run. */
function runningWith(path: string): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(path));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
