import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { LeasePresence } from '../../../cluster/etcd/presence.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { RunningEtcd } from '../../support/running-etcd.ts';
import { until } from '../../support/weir-client.ts';

let etcd: RunningEtcd;
beforeAll(async () => {
  etcd = await RunningEtcd.start();
});
afterAll(() => etcd.stop());

function member(id: string, prefix: string, counted: readonly string[] = []): LeasePresence {
  const access = { hosts: etcd.hosts, prefix };
  const presence = new LeasePresence({ etcd: access, id, clock: systemClock, counted: () => new Set(counted) });
  onTestFinished(() => presence.close());
  return presence;
}

const isThere = (presence: LeasePresence, ...ids: readonly string[]): boolean => [...presence.present()].toSorted().join() === ids.join();

test('members see who comes, and who leaves', async () => {
  const [a, b] = [member('a', '/coming'), member('b', '/coming')];
  expect([isThere(a, 'a'), isThere(b, 'b')]).toEqual([true, true]);
  await until(() => isThere(a, 'a', 'b') && isThere(b, 'a', 'b') && a.decides !== b.decides);
  const seen: string[] = [];
  a.onChange(() => seen.push([...a.present()].toSorted().join()));
  // Who has been there for longer.
  expect([a.decides, b.decides]).toContain(true);
  const c = member('c', '/coming');
  await until(() => isThere(a, 'a', 'b', 'c') && isThere(b, 'a', 'b', 'c') && isThere(c, 'a', 'b', 'c'));
  expect(c.decides).toBe(false);
  b.close();
  await until(() => isThere(a, 'a', 'c') && isThere(c, 'a', 'c') && a.decides);
  // It may have come to decide on the way.
  expect([...new Set(seen)]).toEqual(['a,b,c', 'a,c']);
});

test('one whose lease runs out is gone, and one that was in the epoch is there as soon as it is seen', async () => {
  const [a, b] = [member('a', '/going', ['ghost']), member('b', '/going')];
  await until(() => isThere(a, 'a', 'b'));
  b.close();
  await until(() => isThere(a, 'a'));
  const lease = /lease (\w+) granted/.exec(await etcd.ctl('lease', 'grant', '5'))?.[1] ?? '';
  await etcd.ctl('put', `--lease=${lease}`, '/going/members/ghost', '');
  await until(() => isThere(a, 'a', 'ghost'));
  await until(() => isThere(a, 'a'));
});

test('one whose lease was taken away registers again', async () => {
  const [a, b] = [member('a', '/again'), member('b', '/again')];
  await until(() => isThere(a, 'a', 'b') && isThere(b, 'a', 'b'));
  for (const lease of (await etcd.ctl('lease', 'list'))
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')) {
    await etcd.ctl('lease', 'revoke', lease);
  }
  await until(() => isThere(a, 'a'));
  await until(() => isThere(a, 'a', 'b') && isThere(b, 'a', 'b'));
});

test('while etcd is away everybody stays, and nobody decides', async () => {
  const [a, b] = [member('a', '/away'), member('b', '/away')];
  await until(() => isThere(a, 'a', 'b') && isThere(b, 'a', 'b') && a.decides !== b.decides);
  await etcd.kill();
  await until(() => !a.decides && !b.decides);
  expect([isThere(a, 'a', 'b'), isThere(b, 'a', 'b')]).toEqual([true, true]);
  etcd.resume();
  await until(() => isThere(a, 'a', 'b') && isThere(b, 'a', 'b') && a.decides !== b.decides);
});
