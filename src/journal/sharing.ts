import type { Schedule } from '../base/schedule.ts';
import type { LogRecord } from './ports.ts';

export interface SharingOptions {
  readonly others: () => readonly string[];
  /** Rejects when it did not arrive. */
  readonly tell: (member: string, records: readonly LogRecord[]) => Promise<unknown>;
  readonly schedule: Schedule;
}

const gatherMs = 50;
const retryMs = 500;
const waitingMax = 2_000;
const atOnceMax = 500;

interface Backlog {
  records: LogRecord[];
  isBeingTold: boolean;
}

/**
 * What a switch sends up comes to its owner alone, and any member shows the log: so each record goes to the other members, which keep it as they
 * keep their own. One that is away for long misses what is more than `waitingMax`.
 */
export class RecordSharing {
  readonly #options: SharingOptions;
  readonly #backlogs = new Map<string, Backlog>();
  readonly #cancels = new Set<() => void>();
  #isGathering = false;

  constructor(options: SharingOptions) {
    this.#options = options;
  }

  offer(record: LogRecord): void {
    const others = this.#options.others();
    if (others.length === 0) return;
    for (const id of this.#backlogs.keys()) if (!others.includes(id)) this.#backlogs.delete(id);
    for (const id of others) {
      const backlog = this.#backlogs.get(id) ?? { records: [], isBeingTold: false };
      this.#backlogs.set(id, backlog);
      backlog.records.push(record);
      if (backlog.records.length > waitingMax) backlog.records.shift();
    }
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#later(gatherMs, () => {
      this.#isGathering = false;
      this.#tell();
    });
  }

  #tell(): void {
    for (const [id, backlog] of this.#backlogs) if (!backlog.isBeingTold && backlog.records.length > 0) void this.#tellOne(id, backlog);
  }

  async #tellOne(id: string, backlog: Backlog): Promise<void> {
    backlog.isBeingTold = true;
    const records = backlog.records.splice(0, atOnceMax);
    try {
      await this.#options.tell(id, records);
      backlog.isBeingTold = false;
      this.#tell();
    } catch {
      backlog.records = [...records, ...backlog.records].slice(-waitingMax);
      this.#later(retryMs, () => {
        backlog.isBeingTold = false;
        this.#tell();
      });
    }
  }

  #later(delayMs: number, callback: () => void): void {
    const cancel = this.#options.schedule(delayMs, () => {
      this.#cancels.delete(cancel);
      callback();
    });
    this.#cancels.add(cancel);
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#backlogs.clear();
  }
}
