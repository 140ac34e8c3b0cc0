import { expect, test } from 'vitest';
import { Ledger } from '../../../src/controller/counters/ledger.ts';
import type { HostReading, RawCount } from '../../../src/controller/counters/ledger.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

const connection = {};
const reading = (counts: readonly Partial<RawCount>[], more: Partial<HostReading> = {}): HostReading => ({
  host: 'hv1',
  version: '1.5',
  connection,
  ownedMs: 1_000,
  oldestMs: 60_000,
  wallMs: 1_000_000,
  counts: counts.map((count) => ({
    flow: 1,
    rule: 7,
    isAccount: false,
    packets: 0,
    bytes: 0,
    durationMs: 60_000,
    idleMs: undefined,
    ...count,
  })),
  flowsByRule: new Map([[7, 1]]),
  ...more,
});

function ledgerOf(...rules: number[]): Ledger {
  const ledger = new Ledger();
  for (const rule of rules) ledger.open(rule, 500_000);
  return ledger;
}

test('differences are added, hosts are summed, connections come from the accounting', () => {
  const ledger = ledgerOf(7);
  ledger.take(reading([{ packets: 10, bytes: 1000 }]));
  ledger.take(reading([{ packets: 15, bytes: 1500 }], { wallMs: 1_010_000 }));
  ledger.take(
    reading(
      [
        { packets: 1, bytes: 100 },
        { flow: 2, isAccount: true, packets: 3, bytes: 300 },
      ],
      { host: 'hv2', wallMs: 1_011_000 },
    ),
  );
  expect(ledger.ofRule(7)).toEqual({ packets: 16, bytes: 1600, connections: 3, lastHitMs: 1_011_000, sinceMs: 500_000 });
  expect(ledger.flowsOfRule(7)).toBe(2);
  expect(ledger.ofRule(8)).toBeUndefined();
});

test('the switch may know better when a packet came, and from when on it counts', () => {
  const ledger = ledgerOf(7);
  ledger.take(reading([{ packets: 1, idleMs: 4_000, durationMs: 900_000 }]));
  expect(ledger.ofRule(7)).toMatchObject({ lastHitMs: 996_000, sinceMs: 100_000 });
});

test('a flow that a replacing one inherits from is not counted twice, and one that began anew is not lost', () => {
  const ledger = ledgerOf(7, 8);
  ledger.take(reading([{ packets: 10, bytes: 1000 }]));
  // Open vSwitch: same counters, new age, here of another rule.
  ledger.take(reading([{ rule: 8, packets: 12, bytes: 1200, durationMs: 10 }]));
  expect(ledger.ofRule(7)?.packets).toBe(10);
  expect(ledger.ofRule(8)?.packets).toBe(2);
  ledger.take(reading([{ rule: 8, packets: 4, bytes: 400, durationMs: 10 }]));
  expect(ledger.ofRule(8)?.packets).toBe(6);
});

test('a switch that started again is counted from nothing, though it has counted more since than before', () => {
  const ledger = ledgerOf(7);
  ledger.take(reading([{ packets: 3, bytes: 300 }]));
  ledger.take(reading([{ packets: 50, bytes: 5000, durationMs: 900 }], { connection: {}, ownedMs: 1_000, oldestMs: 900 }));
  expect(ledger.ofRule(7)?.packets).toBe(53);
  // One that only connected again goes on.
  ledger.take(reading([{ packets: 60, bytes: 6000 }], { connection: {}, ownedMs: 1_000, oldestMs: 9_000 }));
  expect(ledger.ofRule(7)?.packets).toBe(63);
});

test('flows that another version of OpenFlow writes in another way are not counted again', () => {
  const ledger = ledgerOf(7);
  ledger.take(reading([{ packets: 30 }]));
  ledger.take(reading([{ flow: 99, packets: 31 }], { version: '1.3', connection: {} }));
  ledger.take(reading([{ flow: 99, packets: 35 }], { version: '1.3' }));
  expect(ledger.ofRule(7)?.packets).toBe(34);
});

test('a host that has gone for good is forgotten after a day; what it counted stays', () => {
  const ledger = ledgerOf(7);
  ledger.take(reading([{ packets: 30 }]));
  ledger.keepHosts(() => false, 1_000_000 + 3_600_000);
  expect(ledger.state().hosts).toHaveLength(1);
  ledger.keepHosts(() => true, 1_000_000 + 48 * 3_600_000);
  expect(ledger.state().hosts).toHaveLength(1);
  ledger.keepHosts(() => false, 1_000_000 + 48 * 3_600_000);
  expect(ledger.state().hosts).toHaveLength(0);
  expect(ledger.flowsOfRule(7)).toBe(0);
  expect(ledger.ofRule(7)?.packets).toBe(30);
});

