import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late the event loop of a thread was, in seconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const resolutionMs = 5;
const nanoseconds = 1e9;

/** Watches the thread that it is opened in. Each reading is of the time since the last one. */
export class LoopWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#histogram.enable();
  }

  read(): LoopDelay {
    const { max } = this.#histogram;
    const [p50, p99] = [this.#histogram.percentile(50), this.#histogram.percentile(99)];
    this.#histogram.reset();
    // The timer's own interval is in what it measures.
    const late = (measured: number): number => Math.max(0, measured / nanoseconds - resolutionMs / 1000);
    return { p50: late(p50), p99: late(p99), max: late(max) };
  }

  close(): void {
    this.#histogram.disable();
  }
}
