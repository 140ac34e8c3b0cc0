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
  expect(await again.call('GET', '/v1/tenants/acme')).toMatchObject({ status: 503, body: { code: 'no-leader' } });
  expect(await again.call('GET', '/v1/tenants/acme?consistency=local')).toMatchObject({ status: 200 });
  etcd.resume();
  await until(async () => (await again.call('PUT', '/v1/tenants/initech', {})).status < 300);
  await again.stop();
});

test('two controllers on one etcd see the same documents', async () => {
  const store = `etcd://${etcd.hosts.join()}`;
  const one = await RunningWeir.start({ store });
  const two = await RunningWeir.start({ store });
  await one.must('PUT', '/v1/tenants/acme', {});
  for (let round = 0; round < 50; round++) {
    const [writer, reader] = round % 2 === 0 ? [one, two] : [two, one];
    await writer.must('PUT', `/v1/tenants/acme/networks/n${round}`, { spec: { subnets: [{ cidr: `10.${round}.0.0/24` }] } });
    expect((await reader.call('GET', `/v1/tenants/acme/networks/n${round}`)).status).toBe(200);
    expect((await reader.call('DELETE', `/v1/tenants/acme/networks/n${round}`)).status).toBe(200);
    expect((await writer.call('DELETE', `/v1/tenants/acme/networks/n${round}`)).status).toBe(404);
  }
  await one.must('PUT', '/v1/tenants/acme/networks/front', network);
  await one.must('PUT', '/v1/tenants/acme/vms/web', vm);
  const gone = async (weir: RunningWeir) => {
    const { status, body } = await weir.call<{ revision: number; vm: object }>('DELETE', '/v1/tenants/acme/vms/web');
    return { status, revision: body.revision, vm: body.vm };
  };
  const deleted = await gone(one);
  expect([deleted.status, await gone(two)]).toEqual([200, deleted]);
  const membersOf = async (weir: RunningWeir) =>
    (await weir.must<{ members: readonly { id: string; reachable: boolean }[] }>('GET', '/v1/cluster')).members;
  await until(async () => (await membersOf(one)).length === 2);
  const ids = (await membersOf(one)).map(({ id }) => ({ id, reachable: true }));
  await expect.poll(() => membersOf(two)).toMatchObject(ids);
  expect(await one.call('GET', '/v1/backup')).toMatchObject({ status: 409, body: { code: 'kept-by-etcd' } });
  await one.stop();
  await until(async () => (await membersOf(two)).length === 1);
  await two.stop();
});
