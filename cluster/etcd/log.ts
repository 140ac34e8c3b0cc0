import { randomUUID } from 'node:crypto';
import type { IPutRequest, IRequestOp, ITxnRequest } from 'etcd3';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import { assert, DecodeError, reasonOf, WeirError } from '../../src/base/errors.ts';
import type { Revision } from '../store/port.ts';
import { type BaseState, decodeBaseState, decodeHead, encodeHead, type EtcdLayout, type Head, type RecordName } from './layout.ts';
import { type EtcdLink, refusalOf, unreachableEtcd, wasNotSent } from './link.ts';

/** A record whose payload may still have to be fetched. */
export interface LogRecord extends RecordName {
  readonly value: Buffer;
  readonly hasParts: boolean;
}

/** Where the store is. */
export interface Marks {
  readonly head: Head;
  readonly state: BaseState;
}

/** One look at etcd. */
export interface LogPage extends Marks {
  readonly records: readonly LogRecord[];
}

export interface Proposal {
  /** What the commits were judged upon. */
  readonly head: Head;
  /** Of the last commit. */
  readonly revision: Revision;
  readonly wallMs: number;
  readonly id: string;
  readonly payload: Buffer;
}

/** A request to etcd is within 1.5 MiB by default. */
const inlineBytesMax = 64 * 1024;
const partBytes = 512 * 1024;
const partsAtOnce = 4;
const pageRecords = 64;
/** How long parts stay that no record has come to name. */
const partTtlSeconds = 60;
const retryPauseMs = 50;

const inlineMark = 0;
const partsMark = 1;

/**
 * The history of a store as records in etcd. A record is put under the compare that the head is still the one that its commits were judged
 * upon, so all members together write one sequence of commits.
 */
export class EtcdLog {
  readonly #link: EtcdLink;
  readonly #layout: EtcdLayout;
  readonly #clock: Clock;

  constructor(link: EtcdLink, layout: EtcdLayout, clock: Clock) {
    this.#link = link;
    this.#layout = layout;
    this.#clock = clock;
  }

  /** Linearizable. Rejects with `no-leader`. */
  async marks(): Promise<Marks> {
    const { head, state, marks, marksEnd } = this.#layout;
    const { kvs } = await this.#link.retrying((timeoutMs) => this.#link.range({ key: marks, range_end: marksEnd }, timeoutMs));
    return {
      head: decodeHead(kvs.find(({ key }) => key.equals(head))),
      state: decodeBaseState(kvs.find(({ key }) => key.equals(state))),
    };
  }

