import { RateLimit } from '../../flows/session/index.ts';
import type { Committed, Snapshot } from '../admission/ports.ts';
import type { Clock } from '../base/clock.ts';
import { DecodeError } from '../base/errors.ts';
import type { LoggedPacket, RaisedOutcome } from '../controller/ports.ts';
import { FairQueue } from './fair-queue.ts';
import { KeptRecords } from './kept.ts';
import { Names } from './names.ts';
import type { LogRecord, PolicyLog } from './ports.ts';
import { recordOf, seenByTenant } from './record.ts';
import type { Named } from './record.ts';

/**
 * Bounds. What comes up is limited for each interface before it is here; here for each policy and tenant, then each tenant gets
 * its turn, and so many records a second are written in all, which bounds what logging costs.
 */
export const journalLimits = {
  policyPerSecond: 100,
  policyBurst: 500,
  waitingEachMax: 500,
  turnMs: 10,
  recordsEachTurn: 20,
  keptEachMax: 1_000,
  keptAllMax: 50_000,
  policiesMax: 100_000,
} as const;

export interface JournalOptions {
  readonly snapshot: () => Snapshot;
  readonly clock: Clock;
  readonly schedule: (delayMs: number, callback: () => void) => () => void;
  /** Each record, once; a file for example. */
  readonly written: (record: LogRecord) => void;
  /** Records that are not written. */
  readonly dropped: (tenant: string) => void;
}

/** Of one policy in one tenant. */
interface Stream {
  readonly rate: RateLimit;
  dropped: number;
}

/** From packets that rules log to records that people read. */
export class Journal implements PolicyLog {
  readonly #options: JournalOptions;
  readonly #names: Names;
  readonly #queue = new FairQueue<Named>({ eachMax: journalLimits.waitingEachMax });
  readonly #kept = new KeptRecords({ eachMax: journalLimits.keptEachMax, allMax: journalLimits.keptAllMax });
  readonly #streams = new Map<string, Stream>();
  readonly #followers = new Set<{ readonly tenant: string | undefined; readonly onRecord: (record: LogRecord) => void }>();
  #lastId = 0;
  #stopTurn: (() => void) | undefined;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#names = new Names(options.snapshot);
  }

  committed(commit: Committed): void {
    this.#names.committed(commit);
  }

  /** `isLimited`: its interface sends too many; then it is only counted. */
  offer(packet: LoggedPacket, isLimited: boolean): RaisedOutcome {
    const rule = this.#names.rule(packet.rule);
    const local = this.#names.port(packet.portId);
    if (!rule || !local || rule.action === 'pass') return 'unknown';
    const { clock, dropped } = this.#options;
    const stream = this.#streamOf(local.tenant, `${rule.owner ?? ''}/${rule.policy}`);
    const named: Named = { packet, local, rule: { ...rule, action: rule.action }, wallMs: clock.wallMs() };
    if (isLimited || !stream.rate.take(clock.nowMs()) || !this.#queue.offer(local.tenant, named)) {
      stream.dropped++;
      dropped(local.tenant);
      return 'limited';
    }
    this.#stopTurn ??= this.#options.schedule(journalLimits.turnMs, () => this.#turn());
    return 'queued';
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
    this.#stopTurn?.();
    this.#followers.clear();
  }

  #turn(): void {
    for (let count = 0; count < journalLimits.recordsEachTurn; count++) {
      const named = this.#queue.take();
      if (named) this.#write(named);
    }
    this.#stopTurn = this.#queue.isEmpty ? undefined : this.#options.schedule(journalLimits.turnMs, () => this.#turn());
  }

  #write(named: Named): void {
    const { rule, local } = named;
    const stream = this.#streamOf(local.tenant, `${rule.owner ?? ''}/${rule.policy}`);
    let record: LogRecord;
    try {
      record = recordOf(named, this.#names, { id: this.#nextId(named.wallMs), dropped: stream.dropped });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      stream.dropped++;
      this.#options.dropped(local.tenant);
      return;
    }
    stream.dropped = 0;
    this.#options.written(record);
    this.#keep(record);
  }

  /** Another member has written it: here it gets a number in the line of this one. */
  heard(record: LogRecord): void {
    this.#keep({ ...record, id: this.#nextId(this.#options.clock.wallMs()) });
  }

  #keep(record: LogRecord): void {
    this.#kept.add(record);
    for (const { tenant, onRecord } of this.#followers) {
      if (tenant === undefined) onRecord(record);
      else if (tenant === record.tenant) onRecord(seenByTenant(record));
    }
  }

  #nextId(wallMs: number): number {
    this.#lastId = Math.max(this.#lastId + 1, Math.floor(wallMs) * 1000);
    return this.#lastId;
  }

  /** What was counted of a policy that logs nothing for long may be forgotten; a stream that was just used is not. */
  #streamOf(tenant: string, policy: string): Stream {
    const key = `${tenant} ${policy}`;
    const stream = this.#streams.get(key) ?? { rate: new RateLimit(journalLimits.policyPerSecond, journalLimits.policyBurst), dropped: 0 };
    this.#streams.delete(key);
    this.#streams.set(key, stream);
    if (this.#streams.size > journalLimits.policiesMax) {
      const [oldest = ''] = this.#streams.keys();
      this.#streams.delete(oldest);
    }
    return stream;
  }
}
