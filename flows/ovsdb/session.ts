import { assert, reasonOf, WeirError } from '../../src/base/errors.ts';
import { isUuid } from './column.ts';
import type { Uuid } from './column.ts';
import { encodeJson, excerpt, isJsonArray } from './json.ts';
import type { JsonArray, JsonObject, JsonValue } from './json.ts';
import { Replica } from './replica.ts';
import type { RowChange, UpdateFormat } from './replica.ts';
import { decodeResult } from './result.ts';
import type { TransactResult } from './result.ts';
import { decodeRpc, encodeError, encodeReply, encodeRequest } from './rpc.ts';
import type { RpcMessage } from './rpc.ts';
import { monitoredColumns } from './schema.ts';
import type { MonitoredColumns } from './schema.ts';
import { databaseName, tableNames } from './tables.ts';
import type { Operations } from './transaction.ts';

/**
 * What the session awaits. Each connection goes down this list; any error of form, and any wait that is too long, closes it.
 *
 * | state | awaits | then sends | and becomes |
 * | --- | --- | --- | --- |
 * | disconnected | `connected` | list_dbs | databases-requested |
 * | databases-requested | a list with Open_vSwitch | get_schema | schema-requested |
 * | schema-requested | a schema with our columns | monitor_cond_since with the last transaction id | monitor-since-requested |
 * | monitor-since-requested | the changes since, or everything | | monitoring |
 * | | an error: not supported | monitor_cond | monitor-cond-requested |
 * | monitor-cond-requested | everything | | monitoring |
 * | | an error: not supported | monitor | monitor-requested |
 * | monitor-requested | everything | | monitoring |
 * | monitoring | updates, transactions and their replies | | |
 * | closing | `disconnected`; all else is ignored | | disconnected |
 *
 * `_Server` is not monitored: a server whose database is converted or removed disconnects a client that has not said
 * `set_db_change_aware` (ovsdb-server(7) section 4.1.18), and the next connection starts over.
 */
export type SessionState =
  | 'disconnected'
  | 'databases-requested'
  | 'schema-requested'
  | 'monitor-since-requested'
  | 'monitor-cond-requested'
  | 'monitor-requested'
  | 'monitoring'
  | 'closing';

export interface SessionLimits {
  /** From `connected` to the first whole replica. */
  readonly handshakeTimeoutMs: number;
  /** Silence after which an echo is sent; as much silence again closes. */
  readonly probeIntervalMs: number;
  /** From the first to the last byte of one message. */
  readonly messageTimeoutMs: number;
  /** From a transaction to its reply. The outcome is then unknown, and the connection of no use. */
  readonly transactTimeoutMs: number;
  readonly transactionsMax: number;
  /** Bytes sent and not yet taken by the peer. */
  readonly sendQueueBytesMax: number;
  /** Sustained rate; ten times as much may come at once. */
  readonly messagesPerSecondMax: number;
  readonly bytesPerSecondMax: number;
}

export const sessionLimits: SessionLimits = {
  handshakeTimeoutMs: 10_000,
  probeIntervalMs: 5_000,
  messageTimeoutMs: 20_000,
  transactTimeoutMs: 20_000,
  transactionsMax: 256,
  sendQueueBytesMax: 8 * 1024 * 1024,
  messagesPerSecondMax: 2_000,
  bytesPerSecondMax: 8 * 1024 * 1024,
};

/** `token` is the caller's own name for a transaction. */
export type SessionEvent =
  | { readonly kind: 'connected' }
  /** Bytes came; `partial` while a message has begun and not ended. Goes behind the messages in them. */
  | { readonly kind: 'bytes'; readonly bytes: number; readonly partial: boolean }
  | { readonly kind: 'message'; readonly value: JsonValue }
  | { readonly kind: 'transact'; readonly token: number; readonly operations: Operations }
  /** How much of what was sent the transport still holds. */
  | { readonly kind: 'queued'; readonly bytes: number }
  | { readonly kind: 'tick' }
  /** The stream cannot be read any further. */
  | { readonly kind: 'broken'; readonly error: WeirError }
  | { readonly kind: 'disconnected'; readonly reason: string };

