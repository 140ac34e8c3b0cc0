import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import type { Overrides } from '../src/config/index.ts';
import { RunningWeir } from './support/running-weir.ts';
import { until } from './support/weir-client.ts';

const running: RunningWeir[] = [];
afterEach(() => Promise.all(running.splice(0).map((weir) => weir.stop())));

async function started(overrides: Overrides = {}): Promise<RunningWeir> {
  const weir = await RunningWeir.start({ openflow: '127.0.0.1:0', ovsdb: '127.0.0.1:0', ...overrides });
  running.push(weir);
  return weir;
}

interface Status {
  readonly leader: string | null;
  readonly members: readonly {
    readonly id: string;
    readonly address: string;
    readonly role: string;
    readonly warnings: readonly string[];
  }[];
}

const statusAt = (weir: RunningWeir): Promise<Status> => weir.must<Status>('GET', '/v1/cluster');
const votersAt = (weir: RunningWeir, count: number): Promise<Status> =>
  until(async () => {
    const status = await statusAt(weir);
    return status.members.filter(({ role }) => role === 'voter').length === count ? status : undefined;
  });

test('on loopback members need nothing but the address of one that is there', async () => {
  const first = await started();
  await first.must('PUT', '/v1/tenants/acme', { spec: {} });
  expect((await statusAt(first)).members).toHaveLength(1);
  const second = await started({ join: first.url });
  const third = await started({ join: second.url });
  const { members } = await votersAt(first, 3);
  expect(new Set(members.map(({ id }) => id)).size).toBe(3);
  expect(await third.must('GET', '/v1/tenants/acme')).toMatchObject({ metadata: { name: 'acme' } });

  // Who started with the other's address does not need it to come back, and all are where they were.
  await Promise.all(running.map((weir) => weir.pause()));
  await Promise.all(running.map((weir) => weir.resume()));
  expect((await votersAt(second, 3)).members.map(({ address }) => address)).toEqual(members.map(({ address }) => address));
  await second.must('PUT', '/v1/tenants/globex', { spec: {} });
  expect(await first.must('GET', '/v1/tenants/globex')).toMatchObject({ metadata: { name: 'globex' } });
});

test('one that no switch has found, as others, is told of at each of them', async () => {
  const first = await started();
  const second = await started({ join: first.url, openflow: '0.0.0.0:0', ovsdb: '0.0.0.0:0' });
  await votersAt(first, 2);
  const warned = (weir: RunningWeir): Promise<Answer> =>
    until(async () => {
      const status = await weir.must<Answer>('GET', '/v1/status');
      return status.members.some(({ warnings }) => warnings.length > 0) ? status : undefined;
    });
  interface Answer {
    readonly members: readonly { readonly name: string; readonly warnings: readonly string[] }[];
  }
  const told = await Promise.all([first, second].map(warned));
  for (const { members } of told) {
    const [warning, ...more] = members.flatMap(({ name, warnings }) => warnings.map((text) => [name, text]));
    expect([warning, more]).toEqual([[expect.any(String), expect.stringMatching(/^not-found-by-switches: .*set-manager/)], []]);
  }
  expect(await Promise.all([first, second].map((weir) => weir.metric('weir_cluster_found_by_switches')))).toEqual([1, 0]);
  expect((await statusAt(first)).members.flatMap(({ warnings }) => warnings)).toHaveLength(1);
}, 60_000);

test('who has data of its own joins nobody, and says so', async () => {
  const data = mkdtempSync(join(tmpdir(), 'weir-alone-'));
  onTestFinished(() => rmSync(data, { recursive: true }));
  const first = await started();
  const alone = await started({ data });
  await alone.pause();
  const again = await started({ data, join: first.url });
  expect(again.events('not-joined')).toMatchObject([{ level: 'warn', message: expect.stringContaining(`${first.url} was not asked`) }]);
  expect((await statusAt(first)).members).toHaveLength(1);
  expect((await statusAt(again)).members).toHaveLength(1);
});
