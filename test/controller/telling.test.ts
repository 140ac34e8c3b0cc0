import { expect, test } from 'vitest';
import type { Answering, Exchange, Ownership } from '../../cluster/index.ts';
import type { Host } from '../../src/controller/host.ts';
import type { HostReport } from '../../src/controller/ports.ts';
import { Realization } from '../../src/controller/realization.ts';
import { Telling } from '../../src/controller/telling.ts';

/** Two members and one host, which `a` owns; time passes when the test says so. */
class Scene {
  nowMs = 0;
  isReachable = true;
  readonly heard: number[] = [];
  readonly reports: HostReport[] = [];
  readonly restricted: number[] = [];
  readonly gone: string[] = [];
  /** Of `a`. */
  readonly hosts: Map<string, Host>;
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  readonly #answers = new Map<string, Answering>();
  readonly realization = new Realization(() => () => undefined);
  readonly telling: Telling;
  readonly owned: Host;

  constructor() {
    const report = { owner: 'a', waitingReason: '', prepared: [], active: [] } as unknown as HostReport;
    this.owned = { name: 'hv1', isOwned: true, report: () => report } as unknown as Host;
    this.hosts = new Map([['hv1', this.owned]]);
    this.telling = this.#member('a', ['b'], this.owned, this.realization);
    const follower = {
      toldRealized: (revision: number) => this.heard.push(revision),
      told: (told: HostReport) => this.reports.push(told),
    } as unknown as Host;
    this.#member('b', ['a'], follower, new Realization(() => () => undefined));
  }

  #member(id: string, others: readonly string[], host: Host, realization: Realization): Telling {
    const exchange: Exchange = {
      id,
      others: () => others,
      ask: async (to, _topic, body) => {
        if (!this.isReachable) throw new Error('away');
        return this.#answers.get(to)?.(id, structuredClone(body));
      },
      answer: (_topic, answering) => void this.#answers.set(id, answering),
    };
    const ownership = { id, ownerOf: () => 'a' } as unknown as Ownership;
    const hosts = id === 'a' ? this.hosts : new Map([['hv1', host]]);
    const fleet = { hosts, hostNamed: () => host, ownerForgot: (name: string) => void this.gone.push(name) };
    const coOwners = { heard: (from: string, revisions: readonly number[]) => void (from === 'a' && this.restricted.push(...revisions)) };
    const schedule = (delayMs: number, callback: () => void): (() => void) => this.#schedule(delayMs, callback);
    return new Telling({ exchange, ownership, fleet, realization, coOwners, schedule });
  }

  #schedule(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Whether anything is still to come by itself. */
  get isWaiting(): boolean {
    return this.#timers.length > 0;
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.nowMs = due.atMs;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      due.callback();
    }
    this.nowMs = endMs;
  }

  realize(revision: number): void {
    this.realization.compiled(revision);
    this.telling.progressed(this.owned);
  }

  /** The switch is handed what the revision changes there. */
  hand(revision: number): void {
    this.realization.owe('hv1', revision, revision);
    this.realize(revision);
  }

  /** The switch has it. */
  pay(revision: number): void {
    this.realization.realized('hv1', revision);
    this.telling.progressed(this.owned);
  }
}

test('each revision that is realized is told, at whatever moment it comes', async () => {
  for (let gapMs = 0; gapMs < 60; gapMs += 0.5) {
    const scene = new Scene();
    scene.realize(1);
    await scene.pass(gapMs);
    scene.realize(2);
    await scene.pass(100);
    expect(scene.heard.at(-1)).toBe(2);
    expect(scene.reports.length).toBeGreaterThan(0);
  }
});

test('what did not arrive is told again, and only the latest of it', async () => {
  const scene = new Scene();
  scene.isReachable = false;
  for (let revision = 1; revision <= 50; revision++) {
    scene.realize(revision);
    await scene.pass(20);
  }
  expect(scene.heard).toEqual([]);
  scene.isReachable = true;
  await scene.pass(1_000);
  expect(scene.heard).toEqual([50]);
});

test('what a switch carries out is told at once; what made no difference there goes with its report', async () => {
  const scene = new Scene();
  scene.hand(3);
  scene.pay(3);
  await scene.pass(2);
  expect([scene.heard, scene.reports.length]).toEqual([[3], 0]);
  await scene.pass(500);
  scene.realization.compiled(8);
  scene.hand(9);
  await scene.pass(2);
  expect(scene.heard).toEqual([3]);
  await scene.pass(98);
  expect(scene.heard).toEqual([3, 8]);
  scene.pay(9);
  await scene.pass(2);
  expect(scene.heard).toEqual([3, 8, 9]);
});

test('a host that goes on changing is reported less often, and as it is in the end', async () => {
  const scene = new Scene();
  for (let revision = 1; revision <= 500; revision++) {
    scene.hand(revision);
    await scene.pass(1);
    scene.pay(revision);
    await scene.pass(1);
  }
  const during = scene.reports.length;
  expect(during).toBeGreaterThan(5);
  expect(during).toBeLessThan(15);
  await scene.pass(200);
  expect([scene.reports.length, scene.heard.at(-1)]).toEqual([during + 1, 500]);
  expect(scene.isWaiting).toBe(false);
});

test('what nobody has changed is not told again', async () => {
  const scene = new Scene();
  scene.realize(7);
  await scene.pass(100);
  scene.telling.progressed(scene.owned);
  await scene.pass(100);
  expect(scene.heard).toEqual([7]);
});

test('nothing is told again once it is closed, also what was on its way then', async () => {
  const scene = new Scene();
  scene.isReachable = false;
  scene.realize(1);
  await scene.pass(20);
  expect(scene.isWaiting).toBe(true);
  scene.realize(2);
  scene.telling.close();
  await scene.pass(0);
  expect(scene.isWaiting).toBe(false);
});

test('what switches have lost is told at once, and again until it has arrived', async () => {
  const scene = new Scene();
  scene.telling.restricted(3);
  await scene.pass(0);
  expect(scene.restricted).toEqual([3]);
  scene.isReachable = false;
  for (let revision = 4; revision <= 600; revision++) scene.telling.restricted(revision);
  await scene.pass(100);
  expect(scene.restricted).toEqual([3]);
  scene.isReachable = true;
  await scene.pass(1_000);
  expect([scene.restricted.at(-1), scene.restricted.length]).toEqual([600, 1 + 256]);
});

test('that a host is no more is told, also to who was away, and not when it is there again', async () => {
  const scene = new Scene();
  const forget = (): void => {
    scene.hosts.clear();
    scene.telling.progressed(scene.owned);
  };
  forget();
  await scene.pass(500);
  expect([scene.gone, scene.reports.length]).toEqual([['hv1'], 0]);
  scene.isReachable = false;
  forget();
  await scene.pass(500);
  scene.isReachable = true;
  await scene.pass(500);
  expect(scene.gone).toEqual(['hv1', 'hv1']);
  scene.isReachable = false;
  forget();
  await scene.pass(500);
  scene.hosts.set('hv1', scene.owned);
  scene.isReachable = true;
  await scene.pass(500);
  expect([scene.gone.length, scene.reports.length]).toEqual([2, 1]);
});