export type CloseCode =
  | 'handshake-timeout'
  | 'inactive'
  | 'message-timeout'
  | 'transact-timeout'
  | 'send-queue-full'
  | 'flood'
  | 'malformed'
  | 'protocol'
  | 'no-database'
  | 'schema'
  | 'inconsistent'
  | 'refused'
  | 'monitor-canceled';

export type SessionEffect =
  | { readonly kind: 'send'; readonly text: string }
  | { readonly kind: 'close'; readonly code: CloseCode; readonly reason: string }
  /** The replica equals the database now, for the first time on this connection. */
  | { readonly kind: 'synced' }
  | { readonly kind: 'changed'; readonly changes: readonly RowChange[] }
  | { readonly kind: 'outcome'; readonly token: number; readonly result: TransactResult };

const zeroTransactionId: Uuid = '00000000-0000-0000-0000-000000000000';
const monitorId = 'weir';
const burstSeconds = 10;

type MonitorMethod = 'monitor_cond_since' | 'monitor_cond' | 'monitor';

const monitors: Readonly<Record<MonitorMethod, { state: SessionState; notification: string; format: UpdateFormat }>> = {
  monitor_cond_since: { state: 'monitor-since-requested', notification: 'update3', format: 'update2' },
  monitor_cond: { state: 'monitor-cond-requested', notification: 'update2', format: 'update2' },
  monitor: { state: 'monitor-requested', notification: 'update', format: 'update' },
};

interface InFlight {
  readonly token: number;
  readonly operations: Operations;
  readonly sentMs: number;
}

/** Thrown inside a step to close the connection for one stated reason; never leaves the session. */
class Closure extends WeirError {
  readonly closeCode: CloseCode;

  constructor(closeCode: CloseCode, reason: string) {
    super('ovsdb-closed', reason);
    this.closeCode = closeCode;
  }
}

const closeCodes: Readonly<Record<string, CloseCode>> = {
  'ovsdb-malformed': 'malformed',
  'ovsdb-protocol': 'protocol',
  'ovsdb-schema': 'schema',
  'ovsdb-inconsistent': 'inconsistent',
};

/**
 * One switch's database as seen over one connection after another: an explicit state machine without effects. An event and the
 * time go in, effects come out, to be carried out in order. The replica and the last transaction id outlive a connection, so that a
 * server that keeps history sends only what changed; every transaction in flight at a disconnect has the outcome `unknown`.
 */
export class OvsdbSession {
  readonly replica = new Replica();
  readonly #limits: SessionLimits;
  #state: SessionState = 'disconnected';
  #effects: SessionEffect[] = [];
  #nextId = 1;
  /** Id of the one request of the handshake that has no reply yet. */
  #awaitedId: number | undefined;
  #monitored: MonitoredColumns | undefined;
  #method: MonitorMethod = 'monitor_cond_since';
  #lastTransactionId: Uuid = zeroTransactionId;
  readonly #inFlight = new Map<number, InFlight>();
  #queuedBytes = 0;
  #connectedMs = 0;
  #heardMs = 0;
  #probeId: string | undefined;
  #partialSinceMs: number | undefined;
  #bytesAllowed = 0;
  #messagesAllowed = 0;
  #refilledMs = 0;

