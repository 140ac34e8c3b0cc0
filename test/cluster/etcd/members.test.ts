import { afterAll, beforeAll, expect, test } from 'vitest';
import { CompactedError, type Store } from '../../../cluster/index.ts';
import { encodeRow } from '../../../cluster/storage/row.ts';
import { all, Collector, put, writing } from '../../conformance/store-subject.ts';
import { RunningEtcd } from '../../support/running-etcd.ts';
import { until } from '../../support/weir-client.ts';
import { membersOn } from './stores.ts';

let etcd: RunningEtcd;
beforeAll(async () => {
  etcd = await RunningEtcd.start();
});
afterAll(() => etcd.stop());

async function add(store: Store, key: string): Promise<void> {
  for (;;) {
    const entry = await store.get(key);
    const value = String(Number(entry?.value ?? 0) + 1);
    const outcome = await store.transact({ compares: [{ key, modRevision: entry?.modRevision ?? 0 }], operations: [put(key, value)] });
    if (outcome.committed) return;
  }
}

test('members that write at once have one history, and count without loss', async () => {
  const member = await membersOn(etcd, '/counting');
  const stores = [await member(), await member(), await member()];
  const collectors = stores.map((store) => {
    const collector = new Collector(0);
    store.watch(0, collector.onCommits);
    return collector;
  });
  await Promise.all(
    stores.map(async (store, at) => {
      for (let round = 0; round < 40; round++) await Promise.all([add(store, 'shared'), add(store, `own-${at}`)]);
    }),
  );
  for (const store of stores) {
    expect((await store.get('shared'))?.value).toBe('120');
    expect(store.revision).toBe(240);
  }
  for (const collector of collectors) await collector.reached(240);
  const [first, ...others] = collectors.map(({ commits }) => commits);
  for (const commits of others) expect(commits).toEqual(first);
});

test('a read sees what another member has written before', async () => {
  const member = await membersOn(etcd, '/reading');
  const [writer, reader] = [await member(), await member()];
  for (let round = 1; round <= 100; round++) {
    const { revision } = await writer.transact(writing(put('k', String(round))));
    expect(await reader.get('k')).toMatchObject({ value: String(round), modRevision: revision });
  }
});

test('what another member has let go of is refused, and who was away takes the state of now', async () => {
  const member = await membersOn(etcd, '/away');
  const away = await member({ directory: 'away' });
  const writer = await member({ retentionMs: 100, compactionIntervalMs: 10 });
  const large = 'v'.repeat(300_000);
  for (let round = 1; round <= 10; round++) await away.transact(writing(put(`k${round}`, large), put('last', String(round))));
  await away.close();
  for (let round = 11; round <= 30; round++) await writer.transact(writing(put(`k${round % 10}`, large), put('last', String(round))));
  const reader = await member();
  await until(() => writer.compactedRevision === 30 && reader.compactedRevision === 30);
  await expect(reader.range({ ...all, at: 29 })).rejects.toBeInstanceOf(CompactedError);
  const back = await member({ directory: 'away' });
  expect(await back.range(all)).toEqual(await writer.range(all));
  expect(back.compactedRevision).toBe(30);
  expect(() => back.watch(29, () => undefined)).toThrow(CompactedError);
  const collector = new Collector(30);
  back.watch(30, collector.onCommits);
  await writer.transact(writing(put('last', '31')));
  await collector.reached(31);
  // All that is kept is the base: no records, and nothing that belonged to them.
  await until(async () => !(await etcd.ctl('get', '--prefix', '--keys-only', '/away/log/')).includes('/away/log/'));
  expect(await etcd.ctl('get', '--prefix', '--keys-only', '/away/parts/')).not.toContain('/away/parts/');
});

test('a step of folding that was broken off is taken again, and read over meanwhile', async () => {
  const member = await membersOn(etcd, '/broken-off');
  const writer = await member({ directory: 'copy' });
  const remove = { kind: 'delete', key: 'gone' } as const;
  await writer.transact(writing(put('a', '1'), put('gone', '1')));
  await writer.transact(writing(put('a', '2'), remove));
  await writer.transact(writing(put('a', '3'), put('b', '3')));
  await writer.transact(writing(put('b', '4')));
  const state = await writer.range({ ...all, at: 3 });
  await writer.close();
  // As who folds up to 3 leaves it behind, when it ends with one row of the base written and another not yet removed.
  await etcd.ctl('put', '/broken-off/marks/state', JSON.stringify({ compacted: 3, wallMs: 1, folded: 0 }));
  await etcd.ctl('put', '/broken-off/base/gone', encodeRow({ key: 'gone', value: '1', createRevision: 1, modRevision: 1 }));
  await etcd.ctl('put', '/broken-off/base/a', encodeRow({ key: 'a', value: '3', createRevision: 1, modRevision: 3 }));
  const reader = await member();
  expect(await reader.range({ ...all, at: 3 })).toEqual(state);
  expect(reader.compactedRevision).toBe(3);
  await expect(reader.get('a', 2)).rejects.toBeInstanceOf(CompactedError);
  await member({ compactionIntervalMs: 10 });
  await until(async () => (await etcd.ctl('get', '--print-value-only', '/broken-off/marks/state')).includes('"folded":3'));
  const late = await member();
  expect(await late.range({ ...all, at: 3 })).toEqual(state);
  expect(await late.range(all)).toEqual(await reader.range(all));
});

test('a copy of another store, or of one that was set back, is not gone on with', async () => {
  const member = await membersOn(etcd, '/set-back');
  const store = await member({ directory: 'copy' });
  for (let round = 1; round <= 5; round++) await store.transact(writing(put('k', `lost ${round}`)));
  await store.close();
  await etcd.ctl('del', '--prefix', '/set-back/');
  const other = await member();
  for (let round = 1; round <= 7; round++) await other.transact(writing(put('k', `new ${round}`)));
  const again = await member({ directory: 'copy' });
  expect((await again.get('k'))?.value).toBe('new 7');
  expect((await again.get('k', 5))?.value).toBe('new 5');
});

test('a running member says so when its etcd was set back', async () => {
  const member = await membersOn(etcd, '/emptied');
  const store = await member();
  await store.transact(writing(put('k', '1')));
  await etcd.ctl('del', '--prefix', '/emptied/');
  await expect(store.get('k')).rejects.toMatchObject({ code: 'store-failed', message: expect.stringContaining('restored') });
  await expect(store.transact(writing(put('k', '2')))).rejects.toMatchObject({ code: 'store-failed' });
});

test('a transaction that etcd does not keep whole leaves nothing behind', async () => {
  const member = await membersOn(etcd, '/contended');
  const [one, two] = [await member(), await member()];
  const value = 'v'.repeat(400_000);
  const conflict = { key: 'lock', modRevision: 0 };
  const outcomes = await Promise.all(
    [one, two, one, two].map((store, at) =>
      store.transact({ compares: [conflict], operations: [put('lock', String(at)), put(`big${at}`, value)] }),
    ),
  );
  expect(outcomes.filter(({ committed }) => committed)).toHaveLength(1);
  await until(async () => {
    const ids = new Set((await etcd.ctl('get', '--prefix', '--keys-only', '/contended/parts/')).match(/parts\/[0-9a-f-]+/g) ?? []);
    return ids.size === 1;
  });
});
