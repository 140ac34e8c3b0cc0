import { expect, test } from 'vitest';
import { CompactedError, type Commit, type RangeRequest, type Store, type Transaction, type Watch } from '../../cluster/index.ts';
import type { WeirError } from '../../src/base/errors.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { document, openHarness, sluggish } from './harness.ts';
import { openAdmission } from '../../src/admission/index.ts';

/** One member's view of a store that others write to: between `cut` and `replace` it hears nothing, then it is told to read everything anew. */
class MemberView implements Store {
  readonly #store: MemoryStore;
  #onEnd: ((error: WeirError) => void) | undefined;
  #watch: Watch | undefined;
  #isCut = false;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  get revision(): number {
    return this.#store.revision;
  }

  get compactedRevision(): number {
    return this.#store.compactedRevision;
  }

  current() {
    return this.#store.current();
  }

  get(key: string, at?: number) {
    return this.#store.get(key, at);
  }

  range(request: RangeRequest) {
    return this.#store.range(request);
  }

  transact(transaction: Transaction) {
    return this.#store.transact(transaction);
  }

  revisionAt(wallMs: number) {
    return this.#store.revisionAt(wallMs);
  }

  close() {
    return this.#store.close();
  }

  watch(since: number, onCommits: (commits: readonly Commit[]) => void, onEnd?: (error: WeirError) => void): Watch {
    this.#onEnd = onEnd;
    this.#watch = this.#store.watch(since, (commits) => {
      if (!this.#isCut) onCommits(commits);
    });
    return this.#watch;
  }

  cut(): void {
    this.#isCut = true;
  }

  replace(): void {
    this.#isCut = false;
    this.#watch?.close();
    this.#onEnd?.(new CompactedError(0, this.revision));
  }
}

const names = (admission: Awaited<ReturnType<typeof openAdmission>>): string[] =>
  (['Tenant', 'Network', 'Group'] as const).flatMap((kind) =>
    [...admission.snapshot().list(kind)].map(
      ({ document: { metadata, spec }, revision }) => `${kind} ${metadata.tenant}/${metadata.name} ${revision} ${JSON.stringify(spec)}`,
    ),
  );

test.each([
  ['at once', () => performance.now()],
  ['in slices', sluggish()],
])('a state in the place of commits, taken %s: what listeners know, and what is in flight, goes on from it', async (_, nowMs) => {
  const store = new MemoryStore();
  const view = new MemberView(store);
  const clock = { wallMs: () => store.wallMs, nowMs };
  const mine = await openAdmission({ store: view, clock, random: seededRandom(1) });
  const other = await openHarness(store, seededRandom(2));
  const put = (kind: 'Tenant' | 'Network' | 'Group', tenant: string | undefined, name: string, spec: object = {}) =>
    mine.submit({ writes: [{ verb: 'put', kind, tenant, name, raw: { spec } }] });
  const known = new Map<string, unknown>();
  const revisions: number[] = [];
  mine.onCommitted(({ revision, documents }) => {
    revisions.push(revision);
    for (const { id, before, after } of documents) {
      const key = `${id.kind} ${id.tenant}/${id.name}`;
      expect(known.get(key)).toEqual(before?.document);
      if (after === undefined) known.delete(key);
      else known.set(key, after.document);
    }
  });

  await put('Tenant', undefined, 'acme');
  await put('Network', 'acme', 'blue', { subnets: [{ cidr: '10.0.0.0/24' }] });
  await put('Network', 'acme', 'old', { subnets: [{ cidr: '10.1.0.0/24' }] });
  view.cut();
  await other.put('Network', 'acme', 'red', { subnets: [{ cidr: '10.2.0.0/24' }] });
  await other.remove('Network', 'acme', 'old');
  await other.apply(
    document('Group', 'acme', 'web', { selector: { matchLabels: { app: 'web' } } }),
    document('Tenant', undefined, 'globex'),
    ...Array.from({ length: 50 }, (_, at) => document('Group', 'acme', `g${at}`, { selector: { matchLabels: { app: `a${at}` } } })),
  );
  // Judged upon what is not so any more, and in flight while the state is replaced: both of the same tenant, and of another.
  const inFlight = [
    put('Network', 'acme', 'green', { subnets: [{ cidr: '10.3.0.0/24' }] }),
    put('Network', 'acme', 'old', { subnets: [{ cidr: '10.4.0.0/24' }] }),
    put('Tenant', undefined, 'initech'),
  ];
  view.replace();
  await Promise.all(inFlight);
  await put('Group', 'acme', 'db', { selector: { matchLabels: { app: 'db' } } });
  expect(names(mine)).toEqual(names(other.admission));
  expect([...mine.snapshot().list('Network')].map(({ document: { metadata } }) => metadata.name).toSorted()).toEqual([
    'blue',
    'green',
    'old',
    'red',
  ]);
  expect(revisions).toEqual(revisions.toSorted((left, right) => left - right));
  const stored = (['Tenant', 'Network', 'Group'] as const).flatMap((kind) => [...mine.snapshot().list(kind)].map((each) => each.document));
  expect([...known.values()].toSorted(byName)).toEqual(stored.toSorted(byName));
  // VNIs that were given out meanwhile are not given out again.
  const vnis = [...mine.snapshot().list('Network')].map(({ document: { spec } }) => spec.vni);
  expect(new Set(vnis).size).toBe(4);
});

const byName = (left: unknown, right: unknown): number => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1);
