import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunningEtcd } from './support/running-etcd.ts';
import { RunningWeir } from './support/running-weir.ts';
import { until } from './support/weir-client.ts';

let etcd: RunningEtcd;
beforeEach(async () => {
  etcd = await RunningEtcd.start();
});
afterEach(() => etcd.stop());

const network = { spec: { subnets: [{ cidr: '10.0.0.0/24' }] } };
const vm = { spec: { interfaces: [{ name: 'eth0', network: 'front' }] } };

test('documents are kept by etcd: over a restart, without the copy, and while etcd is away', async () => {
  const store = `etcd://${etcd.hosts.join()}/sdn`;
  const weir = await RunningWeir.start({ store });
  await weir.must('PUT', '/v1/tenants/acme', {});
  await weir.must('PUT', '/v1/tenants/acme/networks/front', network);
  await weir.must('PUT', '/v1/tenants/acme/vms/web', vm);
  const written = await weir.call('GET', '/v1/tenants/acme/vms/web');
  await weir.pause();
  await weir.resume();
  expect(await weir.call('GET', '/v1/tenants/acme/vms/web')).toEqual(written);
  await weir.stop();

  // Its data directory is gone now.
  const again = await RunningWeir.start({ store });
  expect(await again.call('GET', '/v1/tenants/acme/vms/web')).toMatchObject({ status: 200, body: { spec: vm.spec } });
  await etcd.kill();
  expect(await again.call('PUT', '/v1/tenants/globex', {})).toMatchObject({
    status: 503,
    body: { code: expect.stringMatching(/^(no-leader|unknown-outcome)$/) },
  });
  expect(await again.call('GET', '/v1/tenants/acme')).toMatchObject({ status: 200 });
  etcd.resume();
  await until(async () => (await again.call('PUT', '/v1/tenants/initech', {})).status < 300);
  await again.stop();
});

test('two controllers on one etcd see the same documents', async () => {
  const store = `etcd://${etcd.hosts.join()}`;
  const one = await RunningWeir.start({ store });
  const two = await RunningWeir.start({ store });
  await one.must('PUT', '/v1/tenants/acme', {});
  await until(async () => (await two.call('GET', '/v1/tenants/acme')).status === 200);
  await two.must('PUT', '/v1/tenants/acme/networks/front', network);
  await until(async () => (await one.call('GET', '/v1/tenants/acme/networks/front')).status === 200);
  await one.stop();
  await two.stop();
});
