import { describe, expect, test } from 'vitest';
import type { Document, Kind } from '../../policies/model/index.ts';
import { kinds } from '../../policies/model/parse.ts';
import { AdmissionError } from '../../src/admission/index.ts';
import type { Snapshot, Submitted } from '../../src/admission/index.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { openHarness, sluggish } from './harness.ts';
import type { Harness } from './harness.ts';
import { violations } from './invariants.ts';
import { dice, firstDocuments, randomSubmission } from './requests.ts';

const seeds = Array.from({ length: 16 }, (_, index) => index + 1);
const steps = 250;

/** Everything a snapshot tells. `isRandom`: uids and MACs too, which come from the random port. */
function tell(snapshot: Snapshot, isRandom = true): unknown {
  return kinds.flatMap((kind: Kind) =>
    [...snapshot.list(kind)].map(({ document, revision }) => {
      const { tenant, name } = document.metadata;
      const numbers = [
        snapshot.tenantNumbers(name),
        snapshot.routerNumbers(tenant, name),
        snapshot.policyNumbers(tenant, name),
        snapshot.vmNumbers(tenant ?? '', name),
      ];
      return { document: isRandom ? document : plain(document), revision, numbers };
    }),
  );
}

function plain(document: Document): unknown {
  return JSON.parse(
    JSON.stringify(document)
      .replaceAll(/"uid":"[^"]*"/g, '"uid":""')
      .replaceAll(/"mac":"(?!02:00:00)[^"]*"/g, '"mac":""'),
  );
}

/** An answer without what comes from the random port. */
async function outcome(submitted: Promise<Submitted>): Promise<string> {
  try {
    const { revision, results } = await submitted;
    return `${revision} ${results.map((result) => result.action).join()}`;
  } catch (thrown) {
    if (!(thrown instanceof AdmissionError)) throw thrown;
    return `${thrown.code} ${thrown.message}`;
  }
}

const vmCounts = (snapshot: Snapshot): ReadonlyMap<string, number> =>
  new Map(
    [...snapshot.list('Tenant')].map(({ document: { metadata } }) => [metadata.name, [...snapshot.list('Vm', metadata.name)].length]),
  );

/** What each rule id stands for: it never stands for anything else. */
function* ruleContents(snapshot: Snapshot): Generator<[number, string]> {
  for (const { document } of snapshot.list('Policy')) {
    const { tenant, name } = document.metadata;
    const numbers = snapshot.policyNumbers(tenant, name);
    for (const direction of ['ingress', 'egress'] as const) {
      for (const [index, rule] of document.spec[direction].entries()) {
        yield [numbers?.[direction][index]?.id ?? 0, `${document.metadata.uid} ${direction} ${JSON.stringify(rule)}`];
      }
    }
  }
}

async function openWorld(store = new MemoryStore(), nowMs?: () => number): Promise<Harness> {
  const harness = await openHarness(store, undefined, nowMs);
  await harness.apply(...firstDocuments);
  return harness;
}

describe.each(seeds)('random requests, seed %i', (seed) => {
  test('one after the other: the invariants hold, a refusal changes nothing, a reload gives the same', async () => {
    const harness = await openWorld();
    const roll = dice(seed);
    const known = new Map<number, string>();
    let accepted = 0;
    for (let step = 0; step < steps; step++) {
      const before = harness.store.revision;
      const had = vmCounts(harness.admission.snapshot());
      const submission = randomSubmission(roll);
      const answer = await outcome(harness.admission.submit(submission));
      const isChange = harness.store.revision !== before;
      expect(isChange && (!/^\d/.test(answer) || submission.dryRun === true)).toBe(false);
      if (!isChange) continue;
      accepted++;
      expect([submission, violations(harness.admission.snapshot())]).toEqual([submission, []]);
      for (const { document } of harness.admission.snapshot().list('Tenant')) {
        const { name } = document.metadata;
        const count = vmCounts(harness.admission.snapshot()).get(name) ?? 0;
        expect(count <= Math.max(document.spec.quotas.vms ?? Infinity, had.get(name) ?? 0)).toBe(true);
      }
      for (const [id, content] of ruleContents(harness.admission.snapshot())) {
        expect([id, known.get(id) ?? content]).toEqual([id, content]);
        known.set(id, content);
      }
    }
    const reloaded = await openHarness(harness.store);
    expect(tell(reloaded.admission.snapshot())).toEqual(tell(harness.admission.snapshot()));
    expect(accepted).toBeGreaterThan(steps / 5);
  });

  test('all at once, in slices, gives what one after the other gives', async () => {
    const [sequential, concurrent] = [await openWorld(), await openWorld(undefined, sluggish())];
    const roll = dice(seed);
    const submissions = Array.from({ length: steps }, () => randomSubmission(roll));
    const expected: string[] = [];
    for (const submission of submissions) expected.push(await outcome(sequential.admission.submit(submission)));
    const answers = await Promise.all(submissions.map((submission) => outcome(concurrent.admission.submit(submission))));
    expect(answers).toEqual(expected);
    expect(tell(concurrent.admission.snapshot())).toEqual(tell(sequential.admission.snapshot()));
  });

  test('a restart at any point changes nothing but what is random', async () => {
    const steady = await openWorld();
    let restarted = await openWorld();
    const roll = dice(seed);
    for (let step = 0; step < steps; step++) {
      const submission = randomSubmission(roll);
      const answers = [await outcome(steady.admission.submit(submission)), await outcome(restarted.admission.submit(submission))];
      expect([submission, answers[1]]).toEqual([submission, answers[0]]);
      if (step % 10 === 0) restarted = await openHarness(restarted.store, seededRandom(step + 99));
    }
    expect(tell(restarted.admission.snapshot(), false)).toEqual(tell(steady.admission.snapshot(), false));
  });

  test('two proposers on one store: the invariants hold, and both see the same', async () => {
    const store = new MemoryStore();
    store.flushes = true;
    const one = await openWorld(store);
    const two = await openHarness(store, seededRandom(2), sluggish());
    store.flushes = false;
    const found: unknown[] = [];
    one.admission.onCommitted(({ revision }) => found.push(...violations(one.admission.snapshot()).map((what) => [revision, what])));
    const roll = dice(seed);
    const pending: Promise<string>[] = [];
    let settled = 0;
    for (let step = 0; step < steps; step++) {
      const { admission } = roll(2) === 0 ? one : two;
      pending.push(outcome(admission.submit(randomSubmission(roll))).finally(() => settled++));
      if (roll(3) === 0) store.flush(1 + roll(4));
      if (roll(5) === 0) await new Promise(setImmediate);
    }
    while (settled < pending.length) {
      store.flush(1 + roll(8));
      await new Promise(setImmediate);
    }
    await Promise.all(pending);
    expect(found).toEqual([]);
    expect(tell(two.admission.snapshot())).toEqual(tell(one.admission.snapshot()));
    expect(tell((await openHarness(store)).admission.snapshot())).toEqual(tell(one.admission.snapshot()));
    // What the two hold in their working state is what is committed: the next answers are the same.
    store.flushes = true;
    for (let step = 0; step < 30; step++) {
      const submission = { ...randomSubmission(roll), dryRun: true };
      expect(await outcome(two.admission.submit(submission))).toBe(await outcome(one.admission.submit(submission)));
    }
  });
});
