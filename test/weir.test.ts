import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunningWeir } from './support/running-weir.ts';
import { until } from './support/weir-client.ts';

/** A data directory as a crash leaves it, and one that was closed. */
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weir-data-'));
  const weir = await RunningWeir.start({ data: join(directory, 'closed') });
  for (const name of ['acme', 'globex']) await weir.call('PUT', `/v1/tenants/${name}`, {});
  await cp(join(directory, 'closed'), join(directory, 'crashed'), { recursive: true });
  await weir.stop();
});
afterEach(() => rm(directory, { recursive: true }));

async function warnings(data: string): Promise<readonly string[]> {
  const weir = await RunningWeir.start({ data });
  await weir.stop();
  return weir.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
}

test('a torn last record is told of, once', async () => {
  const data = join(directory, 'crashed');
  const [segment = ''] = await readdir(join(data, 'store/log'));
  const file = join(data, 'store/log', segment);
  const bytes = await readFile(file);
  bytes.fill(0, bytes.lastIndexOf('WEIR') + 40);
  await writeFile(file, bytes);
  expect(await warnings(data)).toEqual([expect.stringContaining('a torn last record was dropped')]);
  expect(await warnings(data)).toEqual([]);
});

test('an index that was made again is told of, once', async () => {
  const data = join(directory, 'closed');
  await truncate(join(data, 'store/index/CURRENT'));
  expect(await warnings(data)).toEqual([expect.stringContaining('the index was damaged')]);
  expect(await warnings(data)).toEqual([]);
});

test('it stops though one caller waits for a switch and another never finishes asking', async () => {
  const weir = await RunningWeir.start({ data: join(directory, 'closed') });
  await weir.must('PUT', '/v1/hosts/hv1', { spec: { encapIp: '192.0.2.1' } });
  await weir.must('PUT', '/v1/tenants/acme/networks/front', { spec: { subnets: [{ cidr: '10.0.0.0/24' }] } });
  await weir.must('PUT', '/v1/tenants/acme/vms/web', { spec: { interfaces: [{ name: 'eth0', network: 'front' }] } });
  const waiting = weir.call('POST', '/v1/tenants/acme/vms/web/start?timeoutMs=600000', { host: 'hv1' });
  const half = connect(Number(new URL(weir.url).port), '127.0.0.1').on('error', () => undefined);
  half.write('GET /');
  await until(async () => (await weir.vm('acme', 'web')).status.phase === 'pending');
  await weir.stop();
  expect(await waiting).toMatchObject({ status: 504, body: { waiting: [{ host: 'hv1', reason: 'the controller stops' }] } });
  half.destroy();
});
