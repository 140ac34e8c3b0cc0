import type { Clock } from '../base/clock.ts';
import { KeptRecords } from './kept.ts';
import type { LogRecord, PolicyLog, UnnumberedRecord } from './ports.ts';
import { seenByTenant } from './record.ts';

const journalLimits = { keptEachMax: 1_000, keptAllMax: 50_000 } as const;

export interface JournalOptions {
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Each record of this member, once; a file for example. */
  readonly written: (record: LogRecord) => void;
}

/** Records for people to read: those of this member and those that others have told of, in one line. */
export class Journal implements PolicyLog {
  readonly #options: JournalOptions;
  readonly #kept = new KeptRecords({ eachMax: journalLimits.keptEachMax, allMax: journalLimits.keptAllMax });
  readonly #followers = new Set<{ readonly tenant: string | undefined; readonly onRecord: (record: LogRecord) => void }>();
  #lastId = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  write(record: UnnumberedRecord): void {
    this.#options.written(this.#keep(record));
  }

  /** Another member has written it: here it gets a number in the line of this one. */
  heard(record: LogRecord): void {
    this.#keep(record);
  }

  read(tenant: string | undefined, since: number | undefined, limit: number): readonly LogRecord[] {
    const records = this.#kept.read(tenant, since, limit);
    return tenant === undefined ? records : records.map(seenByTenant);
  }

  follow(tenant: string | undefined, onRecord: (record: LogRecord) => void): () => void {
    const follower = { tenant, onRecord };
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  close(): void {
    this.#followers.clear();
  }

  #keep(unnumbered: UnnumberedRecord): LogRecord {
    const record = { ...unnumbered, id: this.#nextId() };
    this.#kept.add(record);
    for (const { tenant, onRecord } of this.#followers) {
      if (tenant === undefined) onRecord(record);
      else if (tenant === record.tenant) onRecord(seenByTenant(record));
    }
    return record;
  }

  #nextId(): number {
    this.#lastId = Math.max(this.#lastId + 1, Math.floor(this.#options.clock.wallMs()) * 1000);
    return this.#lastId;
  }
}
