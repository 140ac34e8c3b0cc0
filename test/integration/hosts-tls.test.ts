import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pkiInit, pkiIssue } from '../../src/cli/pki.ts';
import { connectTcp, listenTcp, ping, startLab } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { RunningWeir } from '../support/running-weir.ts';
import { until } from '../support/weir-client.ts';

/** Switches over TLS: who they are is what their certificate says. The API over TLS on an address that others reach. */

const directory = mkdtempSync(join(tmpdir(), 'weir-tls-'));
const pki = join(directory, 'pki');
const token = 'platform-secret-0123456789';
let lab: Lab;
let weir: RunningWeir;

const file = (name: string): string => join(pki, name);
const issue = (dir: string, purpose: 'controller' | 'switch', name: string, addresses: readonly string[] = []): Promise<unknown> =>
  pkiIssue({ dir, purpose, name, addresses, days: 30 }, Date.now());

beforeAll(async () => {
  lab = await startLab({ hosts: 4, directory, managers: [] });
  await pkiInit({ dir: pki, name: 'the authority', days: 30 }, Date.now());
  await issue(pki, 'controller', 'weir', [lab.gatewayAddress]);
  for (const name of ['hv1', 'hv2', 'hv9']) await issue(pki, 'switch', name);
  const certified = (name: string): object => ({ cert: `pki/${name}.crt`, key: `pki/${name}.key` });
  const config = {
    tls: { api: certified('weir'), switches: { ...certified('weir'), ca: 'pki/ca.crt' } },
    tokens: [{ token, role: 'platform' }],
  };
  const path = join(directory, 'weir.yaml');
  writeFileSync(path, JSON.stringify(config));
  const { gatewayAddress } = lab;
  const overrides = { listen: `${gatewayAddress}:0`, openflow: `${gatewayAddress}:0`, ovsdb: `${gatewayAddress}:0` };
  weir = await RunningWeir.start(overrides, { file: path, token, ca: readFileSync(file('ca.crt'), 'utf8') });
});

