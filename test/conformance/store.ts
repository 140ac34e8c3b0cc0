import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CompactedError, keyBytesMax, operationsMax, type Transaction, valueBytesMax } from '../../cluster/index.ts';
import { describeRandom } from './store-random.ts';
import { all, Collector, put, remove, type StoreUnderTest, writing } from './store-subject.ts';

/** The suite of the Store port: any implementation runs it. */
export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name}: the store's port`, () => {
    let subject: StoreUnderTest;

    beforeEach(async () => {
      subject = await make();
    });
    afterEach(() => subject.dispose());

    describeTransactions(() => subject);
    describeReads(() => subject);
    describeWatches(() => subject);
    describeHistory(() => subject);
    describeRandom(() => subject);
  });
}

function describeTransactions(subject: () => StoreUnderTest): void {
  it('begins empty, at revision 0', async () => {
    const { store } = subject();
    expect(store.revision).toBe(0);
    expect(store.compactedRevision).toBe(0);
    expect(await store.get('a')).toBeUndefined();
    expect(await store.range(all)).toEqual({ entries: [], more: false, revision: 0 });
  });

  it('gives each transaction that changes something the next revision', async () => {
    const { store } = subject();
    expect(await store.transact(writing(put('a', '1'), put('b', '2')))).toEqual({ committed: true, revision: 1 });
    expect(await store.transact(writing(remove('absent')))).toEqual({ committed: true, revision: 1 });
    expect(await store.transact(writing())).toEqual({ committed: true, revision: 1 });
    expect(await store.transact(writing(put('a', '1')))).toEqual({ committed: true, revision: 2 });
    expect(await store.get('a')).toEqual({ key: 'a', value: '1', createRevision: 1, modRevision: 2 });
    expect(await store.transact(writing(remove('a'), remove('absent')))).toEqual({ committed: true, revision: 3 });
    expect(await store.get('a')).toBeUndefined();
    await store.transact(writing(put('a', 'again')));
    expect(await store.get('a')).toEqual({ key: 'a', value: 'again', createRevision: 4, modRevision: 4 });
  });

  it('changes nothing when a compare does not hold, and names the first one', async () => {
    const { store } = subject();
    await store.transact(writing(put('a', '1')));
    const outcome = await store.transact({
      compares: [
        { key: 'a', modRevision: 1 },
        { key: 'b', modRevision: 7 },
        { key: 'a', modRevision: 9 },
      ],
      operations: [put('a', '2'), put('c', '3')],
    });
    expect(outcome).toEqual({ committed: false, revision: 1, conflict: { key: 'b', modRevision: 7 } });
    expect((await store.range(all)).entries.map(({ value }) => value)).toEqual(['1']);
  });

  it('lets one of many win that compare the same revision', async () => {
    const { store } = subject();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        store.transact({ compares: [{ key: 'lock', modRevision: 0 }], operations: [put('lock', String(index))] }),
      ),
    );
    expect(outcomes.filter(({ committed }) => committed)).toEqual([{ committed: true, revision: 1 }]);
    expect((await store.get('lock'))?.value).toBe('0');
  });

  it('counts without loss when many add at once', async () => {
    const { store } = subject();
    const add = async (): Promise<void> => {
      for (;;) {
        const entry = await store.get('count');
        const compares = [{ key: 'count', modRevision: entry?.modRevision ?? 0 }];
        const outcome = await store.transact({ compares, operations: [put('count', String(Number(entry?.value ?? 0) + 1))] });
        if (outcome.committed) return;
      }
    };
    await Promise.all(Array.from({ length: 40 }, add));
    expect(await store.get('count')).toEqual({ key: 'count', value: '40', createRevision: 1, modRevision: 40 });
  });

  it('commits in the order of the calls', async () => {
    const { store } = subject();
    const outcomes = await Promise.all(Array.from({ length: 300 }, (_, index) => store.transact(writing(put('k', String(index))))));
    expect(outcomes.map(({ revision }) => revision)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect((await store.get('k'))?.value).toBe('299');
  });

  it('refuses what is too large or malformed, and changes nothing', async () => {
    const { store } = subject();
    const code = async (transaction: Transaction): Promise<unknown> =>
      store.transact(transaction).then(
        (outcome) => outcome,
        (error: { code?: string }) => error.code,
      );
    expect(await code(writing(put('k'.repeat(keyBytesMax + 1), '1')))).toBe('too-large');
    expect(await code(writing(put('é'.repeat(keyBytesMax / 2 + 1), '1')))).toBe('too-large');
    expect(await code(writing(put('k', 'v'.repeat(valueBytesMax + 1))))).toBe('too-large');
    expect(await code(writing(...Array.from({ length: operationsMax + 1 }, (_, index) => put(`k${index}`, ''))))).toBe('too-large');
    const big = 'v'.repeat(valueBytesMax);
    expect(await code(writing(...Array.from({ length: 17 }, (_, index) => put(`k${index}`, big))))).toBe('too-large');
    expect(await code(writing(put('', '1')))).toBe('malformed-transaction');
    expect(await code(writing(put('k', '1'), remove('k')))).toBe('malformed-transaction');
    expect(await code(writing(put('\ud800', '1')))).toBe('malformed-transaction');
    expect(await code(writing(put('k', '\udc00')))).toBe('malformed-transaction');
    expect(store.revision).toBe(0);
    expect(await code(writing(put('k'.repeat(keyBytesMax), big), put('empty', '')))).toEqual({ committed: true, revision: 1 });
    expect((await store.get('k'.repeat(keyBytesMax)))?.value).toBe(big);
    expect((await store.get('empty'))?.value).toBe('');
  });

  it('commits as large a transaction as it may be', { timeout: 240_000 }, async () => {
    const { store } = subject();
    const value = 'v'.repeat(300);
    await store.transact(writing(...Array.from({ length: operationsMax }, (_, index) => put(`k${index}`, value))));
    expect((await store.range(all)).entries).toHaveLength(operationsMax);
  });

  it('says that it is closed', async () => {
    const { store } = subject();
    const last = store.transact(writing(put('a', '1')));
    const closing = store.close();
    await expect(store.transact(writing(put('a', '2')))).rejects.toMatchObject({ code: 'store-closed' });
    await expect(last).resolves.toEqual({ committed: true, revision: 1 });
    await closing;
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store-closed' });
  });
}