  constructor(limits: SessionLimits = sessionLimits) {
    this.#limits = limits;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The transaction that the replica is known to contain; all zeros when the server keeps no history (ovsdb-server(7) section 4.1.15). */
  get lastTransactionId(): Uuid {
    return this.#lastTransactionId;
  }

  /** Takes one event at the monotonic time `nowMs`. Never throws for what a peer does. */
  step(event: SessionEvent, nowMs: number): readonly SessionEffect[] {
    assert(this.#effects.length === 0, 'a step is not entered from within');
    try {
      this.#take(event, nowMs);
    } catch (error) {
      this.#close(error);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When a `tick` is due at the latest; undefined while nothing is awaited. */
  wakeAtMs(): number | undefined {
    if (this.#state === 'disconnected' || this.#state === 'closing') return undefined;
    const oldest = this.#inFlight.values().next().value;
    const due = [
      this.#heardMs + this.#limits.probeIntervalMs * (this.#probeId === undefined ? 1 : 2),
      this.#state === 'monitoring' ? Infinity : this.#connectedMs + this.#limits.handshakeTimeoutMs,
      this.#partialSinceMs === undefined ? Infinity : this.#partialSinceMs + this.#limits.messageTimeoutMs,
      oldest === undefined ? Infinity : oldest.sentMs + this.#limits.transactTimeoutMs,
    ];
    return Math.min(...due);
  }

  #take(event: SessionEvent, nowMs: number): void {
    switch (event.kind) {
      case 'connected':
        return this.#begin(nowMs);
      case 'disconnected':
        return this.#end(event.reason);
      case 'transact':
        return this.#transact(event.token, event.operations, nowMs);
      default:
        if (this.#state === 'disconnected' || this.#state === 'closing') return;
    }
    switch (event.kind) {
      case 'bytes':
        return this.#hear(event.bytes, event.partial, nowMs);
      case 'message':
        return this.#receive(event.value);
      case 'queued':
        this.#queuedBytes = event.bytes;
        return;
      case 'tick':
        return this.#tick(nowMs);
      case 'broken':
        throw new Closure('malformed', event.error.message);
    }
  }

  #begin(nowMs: number): void {
    assert(this.#state === 'disconnected', 'one connection at a time');
    this.#queuedBytes = 0;
    this.#connectedMs = nowMs;
    this.#heardMs = nowMs;
    this.#probeId = undefined;
    this.#partialSinceMs = undefined;
    this.#bytesAllowed = this.#limits.bytesPerSecondMax * burstSeconds;
    this.#messagesAllowed = this.#limits.messagesPerSecondMax * burstSeconds;
    this.#refilledMs = nowMs;
    this.#request('list_dbs', [], 'databases-requested');
  }

  #end(reason: string): void {
    this.#state = 'disconnected';
    this.#awaitedId = undefined;
    for (const { token } of this.#inFlight.values()) this.#outcome(token, { kind: 'unknown', reason });
    this.#inFlight.clear();
  }

  #close(error: unknown): void {
    if (!(error instanceof WeirError)) throw error;
    const code = error instanceof Closure ? error.closeCode : (closeCodes[error.code] ?? 'protocol');
    // A replica that did not fit an update must not be the base of a resumption.
    if (code === 'inconsistent' || code === 'malformed') this.#lastTransactionId = zeroTransactionId;
    this.#state = 'closing';
    this.#effects.push({ kind: 'close', code, reason: reasonOf(error) });
  }

  #outcome(token: number, result: TransactResult): void {
    this.#effects.push({ kind: 'outcome', token, result });
  }

  #send(text: string): void {
    // Characters stand for bytes: what we send is ASCII but for names that the switch sent us.
    this.#queuedBytes += text.length;
    if (this.#queuedBytes > this.#limits.sendQueueBytesMax)
      throw new Closure('send-queue-full', `the peer leaves more than ${this.#limits.sendQueueBytesMax} bytes unread`);
    this.#effects.push({ kind: 'send', text });
  }

  #request(method: string, params: JsonValue, state: SessionState): void {
    this.#awaitedId = this.#nextId++;
    this.#state = state;
    this.#send(encodeRequest(this.#awaitedId, method, params));
  }

  #transact(token: number, operations: Operations, nowMs: number): void {
    if (this.#state !== 'monitoring')
      return this.#outcome(token, {
        kind: 'unsent',
        reason: this.#state === 'disconnected' || this.#state === 'closing' ? 'closed' : 'not-synced',
      });
    const text = encodeRequest(this.#nextId, 'transact', [databaseName, ...operations.list]);
    if (this.#inFlight.size >= this.#limits.transactionsMax || this.#queuedBytes + text.length > this.#limits.sendQueueBytesMax)
      return this.#outcome(token, { kind: 'unsent', reason: 'queue-full' });
    this.#inFlight.set(this.#nextId++, { token, operations, sentMs: nowMs });
    // Its reply and the update that it causes are no flood, however many we ask for.
    this.#messagesAllowed += 2;
    this.#send(text);
  }

  #hear(bytes: number, partial: boolean, nowMs: number): void {
    const seconds = (nowMs - this.#refilledMs) / 1000;
    const { bytesPerSecondMax, messagesPerSecondMax } = this.#limits;
    this.#bytesAllowed = Math.min(this.#bytesAllowed + seconds * bytesPerSecondMax, bytesPerSecondMax * burstSeconds) - bytes;
    this.#messagesAllowed = Math.min(this.#messagesAllowed + seconds * messagesPerSecondMax, messagesPerSecondMax * burstSeconds);
    this.#refilledMs = nowMs;
    if (this.#bytesAllowed < 0) throw new Closure('flood', `more than ${bytesPerSecondMax} bytes a second`);
    this.#heardMs = nowMs;
    this.#probeId = undefined;
    this.#partialSinceMs = partial ? (this.#partialSinceMs ?? nowMs) : undefined;
  }

  #tick(nowMs: number): void {
    const { handshakeTimeoutMs, messageTimeoutMs, transactTimeoutMs, probeIntervalMs } = this.#limits;
    if (this.#state !== 'monitoring' && nowMs - this.#connectedMs >= handshakeTimeoutMs)
      throw new Closure('handshake-timeout', `no whole replica after ${handshakeTimeoutMs} ms, in state ${this.#state}`);
    if (this.#partialSinceMs !== undefined && nowMs - this.#partialSinceMs >= messageTimeoutMs)
      throw new Closure('message-timeout', `a message is not complete after ${messageTimeoutMs} ms`);
    const oldest = this.#inFlight.values().next().value;
    if (oldest !== undefined && nowMs - oldest.sentMs >= transactTimeoutMs)
      throw new Closure('transact-timeout', `a transaction has no reply after ${transactTimeoutMs} ms`);
    const silentMs = nowMs - this.#heardMs;
    if (silentMs >= 2 * probeIntervalMs) throw new Closure('inactive', `silent for ${Math.round(silentMs)} ms`);
    if (silentMs >= probeIntervalMs && this.#probeId === undefined) {
      this.#probeId = `probe-${this.#nextId++}`;
      this.#send(encodeRequest(this.#probeId, 'echo', []));
    }
  }

  #receive(value: JsonValue): void {
    if (--this.#messagesAllowed < 0) throw new Closure('flood', `more than ${this.#limits.messagesPerSecondMax} messages a second`);
    this.#partialSinceMs = undefined;
    const message = decodeRpc(value);
    switch (message.kind) {
      case 'request':
        return this.#send(message.method === 'echo' ? encodeReply(message.id, message.params) : encodeError(message.id, 'unknown method'));
      case 'notification':
        return this.#notified(message.method, message.params);
      case 'response':
        return this.#replied(message);
    }
  }

  #notified(method: string, params: JsonArray): void {
    if (method === 'monitor_canceled') throw new Closure('monitor-canceled', 'the server ended the monitor');
    // Others than updates (`locked`, `stolen`, …) concern features that are not used.
    if (!Object.values(monitors).some(({ notification }) => notification === method)) return;
    const monitor = monitors[this.#method];
    if (this.#state !== 'monitoring' || method !== monitor.notification || params[0] !== monitorId)
      throw new Closure('protocol', `${method} of a monitor that was not asked for`);
    const isSince = this.#method === 'monitor_cond_since';
    if (params.length !== (isSince ? 3 : 2)) throw new Closure('protocol', `${method} with ${params.length} parameters`);
    const changes = this.replica.apply(monitor.format, params.at(-1));
    if (isSince) this.#keepTransactionId(params[1]);
    if (changes.length > 0) this.#effects.push({ kind: 'changed', changes });
  }

  #keepTransactionId(id: JsonValue | undefined): void {
    if (!isUuid(id)) throw new Closure('protocol', `${excerpt(id)} is no transaction id`);
    this.#lastTransactionId = id;
  }

  #replied(message: RpcMessage & { kind: 'response' }): void {
    const { id, result, error } = message;
    if (typeof id === 'string' && id.startsWith('probe-')) return;
    if (typeof id !== 'number') throw new Closure('protocol', `a reply to ${excerpt(id)}, which was not asked`);
    const inFlight = this.#inFlight.get(id);
    if (inFlight) {
      const outcome = decodeResult(inFlight.operations, result, error);
      this.#inFlight.delete(id);
      return this.#outcome(inFlight.token, outcome);
    }
    if (id !== this.#awaitedId) throw new Closure('protocol', `a reply to ${excerpt(id)}, which was not asked`);
    this.#awaitedId = undefined;
    this.#advance(result, error);
  }

  /** The reply to the request of the handshake. */
  #advance(result: JsonValue, error: JsonValue): void {
    if (error !== null) {
      if (this.#state === 'monitor-since-requested') return this.#monitor('monitor_cond');
      if (this.#state === 'monitor-cond-requested') return this.#monitor('monitor');
      throw new Closure('refused', `the server answered ${excerpt(error)} in state ${this.#state}`);
    }
    switch (this.#state) {
      case 'databases-requested':
        if (!isJsonArray(result) || !result.includes(databaseName))
          throw new Closure('no-database', `the server has ${excerpt(result)}, no ${databaseName}`);
        return this.#request('get_schema', [databaseName], 'schema-requested');
      case 'schema-requested':
        this.#learnSchema(result);
        return this.#monitor('monitor_cond_since');
      default:
        return this.#sync(result);
    }
  }

  #learnSchema(schema: JsonValue): void {
    const monitored = monitoredColumns(schema);
    const same = this.#monitored !== undefined && encodeJson(monitored.columns) === encodeJson(this.#monitored.columns);
    // The replica holds other columns than will be monitored: only a whole copy serves.
    if (!same) this.#lastTransactionId = zeroTransactionId;
    this.#monitored = monitored;
  }

  #monitor(method: MonitorMethod): void {
    assert(this.#monitored, 'the schema is known before a monitor is requested');
    const { columns } = this.#monitored;
    const requests: JsonObject = Object.fromEntries(tableNames.map((table) => [table, [{ columns: columns[table] }]]));
    const since = method === 'monitor_cond_since' ? [this.#lastTransactionId] : [];
    this.#method = method;
    this.#request(method, [databaseName, monitorId, requests, ...since], monitors[method].state);
  }

  #sync(result: JsonValue): void {
    let changes: RowChange[];
    if (this.#method === 'monitor_cond_since') {
      if (!isJsonArray(result) || result.length !== 3 || typeof result[0] !== 'boolean')
        throw new Closure('protocol', `${excerpt(result)} is no reply to monitor_cond_since`);
      const [found, id, updates] = result;
      if (found && this.#lastTransactionId === zeroTransactionId)
        throw new Closure('protocol', 'the server found a transaction that was not named');
      changes = found ? this.replica.apply('update2', updates) : this.replica.replace('update2', updates);
      this.#keepTransactionId(id);
    } else {
      changes = this.replica.replace(monitors[this.#method].format, result);
      this.#lastTransactionId = zeroTransactionId;
    }
    this.#state = 'monitoring';
    if (changes.length > 0) this.#effects.push({ kind: 'changed', changes });
    this.#effects.push({ kind: 'synced' });
  }
}
