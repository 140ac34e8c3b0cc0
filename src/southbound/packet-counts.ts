import type { CountedPackets } from './contract.ts';

/** Counts of what may happen very often, told now and then. */
export class PacketCounts {
  readonly #tell: (counts: readonly CountedPackets[]) => void;
  readonly #schedule: (callback: () => void) => void;
  #counts = new Map<string, { host: string; kind: string; outcome: string; count: number }>();

  constructor(tell: (counts: readonly CountedPackets[]) => void, schedule: (callback: () => void) => void) {
    this.#tell = tell;
    this.#schedule = schedule;
  }

  add(host: string, kind: string, outcome: string): void {
    if (this.#counts.size === 0) this.#schedule(() => this.flush());
    const key = `${host} ${kind} ${outcome}`;
    const known = this.#counts.get(key);
    if (known) known.count++;
    else this.#counts.set(key, { host, kind, outcome, count: 1 });
  }

  flush(): void {
    if (this.#counts.size === 0) return;
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    this.#tell(counts);
  }
}
