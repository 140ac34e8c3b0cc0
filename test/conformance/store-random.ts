import { expect, it } from 'vitest';
import { CompactedError, type Store, type Transaction } from '../../cluster/index.ts';
import { Random } from './random.ts';
import { StoreModel } from './store-model.ts';
import { all, Collector, put, remove, type StoreUnderTest } from './store-subject.ts';

const pool = ['a', 'a\0', 'a\0\0', 'a\u0001', 'a/1', 'a/2', 'b', 'é', '\u{ffff}', '\u{10000}', '0', 'zz'];
const bounds = ['', ...pool, 'a/', 'b\0', '~', '\u{10ffff}'];

function randomTransaction(random: Random, model: StoreModel): Transaction {
  const keys = new Set(Array.from({ length: random.below(4) }, () => random.pick(pool)));
  const operations = [...keys].map((key) =>
    random.chance(30) ? remove(key) : put(key, `${random.below(1000)}${'x'.repeat(random.below(random.chance(2) ? 20_000 : 40))}`),
  );
  const compares = random.chance(40)
    ? [random.pick(pool)].map((key) => ({
        key,
        modRevision: random.chance(70) ? (model.get(key, model.revision)?.modRevision ?? 0) : random.below(model.revision + 1),
      }))
    : [];
  return { compares, operations };
}

/** Random transactions, reads of the past, watches, compaction and reopening, against the model. */
export function describeRandom(subject: () => StoreUnderTest): void {
  it('does what the model does', async () => {
    const random = Random.fresh();
    console.log(`seed ${random.seed}`);
    const { advance, retentionMs } = subject();
    let { store } = subject();
    const model = new StoreModel();
    let watches: { since: number; collector: Collector }[] = [];
    const checkWatches = async (): Promise<void> => {
      for (const { since, collector } of watches) {
        await collector.reached(model.revision);
        expect(collector.commits.map(({ revision, changes }) => ({ revision, changes }))).toEqual(model.commitsAfter(since));
      }
      watches = [];
    };
    for (let step = 0; step < 400; step++) {
      const transactions: Promise<void>[] = [];
      for (let count = 1 + random.below(8); count > 0; count--) {
        const transaction = randomTransaction(random, model);
        const expected = model.transact(transaction);
        transactions.push(store.transact(transaction).then((outcome) => expect(outcome).toEqual(expected)));
      }
      if (random.chance(70)) await Promise.all(transactions);
      if (random.chance(15)) {
        const since = store.compactedRevision + random.below(store.revision - store.compactedRevision + 1);
        const collector = new Collector(since);
        store.watch(since, collector.onCommits);
        watches.push({ since, collector });
      }
      await Promise.all(transactions);
      await checkReads(store, model, random);
      if (random.chance(10)) advance(random.below(retentionMs));
      if (random.chance(3)) {
        await checkWatches();
        store = await subject().reopen();
        if (store.revision !== model.revision) throw new Error(`revision ${store.revision} after reopening, ${model.revision} before`);
      }
    }
    await checkWatches();
    expect(store.compactedRevision).toBeGreaterThan(0);
  });
}

async function checkReads(store: Store, model: StoreModel, random: Random): Promise<void> {
  const at = store.compactedRevision + random.below(model.revision - store.compactedRevision + 1);
  const request = { start: random.pick(bounds), end: random.pick(bounds), at, ...(random.chance(50) ? { limit: random.below(6) } : {}) };
  const key = random.pick(pool);
  try {
    expect(await store.range(request)).toEqual(model.range(request));
    expect(await store.get(key, at)).toEqual(model.get(key, at));
  } catch (error) {
    if (!(error instanceof CompactedError && at < store.compactedRevision)) throw error;
  }
  expect(await store.range(all)).toEqual(model.range(all));
  expect(await store.get(key)).toEqual(model.get(key, model.revision));
}
