import type { IRequestOp, ITxnRequest } from 'etcd3';
import { WeirError } from '../../src/base/errors.ts';
import { decodeGroup } from '../storage/group.ts';
import { encodeRow } from '../storage/row.ts';
import type { Revision } from '../store/port.ts';
import { type BaseState, decodeBaseState, encodeBaseState, type EtcdLayout, type RecordName } from './layout.ts';
import type { EtcdLink } from './link.ts';
import type { EtcdLog, LogRecord } from './log.ts';

/** A state that a replica can begin with: exactly that at `revision`, in key order. */
export interface LoadedBase {
  readonly revision: Revision;
  readonly rows: AsyncIterable<readonly (readonly [key: string, row: string])[]>;
}

/** Rows of keys; undefined where a key was deleted. */
type Rows = Map<string, string | undefined>;

/** Within what etcd takes at once by default: 128 operations, 1.5 MiB. */
const foldOperationsMax = 100;
const foldBytesMax = 256 * 1024;
/** Of one step of folding, unless a single record has more. */
const stepBytesMax = 16 * 1024 * 1024;
/** A row has 1 MiB at most. */
const loadRows = 32;

/**
 * The state at the compacted revision, which grows as records become too old. A step of it: reads below the new limit are refused, rows are
 * written, the records are dropped. Each transaction of a step is under the compare that nobody else has touched `state` meanwhile, and
 * touches it: of several members one goes on and the others leave it. A step that was broken off is taken again.
 */
export class EtcdBase {
  readonly #link: EtcdLink;
  readonly #layout: EtcdLayout;
  readonly #log: EtcdLog;

  constructor(link: EtcdLink, layout: EtcdLayout, log: EtcdLog) {
    this.#link = link;
    this.#layout = layout;
    this.#log = log;
  }

  /**
   * Folds some of the first records, those for which `isOld` holds. `claim` is told the revision below which no read may go any more, before
   * that counts for others. Resolves with whether it is worth calling again.
   */
  async fold(isOld: (name: RecordName) => boolean, claim: (compacted: Revision) => void): Promise<boolean> {
    const { state, records } = await this.#log.page(0);
    const isBegun = state.compacted > state.folded;
    const beyond = records.findIndex((record) => (isBegun ? record.revision > state.compacted : !isOld(record)));
    const step = await this.#stepOf(beyond < 0 ? records : records.slice(0, beyond));
    const last = step?.records.at(-1);
    if (step === undefined || last === undefined) return false;
    const claimed = isBegun ? state : { compacted: last.revision, wallMs: last.wallMs, folded: state.folded };
    claim(claimed.compacted);
    const writes = [...step.rows].map(([key, row]) => this.#writeOf(key, row));
    let touched: string | undefined = state.modRevision;
    for (const operations of chunksOf(writes)) {
      touched = await this.#touch(claimed, touched, operations);
      if (touched === undefined) return false;
    }
    return (await this.#touch({ ...claimed, folded: last.revision }, touched, this.#dropping(step.records, last))) !== undefined;
  }

  /** The first of the records, and what they come to. */
  async #stepOf(records: readonly LogRecord[]): Promise<{ readonly records: readonly LogRecord[]; readonly rows: Rows } | undefined> {
    const rows: Rows = new Map();
    const taken: LogRecord[] = [];
    let bytes = 0;
    for (const record of records) {
      const payload = await this.#log.payloadOf(record);
      // Somebody else is faster.
      if (payload === undefined) return undefined;
      bytes += payload.length;
      if (bytes > stepBytesMax && taken.length > 0) break;
      enterRows(rows, payload);
      taken.push(record);
    }
    return { records: taken, rows };
  }

  #writeOf(key: string, row: string | undefined): IRequestOp {
    const at = this.#layout.baseKey(key);
    return row === undefined ? { request_delete_range: { key: at } } : { request_put: { key: at, value: Buffer.from(row) } };
  }

