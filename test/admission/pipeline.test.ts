import { describe, expect, test } from 'vitest';
import { WeirError } from '../../src/base/errors.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { document, oneInterface, openFurnished, openHarness, sluggish } from './harness.ts';
import type { Harness } from './harness.ts';

/** What became of submissions, without waiting: revisions, codes, or `pending`. */
function follow(submitted: readonly Promise<{ readonly revision: number }>[]): (number | string)[] {
  const states: (number | string)[] = submitted.map(() => 'pending');
  for (const [index, each] of submitted.entries()) {
    each.then(
      ({ revision }) => (states[index] = revision),
      (thrown: unknown) => (states[index] = thrown instanceof WeirError ? thrown.code : String(thrown)),
    );
  }
  return states;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function flushAll(harness: Harness): Promise<void> {
  for (let round = 0; round < 6; round++) {
    harness.store.flush();
    await turn();
  }
}

describe('the pipeline', () => {
  test('does not wait for one write before the next, and answers in order', async () => {
    const harness = await openFurnished();
    harness.store.flushes = false;
    const states = follow([
      harness.put('Network', 'acme', 'red', { vni: 9 }),
      harness.put('Network', 'acme', 'green', { vni: 9 }),
      harness.put('Network', 'acme', 'red', { vni: 9 }),
      harness.put('Network', 'acme', 'white', { vni: 10 }),
    ]);
    await turn();
    // The refusal and the unchanged one rest on a write that is not durable yet.
    expect(states).toEqual(['pending', 'pending', 'pending', 'pending']);
    harness.store.flush(1);
    await turn();
    expect(states).toEqual([5, 'vni-in-use', 5, 'pending']);
    harness.store.flush(1);
    await turn();
    expect(states[3]).toBe(6);
  });

  test('has a change in the snapshot before it tells of it, and tells in revision order', async () => {
    const harness = await openFurnished();
    const told: unknown[] = [];
    harness.admission.onCommitted(({ revision, documents, numbers }) => {
      const snapshot = harness.admission.snapshot();
      told.push([
        revision,
        snapshot.revision,
        documents.map(({ id, before, after }) => [id.name, before?.revision, after?.revision]),
        numbers.map((id) => id.name),
      ]);
    });
    await Promise.all([
      harness.put('Vm', 'acme', 'a', oneInterface()),
      harness.start('acme', 'a', 'h1'),
      harness.remove('Vm', 'acme', 'a'),
    ]);
    expect(told).toEqual([
      [5, 5, [['a', undefined, 5]], []],
      [6, 6, [['a', 5, 6]], ['a']],
      [7, 7, [['a', 6, undefined]], ['a']],
    ]);
  });

  test('judges again what was refused because of a write that failed', async () => {
    const harness = await openFurnished();
    harness.store.failNext(new WeirError('store-full', 'the store is full'));
    const states = follow([harness.put('Network', 'acme', 'red', { vni: 9 }), harness.put('Network', 'acme', 'green', { vni: 9 })]);
    await flushAll(harness);
    expect(states).toEqual(['store-full', 5]);
    expect(harness.admission.snapshot().get('Network', 'acme', 'red')).toBeUndefined();
  });

  test('lets nothing land that rests on a write that failed', async () => {
    const harness = await openFurnished();
    await harness.put('Network', 'acme', 'red', { vni: 200_000 });
    await harness.put('Tenant', undefined, 'other');
    await harness.put('Vm', 'acme', 'a', { host: 'h1' });
    await harness.put('Vm', 'acme', 'b', { host: 'h2' });
    const full = (): WeirError => new WeirError('store-full', 'the store is full');
    harness.store.failNext(full(), full(), full());
    const states = follow([
      harness.remove('Vm', 'acme', 'a'),
      harness.put('Vm', 'acme', 'b', { host: null }),
      harness.remove('Network', 'acme', 'red'),
      harness.remove('Host', undefined, 'h1'),
      harness.remove('Host', undefined, 'h2'),
      harness.put('Network', 'other', 'red', { vni: 200_000 }),
    ]);
    await flushAll(harness);
    expect(states).toEqual(['store-full', 'store-full', 'store-full', 'in-use', 'in-use', 'vni-in-use']);
  });

  test('takes what landed after all for what another did', async () => {
    const harness = await openFurnished();
    harness.store.flushes = false;
    const lost = harness.store.transact.bind(harness.store);
    harness.store.transact = async (transaction) => {
      void lost(transaction);
      throw new WeirError('unknown-outcome', 'the leader went away');
    };
    const states = follow([harness.put('Network', 'acme', 'red', { vni: 9 })]);
    await turn();
    expect(states).toEqual(['unknown-outcome']);
    harness.store.transact = lost;
    const later = follow([harness.put('Network', 'acme', 'red', { vni: 9 }), harness.put('Network', 'acme', 'green', { vni: 9 })]);
    await flushAll(harness);
    expect(later).toEqual([5, 'vni-in-use']);
  });

  test('begins again when another proposer came between', async () => {
    const one = await openFurnished();
    const two = await openHarness(one.store, seededRandom(2));
    one.store.flushes = false;
    const states = follow([
      one.put('Vm', 'acme', 'a', oneInterface()),
      two.put('Vm', 'acme', 'b', oneInterface()),
      one.put('Vm', 'acme', 'c', oneInterface()),
      two.put('Vm', 'acme', 'd', oneInterface()),
    ]);
    await flushAll(one);
    expect(new Set(states)).toEqual(new Set([5, 6, 7, 8]));
    const addresses = [...two.admission.snapshot().list('Vm')].map(({ document }) => document.spec.interfaces[0]?.addresses[0]);
    expect(new Set(addresses)).toEqual(new Set(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']));
  });

  test('validates upon all of a large commit of another, and of those behind it', async () => {
    const two = await openFurnished();
    const one = await openHarness(two.store, seededRandom(2), sluggish());
    const networks = Array.from({ length: 100 }, (_, at) => document('Network', 'acme', `n${at}`, { vni: 100 + at }));
    const told = new Promise<void>((resolve) => {
      one.admission.onCommitted(({ revision }) => revision === 6 && resolve());
    });
    void two.apply(...networks);
    void two.put('Network', 'acme', 'late', { vni: 500 });
    await told;
    const states = follow([
      one.put('Network', 'acme', 'last', { vni: 199 }),
      one.put('Network', 'acme', 'other', { vni: 500 }),
      one.put('Network', 'acme', 'free', { vni: 501 }),
    ]);
    await expect.poll(() => states, { timeout: 30_000 }).toEqual(['vni-in-use', 'vni-in-use', 7]);
    expect(one.admission.budget.usage('acme')).toEqual(two.admission.budget.usage('acme'));
  });

  test('is not deceived by another’s commit at the very revision that was foreseen', async () => {
    const one = await openFurnished();
    const two = await openHarness(one.store, seededRandom(2));
    one.store.flushes = false;
    // Both foresee revision 5 for their first write to the tenant's scope; the second of `one` rests on its first.
    const states = follow([
      two.put('Tenant', undefined, 'acme', { quotas: { vms: 1 } }),
      one.put('Vm', 'acme', 'a', oneInterface()),
      one.put('Vm', 'acme', 'b', oneInterface()),
    ]);
    one.store.flush(1);
    await flushAll(one);
    expect(states).toEqual([5, 6, 'quota-exceeded']);
  });

  test('keeps more waiting than it validates ahead', async () => {
    const harness = await openFurnished();
    const submitted = Array.from({ length: 6000 }, (_, index) => harness.put('Group', 'acme', `g${index}`, { selector: {} }));
    const revisions = (await Promise.all(submitted)).map(({ revision }) => revision);
    expect(revisions).toEqual(Array.from({ length: 6000 }, (_, index) => index + 5));
  });

  test('answers what waits when it is closed, and nothing more', async () => {
    const harness = await openFurnished();
    harness.store.flushes = false;
    const waiting = follow([harness.put('Network', 'acme', 'red')]);
    harness.admission.close();
    const late = follow([harness.put('Network', 'acme', 'green')]);
    await turn();
    expect([waiting, late]).toEqual([['store-closed'], ['store-closed']]);
  });

  test('sweeps the slots of proposers that are no more', async () => {
    const harness = await openFurnished();
    harness.store.wallMs += 2 * 60 * 60 * 1000;
    const later = await openHarness(harness.store, seededRandom(3));
    await later.put('Network', 'acme', 'red');
    const { entries } = await harness.store.range({ start: 'slot/', end: 'slot0' });
    expect(entries).toHaveLength(1);
  });
});
