import type { Clock } from '../../src/base/clock.ts';
import { reasonOf, WeirError } from '../../src/base/errors.ts';
import type { Revision } from '../store/port.ts';
import type { EtcdBase } from './base.ts';
import type { Replica } from './replica.ts';

export interface UpkeepOptions {
  readonly clock: Clock;
  readonly base: EtcdBase;
  readonly replica: Replica;
  readonly retentionMs: number;
  readonly intervalMs: number;
  /** Commits behind it are still needed. */
  readonly neededFrom: () => Revision;
  /** At once, for those who read here. */
  readonly refuseBelow: (compacted: Revision) => void;
  readonly onProblem: (error: WeirError) => void;
}

/** A sweep reads all old versions, so it comes seldom. */
const sweepEvery = 10;

/** Lets go of what is older than the retention: in etcd by folding, in the replica by sweeping. All members do it, in whatever order. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;
  #rounds = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#round();
    }, this.#options.intervalMs);
    this.#timer.unref();
  }

  /** Settles after the step that is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #round(): Promise<void> {
    try {
      await this.#fold();
      if (this.#rounds++ % sweepEvery === 0) await this.#sweep();
    } catch (error) {
      // What was not done is done in the next round; that etcd is away is told elsewhere.
      if (!(error instanceof WeirError && error.code === 'no-leader')) {
        this.#options.onProblem(new WeirError('store-failed', `old versions are kept longer: ${reasonOf(error)}`, { cause: error }));
      }
    }
    if (!this.#isStopped) this.start();
  }

  async #fold(): Promise<void> {
    const { clock, base, retentionMs, neededFrom, refuseBelow } = this.#options;
    const beforeMs = clock.wallMs() - retentionMs;
    while (!this.#isStopped && (await base.fold(({ wallMs, revision }) => wallMs <= beforeMs && revision <= neededFrom(), refuseBelow)));
  }

  async #sweep(): Promise<void> {
    const { replica } = this.#options;
    await replica.read(async (index) => {
      if (index.swept < index.compacted) await index.sweepBelow(index.compacted, () => this.#isStopped);
    });
  }
}
