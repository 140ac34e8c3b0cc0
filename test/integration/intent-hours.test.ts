import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab } from '../../src/lab/index.ts';
import type { Lab } from '../../src/lab/index.ts';
import { RunningWeir } from '../support/running-weir.ts';
import { SharedClock } from '../support/shared-clock.ts';
import { until } from '../support/weir-client.ts';

/** A limit with hours is on the switch while they last, and no longer, without anything being written; also after a restart. */

const directory = mkdtempSync(join(tmpdir(), 'weir-hours-'));
/** The wall clock of the controller runs as the machine's, from wherever it was set to. */
const clock = new SharedClock();
const setClock = (text: string): void => clock.setWall(text);
let lab: Lab;
let weir: RunningWeir;

const rateOn = async (host: string): Promise<string | undefined> =>
  /rate=(\d+)/.exec(await lab.ofctl(host, ['-O', 'OpenFlow15', 'dump-meters', 'br-int']))?.[1];
const untilRate = (wanted: string | undefined): Promise<true | undefined> =>
  until(async () => (await rateOn('hv1')) === wanted || undefined);
/** A clock that was set is noticed with whatever is written next, at the latest. */
const noticeClock = (app: string): Promise<unknown> =>
  weir.must('PUT', '/v1/tenants/acme/groups/other?wait=realized&timeoutMs=60000', { spec: { selector: { matchLabels: { app } } } });

beforeAll(async () => {
  setClock('2026-03-02T01:00:00Z');
  lab = await startLab({ hosts: 1, directory, managers: [] });
  weir = await RunningWeir.start({}, { clock });
  await lab.host('hv1').join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`]);
  await until(async () => (await weir.host('hv1'))?.connected);
  await weir.must('POST', '/v1/apply', [
    { kind: 'Tenant', metadata: { name: 'acme' } },
    { kind: 'Network', metadata: { name: 'net', tenant: 'acme' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
    {
      kind: 'Vm',
      metadata: { name: 'backup-1', tenant: 'acme', labels: { app: 'backup' } },
      spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] },
    },
  ]);
  await weir.must('POST', '/v1/tenants/acme/vms/backup-1/start?timeoutMs=60000', { host: 'hv1' });
});

afterAll(async () => {
  await lab.close();
  await weir.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('the meter comes and goes with the hours', async () => {
  await weir.must('PUT', '/v1/tenants/acme/intents/nightly?wait=realized&timeoutMs=60000', {
    spec: { text: 'limit backups to 200 Mbit/s between 02:00 and 06:00' },
  });
  expect(await rateOn('hv1'), 'at 01:00').toBeUndefined();

  setClock('2026-03-02T01:50:00Z');
  await noticeClock('a');
  expect(await rateOn('hv1'), 'at 01:50').toBeUndefined();
  setClock('2026-03-02T01:59:57Z');
  await noticeClock('b');
  await untilRate('200000');
  expect(clock.wallMs()).toBeGreaterThanOrEqual(Date.parse('2026-03-02T02:00:00Z'));

  setClock('2026-03-02T05:50:00Z');
  await noticeClock('c');
  expect(await rateOn('hv1'), 'at 05:50').toBe('200000');
  setClock('2026-03-02T05:59:57Z');
  await noticeClock('d');
  await untilRate(undefined);
  expect(clock.wallMs()).toBeGreaterThanOrEqual(Date.parse('2026-03-02T06:00:00Z'));
});

test('a controller that was away over the boundary puts it right', async () => {
  await weir.pause();
  setClock('2026-03-03T03:00:00Z');
  await weir.resume();
  await untilRate('200000');
});