test('a switch that counts without bounds makes no number inexact', () => {
  const ledger = ledgerOf(7);
  for (let n = 0; n < 3; n++) ledger.take(reading([{ flow: n, packets: 2 ** 63, bytes: 2 ** 63 }]));
  expect(ledger.ofRule(7)?.bytes).toBe(Number.MAX_SAFE_INTEGER);
});

const below = (random: ReturnType<typeof seededRandom>) => {
  const word = new Uint8Array(4);
  return (end: number): number => new DataView(random.randomize(word).buffer).getUint32(0) % end;
};

/** A switch as Open vSwitch is: what it knows of each flow, and what really passed, whether it was read in time or not. */
class Model {
  readonly flows = new Map<number, { rule: number; packets: number; addedMs: number }>();
  /** Packets by rule that were read, or that no event has taken away yet. */
  readonly seen = new Map<number, number>();
  connection = {};
  connectedMs = 0;
  /** The flows that every switch has are added when it has started, and never replaced. */
  basisMs = 10;
  nowMs = 1_000_000;

  pass(flow: number, packets: number): void {
    const found = this.flows.get(flow);
    if (!found) return;
    found.packets += packets;
    this.seen.set(found.rule, (this.seen.get(found.rule) ?? 0) + packets);
  }

  reading(host: string): HostReading {
    const flows = [...this.flows];
    return reading(
      flows
        .filter(([, { packets }]) => packets > 0)
        .map(([flow, { rule, packets, addedMs }]) => ({ flow, rule, packets, bytes: packets * 100, durationMs: this.nowMs - addedMs })),
      {
        host,
        connection: this.connection,
        ownedMs: this.nowMs - this.connectedMs,
        oldestMs: this.nowMs - this.basisMs,
        wallMs: this.nowMs,
        flowsByRule: new Map(),
      },
    );
  }
}

test(`whatever happens to flows, switches and the controller, everything read is counted once (seed ${seed})`, () => {
  const random = below(seededRandom(seed));
  for (let run = 0; run < 300; run++) {
    const hosts = new Map(['hv1', 'hv2', 'hv3'].map((name) => [name, new Model()]));
    const rules = [1, 2, 3, 4];
    let ledger = ledgerOf(...rules);
    const highest = new Map<number, number>();
    for (let step = 0; step < 60; step++) {
      for (const [name, host] of hosts) {
        host.nowMs += 1 + random(20_000);
        const flow = random(6);
        const read = (): void => ledger.take(host.reading(name));
        const restart = (): void => {
          read();
          host.flows.clear();
          host.connection = {};
          host.connectedMs = host.nowMs;
          host.nowMs += 10;
          host.basisMs = host.nowMs;
        };
        const events: (() => void)[] = [
          () => host.pass(flow, 1 + random(50)),
          () => host.pass(flow, 1 + random(50)),
          read,
          // Added, or replaced by a flow of another rule, which inherits the counters.
          () => {
            read();
            const before = host.flows.get(flow);
            host.flows.set(flow, { rule: rules[random(4)] ?? 1, packets: before?.packets ?? 0, addedMs: host.nowMs });
          },
          () => {
            read();
            host.flows.delete(flow);
            if (random(2) === 0) read();
          },
          restart,
          // Only the connection, or the controller, or both.
          () => {
            host.nowMs += 5;
            host.connection = {};
            host.connectedMs = host.nowMs;
          },
          () => {
            const state = JSON.parse(JSON.stringify(ledger.state())) as ReturnType<Ledger['state']>;
            ledger = new Ledger();
            ledger.restore(state, () => true);
            for (const each of hosts.values()) {
              each.connection = {};
              each.connectedMs = each.nowMs;
            }
          },
        ];
        events[random(events.length)]?.();
        for (const rule of rules) {
          const { packets } = ledger.ofRule(rule) ?? { packets: -1 };
          expect(packets, `seed ${seed}, run ${run}, step ${step}`).toBeGreaterThanOrEqual(highest.get(rule) ?? 0);
          highest.set(rule, packets);
        }
      }
    }
    for (const [name, host] of hosts) ledger.take(host.reading(name));
    const total = (rule: number): number => [...hosts.values()].reduce((sum, { seen }) => sum + (seen.get(rule) ?? 0), 0);
    expect(
      rules.map((rule) => ledger.ofRule(rule)?.packets),
      `seed ${seed}, run ${run}`,
    ).toEqual(rules.map(total));
    expect(rules.map((rule) => ledger.ofRule(rule)?.bytes)).toEqual(rules.map((rule) => total(rule) * 100));
  }
});