  /** The records behind `revision`, whole and in order, as many as fit, together with the head. Rejects with `no-leader`. */
  async page(revision: Revision): Promise<LogPage> {
    const { head, state, logEnd } = this.#layout;
    const request: ITxnRequest = {
      success: [
        { request_range: { key: head } },
        { request_range: { key: state } },
        { request_range: { key: this.#layout.logFrom(revision + 1), range_end: logEnd, limit: pageRecords } },
      ],
    };
    const { responses } = await this.#link.retrying((timeoutMs) => this.#link.txn(request, timeoutMs));
    const [heads, states, records] = responses.map(({ response_range }) => response_range.kvs);
    assert(heads && states && records, 'each range has its answer');
    return {
      head: decodeHead(heads[0]),
      state: decodeBaseState(states[0]),
      records: records.map(({ key, value }) => this.recordOf(key, value)),
    };
  }

  recordOf(key: Buffer, value: Buffer): LogRecord {
    return { ...this.#layout.parseLogKey(key), value, hasParts: value[0] === partsMark };
  }

  /** The first record whose last commit is at `revision` or behind it. */
  async nameFrom(revision: Revision): Promise<RecordName | undefined> {
    const { logEnd } = this.#layout;
    const request = { key: this.#layout.logFrom(revision), range_end: logEnd, limit: 1, keys_only: true };
    const { kvs } = await this.#link.retrying((timeoutMs) => this.#link.range(request, timeoutMs));
    return kvs[0] && this.#layout.parseLogKey(kvs[0].key);
  }

  /** The encoded group of a record; undefined when it is no longer kept. */
  async payloadOf(record: LogRecord): Promise<Buffer | undefined> {
    const { value, id } = record;
    if (value[0] === inlineMark) return value.subarray(1);
    if (value[0] !== partsMark || value.length !== 9) throw new DecodeError('malformed-record', 0, `the record ${id} is of no known kind`);
    const count = value.readUInt32BE(1);
    const bytes = value.readUInt32BE(5);
    const parts: Buffer[] = [];
    for (let at = 0; at < count; at += partsAtOnce) {
      const numbers = Array.from({ length: Math.min(partsAtOnce, count - at) }, (_, more) => at + more);
      const found = await Promise.all(
        numbers.map((number) => this.#link.retrying((timeoutMs) => this.#link.range({ key: this.#layout.partKey(id, number) }, timeoutMs))),
      );
      for (const { kvs } of found) {
        if (kvs[0] === undefined) return undefined;
        parts.push(kvs[0].value);
      }
    }
    const payload = Buffer.concat(parts);
    if (payload.length !== bytes)
      throw new DecodeError('malformed-record', payload.length, `the record ${id} has other than ${bytes} bytes`);
    return payload;
  }

  /**
   * Durable when it settles, with the head that it has become; with undefined when somebody else's record came first and nothing was written.
   * Rejects with what etcd refused and `no-leader`, when nothing was written, or with `unknown-outcome`.
   */
  async append(proposal: Proposal): Promise<Head | undefined> {
    const { id, payload } = proposal;
    if (payload.length <= inlineBytesMax) return this.#commit(proposal, [], Buffer.concat([Buffer.of(inlineMark), payload]));
    const count = Math.ceil(payload.length / partBytes);
    const lease = await this.#link.retrying((timeoutMs) => this.#link.grant(partTtlSeconds, timeoutMs));
    for (let at = 0; at < count; at += partsAtOnce) {
      const numbers = Array.from({ length: Math.min(partsAtOnce, count - at) }, (_, more) => at + more);
      await Promise.all(numbers.map((number) => this.#putPart(id, number, payload, lease)));
    }
    // They stay when the record names them. One that is gone makes the whole transaction fail.
    const keeping = Array.from({ length: count }, (_, part) => ({
      request_put: { key: this.#layout.partKey(id, part), ignore_value: true },
    }));
    const value = Buffer.alloc(9, partsMark);
    value.writeUInt32BE(count, 1);
    value.writeUInt32BE(payload.length, 5);
    const head = await this.#commit(proposal, keeping, value);
    if (head === undefined) void this.#link.revoke(lease).catch(() => undefined);
    return head;
  }

  async #putPart(id: string, part: number, payload: Buffer, lease: string): Promise<void> {
    const value = payload.subarray(part * partBytes, (part + 1) * partBytes);
    const put: IPutRequest = { key: this.#layout.partKey(id, part), value, lease };
    await this.#link.retrying((timeoutMs) => this.#link.txn({ success: [{ request_put: put }] }, timeoutMs));
  }

  async #commit(proposal: Proposal, keeping: readonly IRequestOp[], value: Buffer): Promise<Head | undefined> {
    const { revision, wallMs } = proposal;
    const key = this.#layout.logKey(proposal);
    const request: ITxnRequest = {
      compare: [{ key: this.#layout.head, target: 'Mod', result: 'Equal', mod_revision: proposal.head.modRevision }],
      success: [{ request_put: { key: this.#layout.head, value: encodeHead(proposal) } }, { request_put: { key, value } }, ...keeping],
      failure: [{ request_range: { key, keys_only: true } }, { request_range: { key: this.#layout.state } }],
    };
    const startMs = this.#clock.nowMs();
    let maybeWritten = false;
    for (;;) {
      const elapsedMs = this.#clock.nowMs() - startMs;
      try {
        const { succeeded, header, responses } = await this.#link.txn(request, this.#link.attemptMs(elapsedMs));
        if (succeeded) return { revision, wallMs, modRevision: header.revision };
        const [own, states] = responses.map(({ response_range }) => response_range.kvs);
        const mine = own?.[0];
        // An attempt before this one had done it.
        if (mine !== undefined) return { revision, wallMs, modRevision: mine.mod_revision };
        // Later than the record would be kept.
        if (maybeWritten && decodeBaseState(states?.[0]).folded >= revision) throw unknownOutcome('its record is no longer kept');
        return undefined;
      } catch (error) {
        const refusal = refusalOf(error);
        maybeWritten ||= refusal === undefined && !wasNotSent(error);
        if (refusal === undefined && this.#clock.nowMs() - startMs <= this.#link.patienceMs) {
          await pause(retryPauseMs);
          continue;
        }
        if (maybeWritten) throw unknownOutcome(reasonOf(error), error);
        throw refusal ?? unreachableEtcd(error);
      }
    }
  }

  /** The last record at or before a wall clock time that is not below `from`; undefined when there is none. */
  async lastNameAt(wallMs: number, from: Revision, to: Revision): Promise<RecordName | undefined> {
    let found: RecordName | undefined;
    let low = from;
    let high = to;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const name = await this.nameFrom(middle);
      if (name === undefined || name.revision > to || name.wallMs > wallMs) {
        high = middle - 1;
      } else {
        found = name;
        low = name.revision + 1;
      }
    }
    return found;
  }
}

export function newRecordId(): string {
  return randomUUID();
}

function unknownOutcome(reason: string, cause?: unknown): WeirError {
  return new WeirError('unknown-outcome', `etcd did not say whether it was written: ${reason}`, { cause });
}
