import { DecodeError } from '../../src/base/errors.ts';
import { hasMore, isFlowPart, readFlowCounts } from '../openflow/index.ts';
import type { FlowCount, FlowEntry, Message } from '../openflow/index.ts';
import { ownerNumberIn } from '../pipeline/index.ts';
import type { FlowReading, Report } from './events.ts';
import type { SessionLimits } from './limits.ts';
import { Closure } from './reasons.ts';
import type { Requests, SwitchError } from './requests.ts';

/** A reading under way: its filters are asked one after the other, so that a switch has one small thing to do at a time. */
interface Underway {
  readonly reading: FlowReading;
  readonly token: number;
  readonly startedMs: number;
  heardMs: number;
  xid: number;
  nextFilter: number;
  flows: number;
  readonly counts: FlowCount[];
  readonly entries: FlowEntry[];
  readonly flowsByOwner: Map<number, number>;
  oldestMs: number;
}

/** Readings beyond this many that wait are refused: whoever asks so often can ask again. */
const waitingMax = 64;

/** Installed flows and their counters, read by whoever is connected, a slave too; one reading at a time, bounded in time and in size. */
export class Readings {
  readonly #requests: Requests;
  readonly #limits: SessionLimits;
  readonly #report: Report;
  readonly #waiting: { readonly reading: FlowReading; readonly token: number }[] = [];
  #underway: Underway | undefined;

  constructor(requests: Requests, limits: SessionLimits, report: Report) {
    this.#requests = requests;
    this.#limits = limits;
    this.#report = report;
  }

  begin(reading: FlowReading, token: number, isJoined: boolean, nowMs: number): void {
    if (!isJoined) return this.#fail(token, 'the switch has not joined yet');
    if (this.#waiting.length >= waitingMax) return this.#fail(token, 'too many readings wait');
    this.#waiting.push({ reading, token });
    if (!this.#underway) this.#next(nowMs);
  }

  #next(nowMs: number): void {
    const next = this.#waiting.shift();
    this.#underway = next && {
      ...next,
      startedMs: nowMs,
      heardMs: nowMs,
      xid: 0,
      nextFilter: 0,
      flows: 0,
      counts: [],
      entries: [],
      flowsByOwner: new Map(),
      oldestMs: 0,
    };
    if (this.#underway) this.#ask(this.#underway, nowMs);
  }

  #ask(underway: Underway, nowMs: number): void {
    const filter = underway.reading.filters[underway.nextFilter++];
    if (filter) {
      underway.xid = this.#requests.listFlows(filter);
      return;
    }
    const { token, counts, entries, flowsByOwner, oldestMs } = underway;
    this.#report({ kind: 'flows-read', token, read: { counts, entries, flowsByOwner, oldestMs }, error: undefined });
    this.#next(nowMs);
  }

  /** Whether the frame belongs to a reading of counters, so that it need not be decoded. */
  countsIn(frame: Uint8Array): boolean {
    return this.#underway?.reading.kind === 'counts' && isFlowPart(frame, this.#underway.xid);
  }

  counted(frame: Uint8Array, nowMs: number): void {
    const underway = this.#underway;
    if (!underway) return;
    try {
      const more = readFlowCounts(frame, (count) => {
        if (!this.#mine(underway, count.cookieHigh, count.cookieLow)) return;
        underway.oldestMs = Math.max(underway.oldestMs, count.durationMs);
        if (count.packets + count.bytes > 0) underway.counts.push(count);
      });
      this.#part(underway, more, nowMs);
    } catch (error) {
      if (error instanceof DecodeError) throw new Closure('malformed', error.message);
      throw error;
    }
  }

  /** @returns whether the message was for this part */
  receive(message: Message, nowMs: number): boolean {
    const underway = this.#underway;
    if (!underway || message.type !== 'OFPT_MULTIPART_REPLY' || message.xid !== underway.xid) return false;
    const { reading, entries } = underway;
    if (message.body.type !== 'OFPMP_FLOW' || reading.kind !== 'entries')
      throw new Closure('protocol', `a part of ${message.body.type} in a listing of flows`);
    for (const entry of message.body.body) {
      const isMine = this.#mine(underway, Number(entry.cookie >> 32n), Number(entry.cookie & 0xffff_ffffn));
      if (isMine && entries.length < reading.entriesMax) entries.push(entry);
    }
    this.#part(underway, hasMore(message.body), nowMs);
    return true;
  }

  #mine(underway: Underway, cookieHigh: number, cookieLow: number): boolean {
    if (++underway.flows > this.#limits.readingFlowsMax)
      throw new Closure('listing-too-large', `more than ${this.#limits.readingFlowsMax} flows in a reading of counters`);
    const owner = ownerNumberIn(cookieHigh, cookieLow);
    if (owner === undefined) return false;
    underway.flowsByOwner.set(owner, (underway.flowsByOwner.get(owner) ?? 0) + 1);
    return true;
  }

  #part(underway: Underway, more: boolean, nowMs: number): void {
    underway.heardMs = nowMs;
    if (!more) this.#ask(underway, nowMs);
  }

  /** @returns whether the error answers a request of this part */
  error(error: SwitchError, nowMs: number): boolean {
    if (!this.#underway || error.xid !== this.#underway.xid) return false;
    this.#fail(this.#underway.token, `the switch does not list its flows: ${error.name}`);
    this.#next(nowMs);
    return true;
  }

  tick(nowMs: number): void {
    if (!this.#underway) return;
    const { startedMs, heardMs } = this.#underway;
    const { replyTimeoutMs, listingTimeoutMs } = this.#limits;
    if (nowMs >= heardMs + replyTimeoutMs) throw new Closure('listing-timeout', `no counters within ${replyTimeoutMs} ms`);
    if (nowMs >= startedMs + listingTimeoutMs) throw new Closure('listing-timeout', `counters not complete after ${listingTimeoutMs} ms`);
  }

  #fail(token: number, error: string): void {
    this.#report({ kind: 'flows-read', token, read: undefined, error });
  }

  abandon(reason: string): void {
    if (this.#underway) this.#fail(this.#underway.token, reason);
    for (const { token } of this.#waiting.splice(0)) this.#fail(token, reason);
    this.#underway = undefined;
  }
}