function describeReads(subject: () => StoreUnderTest): void {
  it('orders keys by their bytes', async () => {
    const { store } = subject();
    const keys = ['a', 'a\0', 'a\0b', 'a\u0001', 'a/b', 'ab', 'b', 'é', '\u{ffff}', '\u{10000}', '\u{10fffe}'];
    await store.transact(writing(...keys.toReversed().map((key) => put(key, key))));
    expect((await store.range(all)).entries.map(({ key }) => key)).toEqual(keys);
  });

  it('reads a range from its start up to before its end, and says when there is more', async () => {
    const { store } = subject();
    await store.transact(writing(...['a', 'b', 'c', 'd'].map((key) => put(key, key))));
    const keys = async (start: string, end: string, limit?: number): Promise<unknown> => {
      const { entries, more } = await store.range(limit === undefined ? { start, end } : { start, end, limit });
      return [entries.map(({ key }) => key).join(''), more];
    };
    expect(await keys('b', 'd')).toEqual(['bc', false]);
    expect(await keys('b', 'd', 1)).toEqual(['b', true]);
    expect(await keys('b', 'd', 2)).toEqual(['bc', false]);
    expect(await keys('b', 'b\0')).toEqual(['b', false]);
    expect(await keys('b', 'b')).toEqual(['', false]);
    expect(await keys('d', 'b')).toEqual(['', false]);
    expect(await keys('a', 'z', 0)).toEqual(['', true]);
  });

  it('reads one state, whatever is committed meanwhile', async () => {
    const { store } = subject();
    const keys = Array.from({ length: 1_500 }, (_, index) => `k${String(index).padStart(5, '0')}`);
    await store.transact(writing(...keys.map((key) => put(key, '0'))));
    const writer = (async () => {
      for (let write = 1; write <= 60; write++) await store.transact(writing(...keys.map((key) => put(key, String(write)))));
    })();
    for (;;) {
      const { entries, revision } = await store.range(all);
      expect(new Set(entries.map(({ value }) => value))).toEqual(new Set([String(revision - 1)]));
      if (revision > 60) break;
    }
    await writer;
  });

  it('has what was acknowledged at its own revision once it is asked to be current', async () => {
    const { store } = subject();
    for (let value = 1; value <= 20; value++) {
      const { revision } = await store.transact(writing(put('k', String(value))));
      expect(await store.current()).toBeGreaterThanOrEqual(revision);
      expect(store.revision).toBeGreaterThanOrEqual(revision);
      expect((await store.get('k', store.revision))?.value).toBe(String(value));
      expect((await store.range({ ...all, at: store.revision })).entries.map((entry) => entry.value)).toEqual([String(value)]);
    }
  });

  it('settles the reads that are under way when it is closed', async () => {
    const { store } = subject();
    await store.transact(writing(...Array.from({ length: 3_000 }, (_, index) => put(`k${index}`, '1'))));
    await store.transact(writing(put('k0', '2')));
    // So many that closing comes before they are done.
    const reads = Array.from({ length: 60 }, (_, index) => store.range(index % 2 === 0 ? all : { ...all, at: 1 }));
    await store.close();
    for (const { entries } of await Promise.all(reads)) expect(entries).toHaveLength(3_000);
  });

  it('reads the past', async () => {
    const { store } = subject();
    await store.transact(writing(put('a', '1'), put('a\0', '1')));
    await store.transact(writing(put('a', '2'), put('b', '2')));
    await store.transact(writing(remove('a')));
    await store.transact(writing(put('a', '4'), remove('b')));
    const past = async (at: number): Promise<unknown> => (await store.range({ ...all, at })).entries.map(({ key, value }) => [key, value]);
    expect(await past(0)).toEqual([]);
    expect(await past(1)).toEqual([
      ['a', '1'],
      ['a\0', '1'],
    ]);
    expect(await past(2)).toEqual([
      ['a', '2'],
      ['a\0', '1'],
      ['b', '2'],
    ]);
    expect(await past(3)).toEqual([
      ['a\0', '1'],
      ['b', '2'],
    ]);
    expect(await past(4)).toEqual([
      ['a', '4'],
      ['a\0', '1'],
    ]);
    expect(await store.get('a', 2)).toEqual({ key: 'a', value: '2', createRevision: 1, modRevision: 2 });
    expect(await store.get('a', 3)).toBeUndefined();
    expect(await store.get('a', 4)).toEqual({ key: 'a', value: '4', createRevision: 4, modRevision: 4 });
    await expect(store.get('a', 5)).rejects.toMatchObject({ code: 'future-revision' });
    await expect(store.range({ ...all, at: 5 })).rejects.toMatchObject({ code: 'future-revision' });
  });
}

