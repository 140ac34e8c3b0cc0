import type { RuleCounters } from '../ports.ts';

/** One flow of a host as it was read. */
export interface RawCount {
  /** The same flow has the same number on the same host as long as the session's version stays. */
  readonly flow: number;
  readonly rule: number | undefined;
  /** Whether its packets are connections. */
  readonly isAccount: boolean;
  readonly packets: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly idleMs: number | undefined;
}

/** Everything that a host had counted at one moment. Flows that counted nothing need not be there. */
export interface HostReading {
  readonly host: string;
  /** Of OpenFlow: another version writes flows in another way, so that they cannot be known again. */
  readonly version: string;
  /** What was read over; it counts only whether it is the same as the last time. */
  readonly connection: object;
  /** For how long the switch has been owned over it. */
  readonly ownedMs: number;
  /** Age of the oldest flow that was read. */
  readonly oldestMs: number;
  readonly wallMs: number;
  readonly counts: readonly RawCount[];
  readonly flowsByRule: ReadonlyMap<number, number>;
}

/** What was counted so far, and from where the next difference is taken: one is of no use without the other. */
export interface LedgerState {
  /** id, packets, bytes, connections, last hit or null, since. */
  readonly rules: readonly (readonly [number, number, number, number, number | null, number])[];
  readonly hosts: readonly HostState[];
}

interface HostState {
  readonly name: string;
  readonly version: string;
  readonly wallMs: number;
  /** flow, packets, bytes; flow, packets, bytes; … */
  readonly flows: readonly number[];
}

interface Base {
  readonly packets: number;
  readonly bytes: number;
}

interface HostBases {
  version: string;
  /** Undefined: the bases were kept by another process. */
  connection: object | undefined;
  wallMs: number;
  flows: Map<number, Base>;
  flowsByRule: ReadonlyMap<number, number>;
}

type Sum = { -readonly [F in keyof RuleCounters]: RuleCounters[F] };

/** A host that has no document any more is remembered this long: it may come back with the flows that it had. */
const hostForgottenMs = 24 * 3_600_000;

/**
 * Sums of what rules decided. A switch's own counters start again when a flow is removed, or the switch itself; what was counted
 * stays, because only differences are added, each to the last reading of the same flow on the same host. Open vSwitch hands the
 * counters of a flow on to the one that replaces it and starts only its age again, other switches start both: a replaced flow is
 * therefore counted on, unless it has gone back. What a flow counts between its last reading and its removal is lost.
 */
export class Ledger {
  readonly #sums = new Map<number, Sum>();
  readonly #hosts = new Map<string, HostBases>();
  readonly #flows = new Map<number, number>();
  /** Of all rules there ever were, for the metrics. */
  readonly totals = { packets: 0, bytes: 0, connections: 0 };

