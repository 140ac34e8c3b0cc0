import { expect, onTestFinished, test } from 'vitest';
import { type Presence, StoredOwnership } from '../../../cluster/index.ts';
import type { Outcome, RangeRequest, RangeResult, Transaction } from '../../../cluster/index.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { until } from '../../support/weir-client.ts';
import { releaseNamed } from '../../../cluster/version/index.ts';

const at = (wallMs: number) => ({ wallMs: () => wallMs, nowMs: () => 0 });

/** Who is there is what the test says. */
class Said implements Presence {
  decides: boolean;
  #present: ReadonlySet<string>;
  readonly #listeners = new Set<() => void>();

  constructor(present: readonly string[], decides: boolean) {
    this.#present = new Set(present);
    this.decides = decides;
  }

  present(): ReadonlySet<string> {
    return this.#present;
  }

  say(present: readonly string[], decides = this.decides): void {
    this.#present = new Set(present);
    this.decides = decides;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
  }
}

const cluster = ['a', 'b', 'c'];

async function open(store: MemoryStore, id: string, presence: Presence, wallMs = 1_800_000_000_000, members = cluster) {
  const ownership = await StoredOwnership.open({
    id,
    store,
    runs: releaseNamed('0'),
    pipeline: 1,
    clashes: () => false,
    clock: at(wallMs),
    presence: () => presence,
    members: () => new Set(members),
    onProblem: (error) => {
      throw error;
    },
  });
  onTestFinished(() => ownership.close());
  return ownership;
}

const hosts = Array.from({ length: 60 }, (_, index) => `hv${index}`);
const sharesOf = (owners: readonly StoredOwnership[]): readonly number[] =>
  owners.map((each) => hosts.filter((host) => each.isMine(host)).length);

const alone = (store: MemoryStore, wallMs?: number) => open(store, 'a', new Said(['a'], true), wallMs, ['a']);

test('alone, each start has a higher epoch than every one before, also when the clock goes back, and owns everything', async () => {
  const store = new MemoryStore();
  const epochs: number[] = [];
  for (const wallMs of [1_800_000_000_000, 1_800_000_000_500, 1_700_000_000_000, 1_800_000_100_000]) {
    const ownership = await alone(store, wallMs);
    expect(ownership.isMine('hv1')).toBe(true);
    epochs.push(ownership.epoch);
    ownership.close();
  }
  expect(epochs).toEqual([1_800_000_000, 1_800_000_001, 1_800_000_002, 1_800_000_100]);
  expect(store.revision).toBe(4);
});

test('a member that comes to decide while its start is being stored writes the epoch', async () => {
  const presence = new Said(['a'], false);
  class Deciding extends MemoryStore {
    override async transact(transaction: Transaction): Promise<Outcome> {
      const outcome = await super.transact(transaction);
      presence.decides = true;
      return outcome;
    }
  }
  const ownership = await open(new Deciding(), 'a', presence, undefined, ['a']);
  await until(() => ownership.isMine('hv1'));
});

test('whoever follows ownership is told when a member comes or goes, also one that changes no epoch', async () => {
  const presence = new Said(['a'], false);
  const ownership = await open(new MemoryStore(), 'a', presence);
  const told: (readonly [boolean, readonly string[]])[] = [];
  ownership.onChange((isWhole) => told.push([isWhole, [...presence.present()]]));
  presence.say(['a', 'b']);
  presence.say(['a']);
  expect(told).toEqual([
    [true, ['a', 'b']],
    [true, ['a']],
  ]);
});

test('a store that was lost begins above what the lost one had', async () => {
  const lost = new MemoryStore();
  let last = 0;
  for (let start = 0; start < 50; start++) last = (await alone(lost, 1_800_000_000_000 + start * 60_000)).epoch;
  expect((await alone(new MemoryStore(), 1_800_000_000_000 + 50 * 60_000)).epoch).toBeGreaterThan(last);
});

test('an epoch that an earlier release stored is followed by a higher one', async () => {
  const store = new MemoryStore();
  await store.transact({ compares: [], operations: [{ kind: 'put', key: 'sys/epoch', value: '1900000000' }] });
  expect((await alone(store)).epoch).toBe(1_900_000_001);
});

test('of two that decide at once, each writes its own epoch', async () => {
  const store = new MemoryStore();
  const owners = await Promise.all(cluster.map((id) => open(store, id, new Said(cluster, true))));
  await until(async () => owners.every(({ epoch }) => epoch === owners[0]?.epoch) && sharesOf(owners).every((share) => share > 0));
  const epochs = store.commits.flatMap(({ changes }) => changes.filter(({ key }) => key === 'sys/epoch').map(({ after }) => after?.value));
  const numbers = epochs.map((text) => (JSON.parse(text ?? '') as { epoch: number }).epoch);
  expect(numbers).toEqual([...new Set(numbers)].toSorted((x, y) => x - y));
});

/** Others write just before the first transaction, and while it is read what that met. */
class Contended extends MemoryStore {
  #reads = 0;
  #isMet = false;

