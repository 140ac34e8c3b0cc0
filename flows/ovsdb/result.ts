import { WeirError } from '../../src/base/errors.ts';
import { decodeAtom } from './column.ts';
import type { Uuid } from './column.ts';
import { excerpt, isJsonArray, isJsonObject, member } from './json.ts';
import type { JsonArray, JsonObject, JsonValue } from './json.ts';
import type { Operations } from './transaction.ts';

/** Error strings of RFC 7047 sections 3.1, 4.1.3 and 5.2 and of ovsdb-server(7), by our code. */
const codes = {
  aborted: 'aborted',
  canceled: 'canceled',
  'constraint violation': 'constraint-violation',
  'domain error': 'domain-error',
  'duplicate uuid': 'duplicate-uuid',
  'duplicate uuid name': 'duplicate-uuid',
  'duplicate uuid-name': 'duplicate-uuid',
  'I/O error': 'io-error',
  'not allowed': 'not-allowed',
  'not owner': 'not-owner',
  'not supported': 'not-supported',
  'permission error': 'permission-error',
  'range error': 'range-error',
  'referential integrity violation': 'referential-integrity-violation',
  'resources exhausted': 'resources-exhausted',
  'syntax error': 'syntax-error',
  'timed out': 'guard-failed',
  'unknown column': 'syntax-error',
  'unknown database': 'unknown-database',
  'unknown table': 'syntax-error',
} as const;

/** `fenced`: the guard on the epoch failed, somebody newer owns the switch. `guard-failed`: what was read has changed. */
export type TransactErrorCode = (typeof codes)[keyof typeof codes] | 'fenced' | 'other';

export type TransactResult =
  /** Durable in the switch's database, and already in the replica. `nextCfg` when the transaction raised it. */
  | { readonly kind: 'committed'; readonly results: readonly OperationResult[]; readonly nextCfg?: number }
  /** Nothing changed. `operation` is the index of the one that failed, absent when the commit as a whole did. */
  | {
      readonly kind: 'refused';
      readonly code: TransactErrorCode;
      readonly error: string;
      readonly details: string;
      readonly operation?: number;
    }
  /** It was sent and the connection ended: whether it was carried out can only be read from the database. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** It never left. Nothing changed. */
  | { readonly kind: 'unsent'; readonly reason: 'not-synced' | 'queue-full' | 'closed' };

/** RFC 7047 section 5.2: `uuid` of an insert, `count` of update, mutate and delete, `rows` of a select. */
export interface OperationResult {
  readonly uuid?: Uuid;
  readonly count?: number;
  readonly rows?: JsonArray;
}

function malformed(json: JsonValue | undefined): never {
  throw new WeirError('ovsdb-malformed', `${excerpt(json)} is no result of a transaction`);
}

function refusal(error: JsonObject, operations: Operations, index?: number): TransactResult {
  const name = member(error, 'error');
  const details = member(error, 'details');
  if (typeof name !== 'string') malformed(error);
  const known = Object.hasOwn(codes, name) ? codes[name as keyof typeof codes] : 'other';
  const inOperation = index !== undefined && index < operations.list.length;
  return {
    kind: 'refused',
    code: known === 'guard-failed' && index === 0 ? 'fenced' : known,
    error: name.slice(0, 200),
    details: typeof details === 'string' ? details.slice(0, 500) : '',
    ...(inOperation && { operation: index }),
  };
}

function operationResult(json: JsonValue): OperationResult {
  if (!isJsonObject(json)) malformed(json);
  const [uuid, count, rows] = [member(json, 'uuid'), member(json, 'count'), member(json, 'rows')];
  if (count !== undefined && typeof count !== 'number') malformed(json);
  if (rows !== undefined && !isJsonArray(rows)) malformed(json);
  return {
    ...(uuid !== undefined && { uuid: decodeAtom('uuid', uuid) as Uuid }),
    ...(count !== undefined && { count }),
    ...(rows !== undefined && { rows }),
  };
}

function nextCfgOf(operations: Operations, results: readonly OperationResult[]): number | undefined {
  if (operations.nextCfgIndex === undefined) return undefined;
  const row = results[operations.nextCfgIndex]?.rows?.[0];
  const value = isJsonObject(row) ? member(row, 'next_cfg') : undefined;
  return typeof value === 'number' ? value : malformed(row);
}

/**
 * The outcome that a `transact` reply tells (RFC 7047 section 4.1.3): one result per operation, null behind a failed one, one more
 * when the commit as a whole failed.
 * @throws WeirError `ovsdb-malformed` when it is no such reply.
 */
export function decodeResult(operations: Operations, result: JsonValue, error: JsonValue): TransactResult {
  if (isJsonObject(error)) return refusal(error, operations);
  if (typeof error === 'string') return refusal({ error }, operations);
  if (error !== null || !isJsonArray(result)) malformed(error ?? result);
  const failed = result.findIndex((entry) => isJsonObject(entry) && member(entry, 'error') !== undefined);
  const failure = result[failed];
  if (isJsonObject(failure)) return refusal(failure, operations, failed);
  if (result.length !== operations.list.length) malformed(result);
  const results = result.map(operationResult);
  const nextCfg = nextCfgOf(operations, results);
  return { kind: 'committed', results, ...(nextCfg !== undefined && { nextCfg }) };
}