  #dropping(records: readonly LogRecord[], last: RecordName): readonly IRequestOp[] {
    const log = { key: this.#layout.logFrom(0), range_end: this.#layout.logFrom(last.revision + 1) };
    const parts = records
      .filter((record) => record.hasParts)
      .map(({ id }) => ({ request_delete_range: { key: this.#layout.partsOf(id), range_end: this.#layout.partsEnd(id) } }));
    return [{ request_delete_range: log }, ...parts];
  }

  /** etcd's revision of it; undefined when somebody else came first. What was sent twice looks like that, too: the step is taken again. */
  async #touch(state: Omit<BaseState, 'modRevision'>, touched: string, operations: readonly IRequestOp[]): Promise<string | undefined> {
    const { state: key } = this.#layout;
    const request: ITxnRequest = {
      compare: [{ key, target: 'Mod', result: 'Equal', mod_revision: touched }],
      success: [{ request_put: { key, value: encodeBaseState(state) } }, ...operations],
    };
    const { succeeded, header } = await this.#link.retrying((timeoutMs) => this.#link.txn(request, timeoutMs));
    return succeeded ? header.revision : undefined;
  }

  /** One state of etcd, as it was at one of its revisions. Reading it fails when etcd compacts that meanwhile: then it is loaded again. */
  async load(): Promise<LoadedBase> {
    const { kvs, header } = await this.#link.retrying((timeoutMs) => this.#link.range({ key: this.#layout.state }, timeoutMs));
    const state = decodeBaseState(kvs[0]);
    const over = await this.#overlay(state, header.revision);
    return { revision: state.compacted, rows: this.#load(header.revision, over) };
  }

  /** What of the base may be folded already, and what not yet. */
  async #overlay({ folded, compacted }: BaseState, revision: string): Promise<Rows> {
    const rows: Rows = new Map();
    if (compacted === folded) return rows;
    const range = { key: this.#layout.logFrom(folded + 1), range_end: this.#layout.logFrom(compacted + 1), revision };
    const { kvs } = await this.#link.retrying((timeoutMs) => this.#link.range(range, timeoutMs));
    for (const { key, value } of kvs) {
      const payload = await this.#log.payloadOf(this.#log.recordOf(key, value));
      if (payload === undefined) throw new WeirError('store-busy', 'the base was folded while it was read');
      enterRows(rows, payload);
    }
    return rows;
  }

  async *#load(revision: string, over: Rows): AsyncGenerator<readonly (readonly [string, string])[]> {
    const prefixBytes = Buffer.byteLength(this.#layout.base);
    let key = Buffer.from(this.#layout.base);
    for (;;) {
      const range = { key, range_end: this.#layout.baseEnd, limit: loadRows, revision };
      const { kvs, more } = await this.#link.retrying((timeoutMs) => this.#link.range(range, timeoutMs));
      const rows = kvs.map(({ key: at, value }) => [at.toString('utf8', prefixBytes), value.toString()] as const);
      yield rows.filter(([at]) => !over.has(at));
      const last = kvs.at(-1);
      if (!more || last === undefined) break;
      key = Buffer.concat([last.key, Buffer.of(0)]);
    }
    yield [...over].flatMap(([at, row]) => (row === undefined ? [] : [[at, row] as const]));
  }
}

function enterRows(rows: Rows, payload: Buffer): void {
  const { firstRevision, commits } = decodeGroup(payload);
  for (const [at, { changes }] of commits.entries()) {
    for (const { key, value, createRevision } of changes) {
      rows.set(key, value === undefined ? undefined : encodeRow({ key, value, createRevision, modRevision: firstRevision + at }));
    }
  }
}

function* chunksOf(operations: readonly IRequestOp[]): Generator<readonly IRequestOp[]> {
  // The first transaction comes before all rows.
  yield [];
  let chunk: IRequestOp[] = [];
  let bytes = 0;
  for (const operation of operations) {
    const more = operation.request_put?.value?.length ?? 0;
    if (chunk.length === foldOperationsMax || (bytes + more > foldBytesMax && chunk.length > 0)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(operation);
    bytes += more;
  }
  if (chunk.length > 0) yield chunk;
}