afterAll(async () => {
  await lab.close();
  await weir.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The two commands with which a hypervisor joins over TLS. */
async function enrol(host: string, name: string, dir = pki): Promise<void> {
  await lab.vsctl(host, ['set-ssl', join(dir, `${name}.key`), join(dir, `${name}.crt`), file('ca.crt')]);
  await lab.host(host).join([`ssl:${lab.gatewayAddress}:${weir.ovsdbPort}`]);
}

const refusals = (address: string) => weir.events('switch-refused').filter((line) => line['address'] === address);
const addressOf = (host: string): string => lab.plan.hosts.find(({ name }) => name === host)?.managementAddress ?? '';

async function start(vm: string, host: string): Promise<Guest> {
  interface Started {
    readonly interfaces: readonly {
      readonly name: string;
      readonly portId: string;
      readonly mac: string;
      readonly addresses: readonly string[];
      readonly mtu: number;
    }[];
  }
  const { interfaces } = await weir.must<Started>('POST', `/v1/tenants/acme/vms/${vm}/start`, { host });
  const ends = interfaces.map(({ addresses, ...item }) => ({
    ...item,
    addresses: addresses.map((address) => ({ address, prefixLength: 24 })),
    gateways: ['10.0.0.1'],
  }));
  return lab.plugGuest({ tenant: 'acme', vm, host, interfaces: ends });
}

test('set-ssl and set-manager are all that a hypervisor needs; traffic passes', async () => {
  await Promise.all([enrol('hv1', 'hv1'), enrol('hv2', 'hv2')]);
  await until(async () => (await weir.host('hv1'))?.connected && (await weir.host('hv2'))?.connected);
  expect(await lab.vsctl('hv1', ['get-controller', 'br-int'])).toBe(`ssl:${lab.gatewayAddress}:${weir.openflowPort}\n`);
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
  const [a, b] = [await start('a', 'hv1'), await start('b', 'hv2')];
  for (const name of ['a', 'b']) await until(async () => (await weir.vm('acme', name)).status.phase === 'active');
  const target = b.interfaces[0]?.addresses[0]?.address ?? '';
  expect(await ping(lab, a, target, { intervalMs: 20 })).toMatchObject({ received: 3 });
  const listener = await listenTcp(lab, b, 8080);
  expect((await connectTcp(lab, a, { address: target, port: 8080 })).outcome).toBe('connected');
  await listener.stop();
});

test('without its token the API tells nothing', async () => {
  const { status } = await new Promise<{ status: number }>((resolve, reject) => {
    const socket = connect({ host: lab.gatewayAddress, port: Number(new URL(weir.url).port), ca: readFileSync(file('ca.crt')) });
    let text = '';
    socket.on('error', reject).on('data', (chunk) => (text += String(chunk)));
    socket.on('close', () => resolve({ status: Number(text.split(' ')[1]) }));
    socket.write('GET /v1/hosts HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n');
  });
  expect(status).toBe(401);
});

test('a certificate that names another host is refused', async () => {
  await enrol('hv3', 'hv9');
  const [refusal] = await until(() => (refusals(addressOf('hv3')).length > 0 ? refusals(addressOf('hv3')) : undefined));
  expect(refusal).toMatchObject({ level: 'warn', host: 'hv3', reason: 'its certificate is for hv9, not for hv3' });
  expect(await weir.metric('weir_events_total', 'kind="switch-refused"')).toBeGreaterThan(0);
  expect((await weir.call('GET', '/v1/hosts/hv3')).status).toBe(404);
  expect(await lab.vsctl('hv3', ['list-br'])).toBe('br-underlay\n');
  await lab.vsctl('hv3', ['del-manager']);
});

test('a certificate that the authority did not sign, and none at all, are refused', async () => {
  const rogue = join(directory, 'rogue');
  await pkiInit({ dir: rogue, name: 'the authority', days: 30 }, Date.now());
  await issue(rogue, 'switch', 'hv3');
  const before = await weir.metric('weir_peer_cuts_total', 'code="tls"');
  await enrol('hv3', 'hv3', rogue);
  const told = await until(() => weir.events('peer-cut').find((line) => line['address'] === addressOf('hv3') && line['code'] === 'tls'));
  expect(told['reason']).not.toBe('');
  await lab.vsctl('hv3', ['del-manager']);
  for (const port of [weir.openflowPort, weir.ovsdbPort]) {
    await new Promise<void>((resolve) => {
      const socket = connect({ host: lab.gatewayAddress, port, ca: readFileSync(file('ca.crt')) });
      socket.on('error', () => undefined).on('close', () => resolve());
      socket.resume();
    });
  }
  await until(async () => (await weir.metric('weir_peer_cuts_total', 'code="tls"')) >= before + 3);
});

test('a system-id that is in use from elsewhere is refused, and the one that has it goes on', async () => {
  await lab.vsctl('hv4', ['set', 'Open_vSwitch', '.', 'external_ids:system-id=hv1']);
  await enrol('hv4', 'hv1');
  const [refusal] = await until(() => (refusals(addressOf('hv4')).length > 0 ? refusals(addressOf('hv4')) : undefined));
  expect(refusal).toMatchObject({ level: 'warn', host: 'hv1', reason: `its system-id is in use from ${addressOf('hv1')}` });
  expect(await lab.vsctl('hv4', ['list-br'])).toBe('br-underlay\n');
  expect(await weir.host('hv1')).toMatchObject({ connected: true, ovsdb: true });
  // When the one that has it is gone, the name is free.
  await lab.vsctl('hv1', ['del-manager']);
  await until(
    () => weir.events('resynced', 'hv1').length > 1 && weir.events('switch-connected', 'hv1').at(-1)?.['address'] === addressOf('hv4'),
  );
});
