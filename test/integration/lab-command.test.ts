import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { labDown, labPlug, labShow, labUnplug, labUp } from '../../src/cli/lab.ts';
import { type LabDescription, openLab } from '../../src/lab/index.ts';
import { bridgeHosts } from '../support/plain-bridge.ts';

/** The commands, each with its own opening of the lab as from a shell, against an API that answers by the contract. */

const directory = mkdtempSync(join(tmpdir(), 'weir-lab-'));
const name = `cmd${process.pid % 100_000}`;
const choice = { name, dir: directory, json: true };
const printed: string[] = [];
const print = (text: string): void => void printed.push(text);
interface Printed extends LabDescription {
  readonly unplugged: readonly unknown[];
}
const last = (): Printed => JSON.parse(printed.at(-1) ?? '') as Printed;
let server: Server;
let url: string;
let requests: string[] = [];

const web = { spec: { host: 'hv1', power: 'running', interfaces: [{ name: 'main', network: 'front' }] } };
const started = {
  interfaces: [
    { name: 'main', portId: 'port-of-web', mac: '02:bb:00:00:00:01', addresses: ['10.1.0.5', 'fd01::5'], mtu: 1450, gateway: '10.1.0.1' },
  ],
};
const front = {
  spec: {
    subnets: [
      { cidr: '10.1.0.0/16', gateway: '10.1.0.1' },
      { cidr: 'fd01::/64', gateway: 'fd01::1' },
    ],
  },
};

const answers: Readonly<Record<string, unknown>> = {
  'GET /v1/tenants/acme/vms/web': web,
  'POST /v1/tenants/acme/vms/web/start': started,
  'GET /v1/tenants/acme/networks/front': front,
  'GET /v1/tenants/acme/vms/idle': { spec: { power: 'stopped', interfaces: [] } },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const key = `${request.method} ${request.url}`;
    requests.push(`${key} ${request.headers.authorization}`);
    const answer = answers[key];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { status: 404, code: 'not-found', detail: 'there is no such VM' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

beforeEach(() => {
  requests = [];
});

afterAll(async () => {
  await labDown(choice, print);
  server.close();
  rmSync(directory, { recursive: true });
});

test('up makes the lab and prints it; again it only prints; another size is refused', async () => {
  await labUp({ ...choice, hosts: 2 }, print);
  const description = last();
  expect(description.guests).toEqual([]);
  expect(description.hosts.map((host) => ({ name: host.name, bridge: host.bridge }))).toEqual([
    { name: 'hv1', bridge: 'br-int' },
    { name: 'hv2', bridge: 'br-int' },
  ]);
  expect(description.hosts[0]?.netns).toBe(`${name}-h1`);
  await labUp({ ...choice, hosts: 2 }, print);
  expect(last()).toEqual(description);
  await expect(labUp({ ...choice, hosts: 3 }, print)).rejects.toThrow(`"${name}" with 2 hosts exists`);
});

test('plug asks the API and makes the guest; a second time it shows it', async () => {
  const lab = await openLab(name, directory);
  await bridgeHosts(lab);
  await labPlug({ ...choice, tenant: 'acme', vm: 'web', server: url, token: 'secret' }, print);
  const { guests } = last();
  expect(guests).toEqual([
    { tenant: 'acme', vm: 'web', interface: 'main', netns: `${name}-g1`, host: 'hv1', ofport: expect.any(Number) as number },
  ]);
  expect(requests.every((request) => request.endsWith('Bearer secret'))).toBe(true);
  await labPlug({ ...choice, tenant: 'acme', vm: 'web', server: url }, print);
  expect(last().guests).toEqual(guests);
  const reopened = await openLab(name, directory);
  const guest = reopened.guest('acme', 'web');
  expect(guest.interfaces[0]).toMatchObject({
    addresses: [
      { address: '10.1.0.5', prefixLength: 16 },
      { address: 'fd01::5', prefixLength: 64 },
    ],
  });
  expect((await reopened.execInGuest(guest, ['ip', '-6', 'route'])).stdout).toContain('default via fd01::1');
  await labShow(choice, print);
  expect(last().guests).toEqual(guests);
  await Promise.all([lab.release(), reopened.release()]);
});

test('what cannot be plugged is told why', async () => {
  await expect(labPlug({ ...choice, tenant: 'acme', vm: 'idle', server: url }, print)).rejects.toMatchObject({ code: 'vm-not-started' });
  await expect(labPlug({ ...choice, tenant: 'acme', vm: 'nobody', server: url }, print)).rejects.toMatchObject({ code: 'not-found' });
  await expect(labPlug({ ...choice, tenant: 'acme', vm: 'web', server: 'http://127.0.0.1:9' }, print)).rejects.toMatchObject({
    code: 'server-unreachable',
  });
  await expect(labPlug({ ...choice, name: 'nolab', tenant: 'acme', vm: 'web', server: url }, print)).rejects.toMatchObject({
    code: 'lab-missing',
  });
});

test('unplug and down, each right a second time', async () => {
  await labUnplug({ ...choice, tenant: 'acme', vm: 'web' }, print);
  expect(last().unplugged).toHaveLength(1);
  await labUnplug({ ...choice, tenant: 'acme', vm: 'web' }, print);
  expect(last().unplugged).toEqual([]);
  await labDown(choice, print);
  expect(last()).toEqual({ lab: name, removed: true });
  await labDown(choice, print);
  expect(last()).toEqual({ lab: name, removed: false });
});