function describeWatches(subject: () => StoreUnderTest): void {
  it('tells every commit after a revision, with before and after, in key order', async () => {
    const { store } = subject();
    await store.transact(writing(put('a', '1')));
    const live = new Collector(1);
    store.watch(1, live.onCommits);
    await store.transact(writing(put('b', '2'), put('a', '2')));
    await store.transact(writing(remove('a')));
    const late = new Collector(0);
    store.watch(0, late.onCommits);
    await late.reached(3);
    await live.reached(3);
    const a1 = { key: 'a', value: '1', createRevision: 1, modRevision: 1 };
    const a2 = { key: 'a', value: '2', createRevision: 1, modRevision: 2 };
    const b2 = { key: 'b', value: '2', createRevision: 2, modRevision: 2 };
    const expected = [
      {
        revision: 2,
        changes: [
          { key: 'a', before: a1, after: a2 },
          { key: 'b', after: b2 },
        ],
      },
      { revision: 3, changes: [{ key: 'a', before: a2 }] },
    ];
    expect(live.commits).toMatchObject(expected);
    expect(late.commits).toMatchObject([{ revision: 1, changes: [{ key: 'a', after: a1 }] }, ...expected]);
    expect(late.commits.slice(1)).toEqual(live.commits);
  });

  it('goes from the past to live without a gap while commits go on', async () => {
    const { store } = subject();
    const total = 3_000;
    const collectors: Collector[] = [];
    for (let revision = 1; revision <= total; revision += 20) {
      const writes = Array.from({ length: 20 }, (_, index) => store.transact(writing(put(`k${index}`, 'x'.repeat(200)))));
      if (revision % 100 === 1) {
        const since = Math.floor(store.revision / 2);
        const collector = new Collector(since);
        store.watch(since, collector.onCommits);
        collectors.push(collector);
      }
      await Promise.all(writes);
    }
    for (const collector of collectors) await collector.reached(total);
    await pause(5);
    const [first] = collectors;
    expect(first?.commits).toHaveLength(total);
    for (const { commits } of collectors) expect(commits).toEqual(first?.commits.slice(-commits.length));
  });

  it('tells nothing after close, and the reason when it ends by itself', async () => {
    const { store } = subject();
    await store.transact(writing(put('a', '1')));
    const closed = new Collector(0);
    store.watch(0, closed.onCommits, closed.onEnd).close();
    const other = new Collector(1);
    const watch = store.watch(1, other.onCommits, other.onEnd);
    await store.transact(writing(put('a', '2')));
    watch.close();
    await store.transact(writing(put('a', '3')));
    const ended = new Collector(3);
    store.watch(3, ended.onCommits, ended.onEnd);
    await store.close();
    expect(closed.commits).toEqual([]);
    expect(other.commits.map(({ revision }) => revision)).toEqual([2]);
    expect([closed.ends, other.ends, ended.ends]).toEqual([[], [], ['store-closed']]);
  });
}

