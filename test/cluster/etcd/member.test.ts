import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openEtcdMember, StoredOwnership } from '../../../cluster/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { WeirError } from '../../../src/base/errors.ts';
import { RunningEtcd } from '../../support/running-etcd.ts';
import { until } from '../../support/weir-client.ts';
import { releaseNamed } from '../../../cluster/version/index.ts';

let etcd: RunningEtcd;
beforeAll(async () => {
  etcd = await RunningEtcd.start();
});
afterAll(() => etcd.stop());

async function member(id: string, prefix: string) {
  const directory = await mkdtemp(join(tmpdir(), 'weir-member-'));
  const opened = await openEtcdMember({ id, etcd: { hosts: etcd.hosts, prefix }, directory, clock: systemClock });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await opened.close();
    await rm(directory, { recursive: true });
  };
  onTestFinished(close);
  return { ...opened, close };
}

test('members ask each other through etcd, and leave nothing there', async () => {
  const [a, b] = [await member('a', '/asking'), await member('b', '/asking')];
  a.exchange.answer('logged', (from, body) => ({ from, body }));
  b.exchange.answer('logged', () => {
    throw new WeirError('store-busy', 'not now');
  });
  const large = { text: 'é'.repeat(100_000) };
  expect(await b.exchange.ask('a', 'logged', large, 60_000)).toEqual({ from: 'b', body: large });
  await expect(a.exchange.ask('b', 'logged', 1, 60_000)).rejects.toMatchObject({ code: 'store-busy', message: 'not now' });
  await expect(a.exchange.ask('b', 'told', 1, 60_000)).rejects.toMatchObject({ code: 'unreachable' });
  await expect(a.exchange.ask('nobody', 'logged', 1, 100)).rejects.toMatchObject({ code: 'timeout' });
  const asked = Array.from({ length: 100 }, (_, at) => b.exchange.ask('a', 'logged', at, 60_000));
  expect(await Promise.all(asked)).toEqual(asked.map((_, body) => ({ from: 'b', body })));
  for (const id of ['a', 'b']) await expect.poll(() => etcd.ctl('get', '--prefix', '--keys-only', `/asking/mail/${id}/`)).toBe('');
});

test('one member owns each switch; those of a member that goes are taken over', async () => {
  const hosts = Array.from({ length: 30 }, (_, at) => `hv${at}`);
  const open = async (id: string) => {
    const opened = await member(id, '/owning');
    const presence = (counted: () => ReadonlySet<string>) => opened.presence(counted);
    const { store } = opened;
    const onProblem = (error: Error): void => expect.unreachable(error.message);
    const ownership = await StoredOwnership.open({
      id,
      store,
      clock: systemClock,
      presence,
      members: () => undefined,
      runs: releaseNamed('0'),
      pipeline: 1,
      clashes: () => false,
      onProblem,
    });
    onTestFinished(() => ownership.close());
    const share = (): number => hosts.filter((host) => ownership.isMine(host)).length;
    return { ownership, share, opened };
  };
  const a = await open('a');
  await until(() => a.share() === 30);
  const b = await open('b');
  await until(() => a.share() > 0 && b.share() > 0 && a.share() + b.share() === 30 && a.ownership.epoch === b.ownership.epoch);
  await until(() => a.opened.exchange.others().join() === 'b' && b.opened.exchange.others().join() === 'a');
  const { epoch } = a.ownership;
  b.ownership.close();
  await b.opened.close();
  await until(() => a.share() === 30);
  expect(a.ownership.epoch).toBeGreaterThan(epoch);
});
