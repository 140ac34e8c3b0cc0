import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openFollower } from '../../src/admission/index.ts';
import type { Committed, Follower } from '../../src/admission/index.ts';
import type { Channel } from '../../src/southbound/channel.ts';
import type { CommitsTold, MainAnswers } from '../../src/southbound/contract.ts';
import { CommitFeed } from '../../src/southbound/feed.ts';
import { DistantStore } from '../../src/southbound/followed.ts';
import { document, openHarness, sluggish } from '../admission/harness.ts';
import type { Harness } from '../admission/harness.ts';

/** The store followed from afar, over a way that holds back what it is told to. */

const underwayBytesMax = 64 * 1024;

let harness: Harness;
let feed: CommitFeed;
let distant: DistantStore;
let held: CommitsTold[];
let isHolding: boolean;
let follower: Follower | undefined;
let seen: Committed[];

beforeEach(async () => {
  harness = await openHarness();
  [held, isHolding, seen, follower] = [[], false, [], undefined];
  feed = new CommitFeed({
    store: harness.store,
    underwayBytesMax,
    commits: (told) => {
      held.push(told);
      pump();
    },
    ended: (told) => distant.ended(told),
  });
  const main: Partial<MainAnswers> = {
    range: (request) => harness.store.range(request),
    watch: ({ since }) => feed.start(since),
    unwatch: () => feed.stop(),
    taken: ({ bytes }) => feed.taken(bytes),
  };
  const say = (name: keyof MainAnswers, body: never): unknown => (main[name] as (body: never) => unknown)(body);
  const channel = { ask: async (name: never, body: never) => say(name, body), tell: say };
  distant = new DistantStore(channel as unknown as Channel<MainAnswers, object>, underwayBytesMax / 16, { nowMs: sluggish() });
});
afterEach(() => follower?.close());

let isPumping = false;
/** In order, whatever comes meanwhile. */
function pump(): void {
  if (isHolding || isPumping) return;
  isPumping = true;
  for (let told = held.shift(); told; told = held.shift()) distant.told(structuredClone(told));
  isPumping = false;
}

async function follow(): Promise<Follower> {
  follower = await openFollower({ store: distant, clock: systemClock, onEnd: () => undefined });
  follower.onCommitted((commit) => seen.push(commit));
  return follower;
}

const present = (of: { snapshot(): ReturnType<Follower['snapshot']> }): unknown => [
  of.snapshot().revision,
  [...of.snapshot().list('Tenant')].map(({ document: { metadata }, revision }) => [
    metadata,
    revision,
    of.snapshot().tenantNumbers(metadata.name),
  ]),
  [...of.snapshot().list('Group')].map(({ document: { metadata, spec }, revision }) => [metadata, spec, revision]),
];

test('a follower has what was there and each commit, in order', async () => {
  await harness.apply(document('Tenant', undefined, 'a'), document('Group', 'a', 'g', { selector: {} }));
  const there = await follow();
  await harness.apply(document('Tenant', undefined, 'b'));
  await harness.remove('Group', 'a', 'g');
  await expect.poll(() => there.snapshot().revision).toBe(harness.admission.snapshot().revision);
  expect(present(there)).toEqual(present(harness.admission));
  expect(seen.map(({ revision }) => revision)).toEqual([2, 3]);
  expect(seen[1]?.documents[0]).toMatchObject({ id: { kind: 'Group', tenant: 'a', name: 'g' }, after: undefined });
});

test('one that takes nothing costs a bounded buffer, and misses nothing when it goes on', async () => {
  const there = await follow();
  isHolding = true;
  const specs = (round: number) => ({ cidrs: Array.from({ length: 200 }, (_, n) => `10.${round}.0.${n}/32`) });
  await harness.apply(document('Tenant', undefined, 'a'));
  for (let round = 0; round < 100; round++) await harness.put('Group', 'a', 'g', specs(round));
  const bytes = held.reduce((sum, told) => sum + told.bytes, 0);
  expect(bytes).toBeGreaterThan(underwayBytesMax);
  expect(bytes).toBeLessThan(2 * underwayBytesMax);
  isHolding = false;
  pump();
  await expect.poll(() => there.snapshot().revision).toBe(harness.admission.snapshot().revision);
  expect(seen.map(({ revision }) => revision)).toEqual(Array.from({ length: 101 }, (_, index) => index + 1));
  expect(present(there)).toEqual(present(harness.admission));
});

test('where commits were left out, a whole state comes in their place', async () => {
  await harness.apply(document('Tenant', undefined, 'a'), document('Group', 'a', 'g', { selector: {} }));
  const there = await follow();
  isHolding = true;
  await harness.apply(document('Tenant', undefined, 'b'));
  await harness.remove('Group', 'a', 'g');
  held = [];
  isHolding = false;
  feed.stop();
  distant.ended({ code: 'compacted', message: 'versions before are gone', revision: harness.store.revision });
  await expect.poll(() => there.snapshot().revision).toBe(harness.admission.snapshot().revision);
  expect(present(there)).toEqual(present(harness.admission));
  await harness.apply(document('Tenant', undefined, 'c'));
  await expect.poll(() => there.snapshot().revision).toBe(harness.admission.snapshot().revision);
  expect(present(there)).toEqual(present(harness.admission));
});