  /** The rule exists. Its counter starts when it is first heard of. */
  open(rule: number, wallMs: number): void {
    if (!this.#sums.has(rule)) this.#sums.set(rule, { packets: 0, bytes: 0, connections: 0, lastHitMs: undefined, sinceMs: wallMs });
  }

  /** The rule is gone or has another content: its counter is forgotten. */
  close(rule: number): void {
    this.#sums.delete(rule);
  }

  ofRule(rule: number): RuleCounters | undefined {
    const sum = this.#sums.get(rule);
    return sum && { ...sum };
  }

  flowsOfRule(rule: number): number {
    return this.#flows.get(rule) ?? 0;
  }

  get rules(): Iterable<number> {
    return this.#sums.keys();
  }

  take(reading: HostReading): void {
    const before = this.#hosts.get(reading.host);
    const isReadable = before === undefined || before.version === reading.version;
    const isRestarted = before !== undefined && hasRestarted(before, reading);
    const flows = new Map<number, Base>();
    for (const count of reading.counts) {
      const { flow, packets, bytes } = count;
      flows.set(flow, { packets, bytes });
      if (!isReadable) continue;
      const base = isRestarted ? undefined : before?.flows.get(flow);
      if (!base || packets < base.packets || bytes < base.bytes) this.#add(count, packets, bytes, reading.wallMs);
      else if (packets > base.packets || bytes > base.bytes) this.#add(count, packets - base.packets, bytes - base.bytes, reading.wallMs);
    }
    this.#recount(before?.flowsByRule, reading.flowsByRule);
    const { version, connection, wallMs, flowsByRule } = reading;
    this.#hosts.set(reading.host, { version, connection, wallMs, flows, flowsByRule });
  }

  #add({ rule, isAccount, durationMs, idleMs }: RawCount, packets: number, bytes: number, wallMs: number): void {
    const sum = rule === undefined ? undefined : this.#sums.get(rule);
    if (!sum) return;
    sum.sinceMs = Math.min(sum.sinceMs, wallMs - durationMs);
    sum.lastHitMs = Math.max(sum.lastHitMs ?? 0, wallMs - (idleMs ?? 0));
    if (isAccount) {
      sum.connections = bounded(sum.connections + packets);
      this.totals.connections = bounded(this.totals.connections + packets);
      return;
    }
    sum.packets = bounded(sum.packets + packets);
    sum.bytes = bounded(sum.bytes + bytes);
    this.totals.packets = bounded(this.totals.packets + packets);
    this.totals.bytes = bounded(this.totals.bytes + bytes);
  }

  #recount(before: ReadonlyMap<number, number> | undefined, after: ReadonlyMap<number, number>): void {
    for (const [rule, flows] of before ?? []) this.#change(rule, -flows);
    for (const [rule, flows] of after) this.#change(rule, flows);
  }

  #change(rule: number, by: number): void {
    const flows = (this.#flows.get(rule) ?? 0) + by;
    if (flows > 0) this.#flows.set(rule, flows);
    else this.#flows.delete(rule);
  }

  /** Forgets hosts that are not among these and have not been read for a day. */
  keepHosts(isKnown: (host: string) => boolean, wallMs: number): void {
    for (const [name, host] of this.#hosts) {
      if (isKnown(name) || wallMs - host.wallMs < hostForgottenMs) continue;
      this.#recount(host.flowsByRule, new Map());
      this.#hosts.delete(name);
    }
  }

  state(): LedgerState {
    return {
      rules: [...this.#sums].map(
        ([id, { packets, bytes, connections, lastHitMs, sinceMs }]) =>
          [id, packets, bytes, connections, lastHitMs ?? null, sinceMs] as const,
      ),
      hosts: [...this.#hosts].map(([name, { version, wallMs, flows }]) => ({
        name,
        version,
        wallMs,
        flows: [...flows].flatMap(([flow, { packets, bytes }]) => [flow, packets, bytes]),
      })),
    };
  }

  /** To be put before anything else. Rules that do not exist any more are left out. */
  restore({ rules, hosts }: LedgerState, exists: (rule: number) => boolean): void {
    for (const [id, packets, bytes, connections, lastHit, sinceMs] of rules)
      if (exists(id)) this.#sums.set(id, { packets, bytes, connections, lastHitMs: lastHit ?? undefined, sinceMs });
    for (const { name, version, wallMs, flows } of hosts) {
      const bases = new Map<number, Base>();
      for (let at = 0; at + 2 < flows.length; at += 3)
        bases.set(flows[at] ?? 0, { packets: flows[at + 1] ?? 0, bytes: flows[at + 2] ?? 0 });
      this.#hosts.set(name, { version, connection: undefined, wallMs, flows: bases, flowsByRule: new Map() });
    }
  }
}

/** A switch that started again has connected again, and none of its flows is older than that. */
function hasRestarted(before: HostBases, { connection, ownedMs, oldestMs }: HostReading): boolean {
  return before.connection !== connection && oldestMs <= ownedMs;
}

/** What a switch says is believed as far as a number can be exact. */
const bounded = (value: number): number => Math.min(value, Number.MAX_SAFE_INTEGER);
