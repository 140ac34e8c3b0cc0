import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { Realization } from '../../src/controller/realization.ts';

/** Timers that only fire when they are told to. */
class Timers {
  readonly #timers = new Set<() => void>();

  readonly schedule = (_delayMs: number, callback: () => void): (() => void) => {
    this.#timers.add(callback);
    return () => this.#timers.delete(callback);
  };

  get count(): number {
    return this.#timers.size;
  }

  expire(): void {
    for (const callback of this.#timers) {
      this.#timers.delete(callback);
      callback();
    }
  }
}

const because = (host: string): string => `${host} is slow`;

function opened(): { readonly realization: Realization; readonly timers: Timers } {
  const timers = new Timers();
  return { realization: new Realization(timers.schedule), timers };
}

test('a revision that concerns no switch is realized as soon as it is compiled, and not before', async () => {
  const { realization, timers } = opened();
  let isRealized = false;
  const waiting = realization.wait(3, 1_000, because).then((outcome) => (isRealized = outcome.realized));
  realization.compiled(2);
  await Promise.resolve();
  expect(isRealized).toBe(false);
  realization.compiled(3);
  await waiting;
  expect(isRealized).toBe(true);
  expect(timers.count).toBe(0);
});

test('a revision is realized when every host that it concerns carries it out', async () => {
  const { realization, timers } = opened();
  realization.owe('a', 5, 1);
  realization.owe('b', 5, 7);
  realization.owe('b', 6, 8);
  realization.compiled(6);
  const outcome = realization.wait(5, 1_000, because);
  realization.realized('a', 1);
  realization.realized('b', 6);
  expect(realization.realizedBy('b')).toBe(4);
  expect(timers.count).toBe(1);
  realization.realized('b', 7);
  expect(await outcome).toEqual({ realized: true });
  expect([realization.realizedBy('a'), realization.realizedBy('b'), realization.realizedBy('c')]).toEqual([6, 5, 6]);
  realization.realized('b', 100);
  expect(realization.realizedBy('b')).toBe(6);
});

test('who does not answer in time is named with the reason; the others are not', async () => {
  const { realization, timers } = opened();
  realization.owe('a', 5, 1);
  realization.owe('b', 5, 1);
  realization.compiled(5);
  const outcome = realization.wait(5, 1_000, because);
  realization.realized('a', 1);
  timers.expire();
  expect(await outcome).toEqual({ realized: false, waiting: [{ host: 'b', reason: 'b is slow' }] });
  realization.realized('b', 1);
  expect(await realization.wait(5, 1_000, because)).toEqual({ realized: true });
});

test('nobody waits for a host that is gone for good', async () => {
  const { realization } = opened();
  realization.owe('a', 5, 1);
  realization.owe('a', 6, 2);
  realization.compiled(6);
  const outcomes = [realization.wait(5, 1_000, because), realization.wait(6, 1_000, because)];
  realization.forget('a');
  expect(await Promise.all(outcomes)).toEqual([{ realized: true }, { realized: true }]);
});

test('a waiter for something else looks again whenever it is woken', async () => {
  const { realization, timers } = opened();
  let isPlugged = false;
  const plugged = realization.until(() => isPlugged, 1_000);
  const never = realization.until(() => false, 1_000);
  realization.wake();
  isPlugged = true;
  realization.wake();
  expect(await plugged).toBe(true);
  timers.expire();
  expect(await never).toBe(false);
  expect(timers.count).toBe(0);
});

test.each(Array.from({ length: 20 }, (_, seed) => seed))('agrees with a table of all debts, seed %i', async (seed) => {
  const random = new Random(seed);
  const { realization } = opened();
  const hosts = ['a', 'b', 'c'] as const;
  const sequences = new Map<string, number>(hosts.map((host) => [host, 0]));
  const paid = new Map<string, number>(hosts.map((host) => [host, 0]));
  const debts: { readonly host: string; readonly revision: number; readonly sequence: number }[] = [];
  const isOpen = ({ host, sequence }: (typeof debts)[number]): boolean => sequence > (paid.get(host) ?? 0);
  let revision = 0;
  for (let step = 0; step < 200; step++) {
    const host = random.pick(hosts);
    if (random.chance(0.5)) {
      revision++;
      for (const each of hosts) {
        if (!random.chance(0.5)) continue;
        const sequence = (sequences.get(each) ?? 0) + random.integer(1, 3);
        sequences.set(each, sequence);
        debts.push({ host: each, revision, sequence });
        realization.owe(each, revision, sequence);
      }
      realization.compiled(revision);
    } else {
      const upTo = Math.max(paid.get(host) ?? 0, random.integer(0, sequences.get(host) ?? 0));
      paid.set(host, upTo);
      realization.realized(host, upTo);
    }
    for (const each of hosts) {
      const oldest = debts.find((debt) => debt.host === each && isOpen(debt));
      expect(realization.realizedBy(each)).toBe(oldest ? oldest.revision - 1 : revision);
    }
    const asked = random.integer(0, revision);
    const open = debts.filter((debt) => debt.revision === asked && isOpen(debt)).map((debt) => debt.host);
    let settled = false;
    void realization.wait(asked, 1_000, because).then(() => (settled = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(open.length === 0);
  }
});

test('when it ends, nobody waits any longer, and nobody begins to', async () => {
  const { realization, timers } = opened();
  realization.owe('hv1', 1, 1);
  realization.compiled(1);
  const waiting = [realization.wait(1, 1_000, because), realization.wait(2, 1_000, because)];
  const watching = realization.until(() => false, 1_000);
  realization.end();
  const stops = { realized: false, waiting: [{ host: 'hv1', reason: 'the controller stops' }] };
  expect(await Promise.all(waiting)).toEqual([stops, { realized: false, waiting: [] }]);
  expect(await watching).toBe(false);
  expect(timers.count).toBe(0);
  const late = realization.wait(1, 1_000, because);
  timers.expire();
  expect(await late).toEqual(stops);
});
