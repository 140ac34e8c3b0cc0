import { expect, test } from 'vitest';
import { Poller } from '../../../src/controller/counters/poller.ts';

/** Time that passes only when it is told to; what is due runs in its order. */
class Time {
  nowMs = 0;
  #due: { readonly atMs: number; readonly run: () => void }[] = [];

  readonly schedule = (delayMs: number, run: () => void): (() => void) => {
    const entry = { atMs: this.nowMs + delayMs, run };
    this.#due.push(entry);
    return () => void (this.#due = this.#due.filter((each) => each !== entry));
  };

  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      const next = this.#due.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > endMs) break;
      this.#due = this.#due.filter((each) => each !== next);
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = endMs;
  }
}

function polled(names: readonly string[], answer: () => Promise<void> = () => Promise.resolve()) {
  const time = new Time();
  const reads: [string, number][] = [];
  const poller = new Poller({
    clock: { nowMs: () => time.nowMs, wallMs: () => time.nowMs },
    schedule: time.schedule,
    intervalMs: 10_000,
    hosts: () =>
      names.map((name) => ({
        name,
        read: () => {
          reads.push([name, time.nowMs]);
          return answer();
        },
      })),
  });
  return { time, reads, poller };
}

test('each host once in an interval, not all at once', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `hv${index}`);
  const { time, reads, poller } = polled(names);
  poller.start();
  await time.pass(40_500);
  for (const name of names) {
    const at = reads.filter(([each]) => each === name).map(([, ms]) => ms);
    expect(at.length).toBeGreaterThanOrEqual(3);
    expect(Math.min(...at.slice(1).map((ms, index) => ms - (at[index] ?? 0)))).toBeGreaterThanOrEqual(10_000);
  }
  const first = reads.slice(0, 50).map(([, ms]) => ms);
  expect(new Set(first).size).toBeGreaterThan(10);
  poller.close();
  const count = reads.length;
  await time.pass(60_000);
  expect(reads.length).toBe(count);
});

test('refreshes share a reading that begins after them, one a second', async () => {
  const { time, reads, poller } = polled(['hv1']);
  let done = 0;
  for (let n = 0; n < 10; n++) void poller.refresh().then(() => done++);
  await time.pass(10);
  expect([reads.length, done]).toEqual([1, 10]);
  void poller.refresh().then(() => done++);
  await time.pass(900);
  expect([reads.length, done]).toEqual([1, 10]);
  await time.pass(200);
  expect([reads.length, done]).toEqual([2, 11]);
});

test('a host that never answers holds up nobody for longer than 2 s, and is not asked again meanwhile', async () => {
  const { time, reads, poller } = polled(['hv1'], () => new Promise(() => undefined));
  poller.start();
  let done = false;
  void poller.refresh().then(() => (done = true));
  await time.pass(1_990);
  expect(done).toBe(false);
  await time.pass(20);
  expect(done).toBe(true);
  await time.pass(60_000);
  expect(reads.length).toBe(1);
});