function describeHistory(subject: () => StoreUnderTest): void {
  it('keeps everything over a reopening', async () => {
    const before = subject().store;
    for (let index = 1; index <= 20; index++) await before.transact(writing(put(`k${index % 3}`, String(index))));
    const expected = await before.range({ ...all, at: 11 });
    const after = await subject().reopen();
    expect(after.revision).toBe(20);
    expect(await after.range({ ...all, at: 11 })).toEqual(expected);
    const collector = new Collector(4);
    after.watch(4, collector.onCommits);
    expect(await after.transact(writing(put('k', 'new')))).toEqual({ committed: true, revision: 21 });
    await collector.reached(21);
  });

  it('tells the revision of a time, and keeps the order of times when the clock is set back', async () => {
    const { store, advance, wallMs } = subject();
    const start = wallMs();
    expect(await store.revisionAt(start)).toBe(0);
    for (let index = 1; index <= 5; index++) {
      advance(1_000);
      await store.transact(writing(put('k', String(index))));
    }
    expect(await store.revisionAt(start + 999)).toBe(0);
    expect(await store.revisionAt(start + 1_000)).toBe(1);
    expect(await store.revisionAt(start + 3_500)).toBe(3);
    expect(await store.revisionAt(start + 9_000)).toBe(5);
    advance(-4_000);
    await store.transact(writing(put('k', 'back')));
    expect(await store.revisionAt(start + 4_999)).toBe(4);
    expect(await store.revisionAt(start + 5_000)).toBe(6);
    const collector = new Collector(0);
    store.watch(0, collector.onCommits);
    await collector.reached(6);
    expect(collector.commits.map(({ wallMs: at }) => at - start)).toEqual([1_000, 2_000, 3_000, 4_000, 5_000, 5_000]);
  });

  it('forgets what is older than the retention, and says so', async () => {
    const { store, advance, retentionMs, wallMs } = subject();
    for (let index = 1; index <= 10; index++) await store.transact(writing(put(`k${index % 2}`, String(index)), put(`only${index}`, '')));
    const start = wallMs();
    advance(retentionMs / 2);
    for (let index = 11; index <= 20; index++) await store.transact(writing(put(`k${index % 2}`, String(index))));
    const kept = await store.range({ ...all, at: 10 });
    advance(retentionMs / 2 + 1);
    while (store.compactedRevision < 10) await pause(5);
    expect(store.compactedRevision).toBe(10);
    expect(await store.range({ ...all, at: 10 })).toEqual(kept);
    await expect(store.range({ ...all, at: 9 })).rejects.toMatchObject({ code: 'compacted', compactedRevision: 10 });
    await expect(store.get('k1', 9)).rejects.toBeInstanceOf(CompactedError);
    await expect(store.revisionAt(start - 1)).rejects.toBeInstanceOf(CompactedError);
    expect(() => store.watch(9, () => undefined)).toThrow(CompactedError);
    const collector = new Collector(10);
    store.watch(10, collector.onCommits);
    await collector.reached(20);
    const after = await subject().reopen();
    expect(after.compactedRevision).toBe(10);
    expect(await after.range({ ...all, at: 10 })).toEqual(kept);
  });
}
