import type { Clock } from '../../base/clock.ts';
import type { Schedule } from '../../base/schedule.ts';

/** A host whose counters can be read now. */
export interface Readable {
  readonly name: string;
  /** Settles when the reading is done or has failed; never rejects. */
  read(): Promise<void>;
}

export interface PollerOptions {
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly intervalMs: number;
  /** Those that are connected at present. */
  readonly hosts: () => Iterable<Readable>;
}

interface Turn {
  dueMs: number;
  startedMs: number;
  underway: Promise<void> | undefined;
  /** The reading behind the one under way, for those who want to know what is counted from now on. */
  next: Promise<void> | undefined;
}

const betweenReadingsMs = 1_000;
const refreshMs = 2_000;

/** Reads each host once in an interval, spread over it, and all of them when asked. */
export class Poller {
  readonly #options: PollerOptions;
  readonly #turns = new Map<string, Turn>();
  readonly #tickMs: number;
  #cancel: () => void = () => undefined;
  #isClosed = false;

  constructor(options: PollerOptions) {
    this.#options = options;
    this.#tickMs = Math.min(500, Math.max(50, options.intervalMs / 20));
  }

  start(): void {
    this.#cancel = this.#options.schedule(this.#tickMs, () => {
      this.#tick();
      if (!this.#isClosed) this.start();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #tick(): void {
    const { clock, hosts, intervalMs } = this.#options;
    const nowMs = clock.nowMs();
    const present = new Set<string>();
    for (const host of hosts()) {
      present.add(host.name);
      const turn = this.#turnOf(host.name, nowMs);
      if (nowMs < turn.dueMs || turn.underway) continue;
      turn.dueMs = nowMs + intervalMs;
      void this.#read(host, turn);
    }
    for (const [name, turn] of this.#turns) if (!present.has(name) && !turn.underway) this.#turns.delete(name);
  }

  #turnOf(name: string, nowMs: number): Turn {
    let turn = this.#turns.get(name);
    if (!turn) {
      // Hosts that connect together are not read together.
      turn = { dueMs: nowMs + this.#options.intervalMs * placeOf(name), startedMs: -Infinity, underway: undefined, next: undefined };
      this.#turns.set(name, turn);
    }
    return turn;
  }

  #read(host: Readable, turn: Turn): Promise<void> {
    turn.startedMs = this.#options.clock.nowMs();
    const underway = host.read().finally(() => {
      if (turn.underway === underway) turn.underway = undefined;
    });
    turn.underway = underway;
    return underway;
  }

  /** Settles when every host has been read after this call, or when 2 s are over. */
  async refresh(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const all = Promise.all([...this.#options.hosts()].map((host) => this.#soon(host, this.#turnOf(host.name, nowMs))));
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.schedule(refreshMs, resolve);
    await Promise.race([all, promise]);
    cancel();
  }

  /** The next reading that begins; who asks before it does shares it. */
  #soon(host: Readable, turn: Turn): Promise<void> {
    turn.next ??= (async () => {
      await turn.underway;
      const waitMs = turn.startedMs + betweenReadingsMs - this.#options.clock.nowMs();
      if (waitMs > 0) await new Promise<void>((resolve) => this.#options.schedule(waitMs, resolve));
      turn.next = undefined;
      if (!this.#isClosed) await (turn.underway ?? this.#read(host, turn));
    })();
    return turn.next;
  }
}

/** From 0 to 1, by the name; names that differ in one digit are far apart (FNV-1a, then mixed). */
function placeOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 0x1_0000_0000;
}
