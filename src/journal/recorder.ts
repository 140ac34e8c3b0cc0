import type { Schedule } from '../base/schedule.ts';
import { RateLimit } from '../../flows/session/index.ts';
import type { Committed, Snapshot } from '../admission/ports.ts';
import type { Clock } from '../base/clock.ts';
import { DecodeError } from '../base/errors.ts';
import type { LoggedPacket, RaisedOutcome } from '../controller/ports.ts';
import { FairQueue } from './fair-queue.ts';
import { Names } from './names.ts';
import type { UnnumberedRecord } from './ports.ts';
import { recordOf } from './record.ts';
import type { Named } from './record.ts';

/**
 * Bounds. What comes up is limited for each interface before it is here; here for each policy and tenant, then each tenant gets
 * its turn, and so many records a second are written in all, which bounds what logging costs.
 */
export const recorderLimits = {
  policyPerSecond: 100,
  policyBurst: 500,
  waitingEachMax: 500,
  turnMs: 10,
  recordsEachTurn: 20,
  policiesMax: 100_000,
} as const;

export interface RecorderOptions {
  readonly snapshot: () => Snapshot;
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** Those of one turn. */
  readonly written: (records: readonly UnnumberedRecord[]) => void;
  /** Records that are not written. */
  readonly dropped: (tenant: string) => void;
}

/** Of one policy in one tenant. */
interface Stream {
  readonly rate: RateLimit;
  dropped: number;
}

/** From packets that rules log to records, where the packets come up. */
export class Recorder {
  readonly #options: RecorderOptions;
  /** Read when the first packet comes up: most clouds log nothing. */
  #names: Names | undefined;
  readonly #queue = new FairQueue<Named>({ eachMax: recorderLimits.waitingEachMax });
  readonly #streams = new Map<string, Stream>();
  #stopTurn: (() => void) | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  committed(commit: Committed): void {
    this.#names?.committed(commit);
  }

  /** `isLimited`: its interface sends too many; then it is only counted. */
  offer(packet: LoggedPacket, isLimited: boolean): RaisedOutcome {
    const names = (this.#names ??= new Names(this.#options.snapshot));
    const rule = names.rule(packet.rule);
    const local = names.port(packet.portId);
    if (!rule || !local || rule.action === 'pass') return 'unknown';
    const { clock, dropped } = this.#options;
    const stream = this.#streamOf(local.tenant, `${rule.owner ?? ''}/${rule.policy}`);
    const named: Named = { packet, local, rule: { ...rule, action: rule.action }, wallMs: clock.wallMs() };
    if (isLimited || !stream.rate.take(clock.nowMs()) || !this.#queue.offer(local.tenant, named)) {
      stream.dropped++;
      dropped(local.tenant);
      return 'limited';
    }
    this.#stopTurn ??= this.#options.schedule(recorderLimits.turnMs, () => this.#turn());
    return 'queued';
  }

  close(): void {
    this.#stopTurn?.();
  }

  #turn(): void {
    const records: UnnumberedRecord[] = [];
    for (let count = 0; count < recorderLimits.recordsEachTurn; count++) {
      const named = this.#queue.take();
      const record = named && this.#names && this.#recordOf(named, this.#names);
      if (record) records.push(record);
    }
    if (records.length > 0) this.#options.written(records);
    this.#stopTurn = this.#queue.isEmpty ? undefined : this.#options.schedule(recorderLimits.turnMs, () => this.#turn());
  }

  #recordOf(named: Named, names: Names): UnnumberedRecord | undefined {
    const { rule, local } = named;
    const stream = this.#streamOf(local.tenant, `${rule.owner ?? ''}/${rule.policy}`);
    try {
      const record = recordOf(named, names, stream.dropped);
      stream.dropped = 0;
      return record;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      stream.dropped++;
      this.#options.dropped(local.tenant);
      return undefined;
    }
  }

  /** What was counted of a policy that logs nothing for long may be forgotten; a stream that was just used is not. */
  #streamOf(tenant: string, policy: string): Stream {
    const key = `${tenant} ${policy}`;
    const stream = this.#streams.get(key) ?? {
      rate: new RateLimit(recorderLimits.policyPerSecond, recorderLimits.policyBurst),
      dropped: 0,
    };
    this.#streams.delete(key);
    this.#streams.set(key, stream);
    if (this.#streams.size > recorderLimits.policiesMax) {
      const [oldest = ''] = this.#streams.keys();
      this.#streams.delete(oldest);
    }
    return stream;
  }
}
