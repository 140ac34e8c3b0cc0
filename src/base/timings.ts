import type { Clock } from './clock.ts';

/** The parts of a VM hook, as the contract with the compute layer names them. */
export type TimingPart =
  | 'policyCheck'
  | 'interfaceAllocation'
  | 'overlayJoin'
  | 'flowInstallation'
  | 'qosSetup'
  | 'interfaceDetachment'
  | 'flowCleanup'
  | 'policyRemoval'
  | 'bandwidthDeallocation';

/** Handed along with a request: whoever does a part adds what it took. A part that nobody had to do stays at 0. */
export interface Timings {
  add(part: TimingPart, spentMs: number): void;
}

export class TimingRecorder implements Timings {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #spentMs = new Map<TimingPart, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
  }

  add(part: TimingPart, spentMs: number): void {
    this.#spentMs.set(part, this.spentMs(part) + spentMs);
  }

  spentMs(part: TimingPart): number {
    return this.#spentMs.get(part) ?? 0;
  }

  /** Part of what was counted as one part belongs to another. */
  move(from: TimingPart, to: TimingPart, spentMs: number): void {
    const movedMs = Math.min(spentMs, this.spentMs(from));
    this.add(from, -movedMs);
    this.add(to, movedMs);
  }

  /** What `work` took, but for what was added to `parts` meanwhile, goes to `part`. */
  async measure<T>(part: TimingPart, work: () => Promise<T>, parts: readonly TimingPart[] = []): Promise<T> {
    const inside = (): number => parts.reduce((sum, each) => sum + this.spentMs(each), 0);
    const insideBefore = inside();
    const startedMs = this.#clock.nowMs();
    try {
      return await work();
    } finally {
      this.add(part, Math.max(0, this.#clock.nowMs() - startedMs - (inside() - insideBefore)));
    }
  }

  /** Milliseconds by part, and `total` since the recorder was made; microsecond precision. */
  report<P extends TimingPart>(parts: readonly P[]): Readonly<Record<P | 'total', number>> {
    const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
    const rows = parts.map((part) => [part, rounded(this.spentMs(part))]);
    return Object.fromEntries([...rows, ['total', rounded(this.#clock.nowMs() - this.#startedMs)]]) as Record<P | 'total', number>;
  }
}