  override async range(request: RangeRequest): Promise<RangeResult> {
    if (++this.#reads === 2) await super.transact(epochOf(2));
    return super.range(request);
  }

  override transact(transaction: Transaction): Promise<Outcome> {
    if (!this.#isMet) void super.transact(epochOf(1));
    this.#isMet = true;
    return super.transact(transaction);
  }
}

const epochOf = (epoch: number): Transaction => ({
  compares: [],
  operations: [{ kind: 'put', key: 'sys/epoch', value: JSON.stringify({ epoch, members: [{ id: 'b', incarnation: 1 }], pipeline: 1 }) }],
});

test('one that decides and meets others while it enters goes on entering', async () => {
  const store = new Contended();
  const ownership = await open(store, 'a', new Said(['a'], true));
  expect(store.commits).toHaveLength(3);
  expect(ownership.isMine('hv1')).toBe(true);
});

test('who decides writes who is there; each switch has one owner in each epoch', async () => {
  const store = new MemoryStore();
  const said = cluster.map((id) => new Said([id], id === 'a'));
  const owners = await Promise.all(cluster.map((id, index) => open(store, id, said[index] ?? new Said([], false))));
  const shares = (): readonly number[] => sharesOf(owners);
  expect(shares()).toEqual([60, 0, 0]);
  const before = owners[0]?.epoch ?? 0;
  said[0]?.say(cluster);
  await until(async () => (owners[0]?.epoch ?? 0) > before);
  expect(shares().reduce((sum, share) => sum + share)).toBe(60);
  expect(Math.min(...shares())).toBeGreaterThan(5);
  const kept = hosts.filter((host) => owners[1]?.isMine(host));
  said[0]?.say(['a', 'b']);
  await until(async () => shares()[2] === 0);
  expect(shares().reduce((sum, share) => sum + share)).toBe(60);
  expect(kept.every((host) => owners[1]?.isMine(host))).toBe(true);
});

test('one that was started again owns nothing before an epoch counts this life of it', async () => {
  const store = new MemoryStore();
  const [said, other] = [new Said(['a', 'b'], true), new Said(['a', 'b'], false)];
  const decider = await open(store, 'a', said);
  const first = await open(store, 'b', other);
  await until(async () => ['hv1', 'hv2', 'hv3', 'hv4', 'hv5', 'hv6'].some((host) => first.isMine(host)));
  const epoch = decider.epoch;
  const host = ['hv1', 'hv2', 'hv3', 'hv4', 'hv5', 'hv6'].find((each) => first.isMine(each)) ?? '';
  first.close();
  store.flushes = false;
  const opening = open(store, 'b', other);
  await new Promise((resolve) => setImmediate(resolve));
  store.flush();
  const again = await opening;
  expect([again.epoch, again.isMine(host)]).toEqual([epoch, false]);
  store.flushes = true;
  store.flush();
  await until(async () => again.isMine(host));
  expect(again.epoch).toBeGreaterThan(epoch);
});

test('where members are found is known of all of them, also of those that are away, until they are members no more', async () => {
  const store = new MemoryStore();
  const said = new Said(['a', 'b'], true);
  const members = ['a', 'b'];
  const [a, b] = [await open(store, 'a', said, undefined, members), await open(store, 'b', new Said(['b'], false), undefined, members)];
  a.announce({ openflow: 'tcp:10.0.0.1:6653', ovsdb: 'tcp:10.0.0.1:6640' });
  b.announce({ openflow: 'tcp:10.0.0.2:6653', ovsdb: 'tcp:10.0.0.2:6640' });
  await until(async () => a.endpoints().length === 2);
  said.say(['a']);
  await until(async () => !['hv1', 'hv2', 'hv3', 'hv4', 'hv5'].some((host) => b.isMine(host)));
  expect(b.endpoints().map(({ openflow }) => openflow)).toEqual(['tcp:10.0.0.1:6653', 'tcp:10.0.0.2:6653']);
  members.pop();
  said.say(['a']);
  await until(async () => a.endpoints().length === 1);
});

test('among members that switches find, one that they do not find owns nothing', async () => {
  const store = new MemoryStore();
  const said = new Said(['a', 'b'], true);
  const [a, b] = [await open(store, 'a', said), await open(store, 'b', new Said(['a', 'b'], false))];
  await until(async () => sharesOf([a, b]).every((share) => share > 0));
  expect(a.unfound()).toEqual([]);
  a.announce({ openflow: 'tcp:10.0.0.1:6653', ovsdb: 'tcp:10.0.0.1:6640' });
  await until(async () => sharesOf([a, b])[0] === hosts.length);
  expect([a.unfound(), b.unfound()]).toEqual([['b'], ['b']]);
  said.say(['a']);
  expect(a.unfound()).toEqual([]);
  said.say(['a', 'b']);
  b.announce({ openflow: 'tcp:10.0.0.2:6653', ovsdb: 'tcp:10.0.0.2:6640' });
  await until(async () => sharesOf([a, b]).every((share) => share > 0));
  expect([a.unfound(), b.unfound()]).toEqual([[], []]);
});

test('one that was removed owns nothing, whatever it knew last', async () => {
  const ownership = await alone(new MemoryStore());
  expect(sharesOf([ownership])).toEqual([hosts.length]);
  const told: boolean[] = [];
  ownership.onChange((isWhole) => told.push(isWhole));
  ownership.retire();
  expect(sharesOf([ownership])).toEqual([0]);
  expect(ownership.ownerOf('hv1')).toBeUndefined();
  expect(told).toEqual([false]);
});
