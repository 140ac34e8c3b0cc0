import { assert } from '../../src/base/errors.ts';
import { encodeValue } from './column.ts';
import type { Atom, ColumnType, NamedUuid, Uuid, ValueOf, Writable } from './column.ts';
import type { JsonArray, JsonObject, JsonValue } from './json.ts';
import { columnType, switchTables } from './tables.ts';
import type { ColumnName, Row, TableName } from './tables.ts';

/**
 * The key of `Open_vSwitch.external_ids` that fences: the committed epoch of the member that owns this switch, in decimal.
 * It stands in the switch's own database, which outlives vswitchd.
 */
export const epochKey = 'weir-epoch';

/** Grows with every change of ownership; the OpenFlow role's `generation_id`. A safe integer, 0 or more. */
export type Epoch = number;

/**
 * One transaction, ready to send. Invariant: the first operation is a `wait` on the fencing epoch, so a stale owner's write
 * fails in the switch. Made by `TransactionBuilder` and `raiseEpoch` only.
 */
export interface Operations {
  readonly epoch: Epoch;
  readonly list: readonly JsonObject[];
  /** Index of the operation that reads `next_cfg` back, when the transaction raised it. */
  readonly nextCfgIndex?: number;
  readonly brand: 'guarded';
}

type Reference = Uuid | NamedUuid;

/** What a column takes: its value, rows that the same transaction inserts, and a plain object for a map of strings. */
type WritableOf<T extends ColumnType> = T extends { kind: 'map'; key: 'string'; value: 'string' }
  ? ValueOf<T> | Readonly<Record<string, string>>
  : T extends { kind: 'set'; key: 'uuid' }
    ? readonly Reference[]
    : T extends { kind: 'optional'; key: 'uuid' }
      ? Reference | undefined
      : ValueOf<T>;

export type WritableColumns<T extends TableName> = {
  readonly [C in ColumnName<T>]?: (typeof switchTables)[T][C] extends ColumnType ? WritableOf<(typeof switchTables)[T][C]> : never;
};

type ColumnsOfKind<T extends TableName, K extends ColumnType['kind']> = {
  [C in ColumnName<T>]: (typeof switchTables)[T][C] extends { kind: K } ? C : never;
}[ColumnName<T>];

function typeOf(table: TableName, column: string): ColumnType {
  const type = columnType(table, column);
  assert(type, `${table}.${column} is declared`);
  return type;
}

function encodeColumns(table: TableName, columns: Readonly<Record<string, Writable>>): JsonObject {
  return Object.fromEntries(Object.entries(columns).map(([column, value]) => [column, encodeValue(typeOf(table, column), value)]));
}

const whereUuid = (uuid: Uuid): JsonArray => [['_uuid', '==', ['uuid', uuid]]];

/** Holds while any row matches: RFC 7047 section 5.2.6 with no time to wait. */
export function waitForMatch(table: TableName, where: JsonArray): JsonObject {
  return { op: 'wait', table, where, columns: ['_uuid'], until: '!=', rows: [], timeout: 0 };
}

/** Holds while `external_ids:key` of the root row is `value`. */
export function waitForRootId(key: string, value: string): JsonObject {
  return waitForMatch('Open_vSwitch', [['external_ids', 'includes', ['map', [[key, value]]]]]);
}

/**
 * Builds one transaction (RFC 7047 section 5.2). Operations run in the order of the calls, all or none; the fence on the epoch
 * comes first. Guards (`wait` with timeout 0) name what was read, so that a decision made on an old replica is refused.
 */
export class TransactionBuilder {
  readonly #epoch: Epoch;
  readonly #list: JsonObject[];
  #names = 0;
  #changes = 0;
  #nextCfgIndex: number | undefined;

  /** `fence`: holds while the epoch is what the caller relies on. */
  constructor(epoch: Epoch, fence: JsonObject = waitForRootId(epochKey, String(epoch))) {
    assert(Number.isSafeInteger(epoch) && epoch >= 0, 'an epoch is a safe integer, 0 or more');
    this.#epoch = epoch;
    this.#list = [fence];
  }

  /** Whether nothing but guards and comments were added. */
  get empty(): boolean {
    return this.#changes === 0;
  }

  /** The named columns of the row hold what was read. */
  guardRow<T extends TableName>(table: T, row: Row<T>, columns: readonly ColumnName<T>[]): this {
    const read = row as unknown as Readonly<Record<string, Writable>>;
    const values = encodeColumns(table, Object.fromEntries(columns.map((column) => [column, read[column]])));
    this.#list.push({ op: 'wait', table, where: whereUuid(row.uuid), columns, until: '==', rows: [values], timeout: 0 });
    return this;
  }

  /** No row has this name. */
  guardNoName(table: 'Bridge' | 'Port' | 'Interface', name: string): this {
    this.#list.push({ op: 'wait', table, where: [['name', '==', name]], columns: ['_uuid'], until: '==', rows: [], timeout: 0 });
    return this;
  }

  /** Adds a row. The result stands for its UUID in the operations that follow. */
  insert<T extends TableName>(table: T, columns: WritableColumns<T>): NamedUuid {
    const namedUuid = `row${this.#names++}`;
    this.#change({ op: 'insert', table, row: encodeColumns(table, columns), 'uuid-name': namedUuid });
    return { namedUuid };
  }

  /** Sets whole columns of one row. */
  update<T extends TableName>(table: T, uuid: Uuid, columns: WritableColumns<T>): this {
    return this.#change({ op: 'update', table, where: whereUuid(uuid), row: encodeColumns(table, columns) });
  }

  /** Sets keys of a map of strings; its other keys stay. */
  setKeys<T extends TableName>(table: T, uuid: Uuid, column: ColumnsOfKind<T, 'map'>, entries: Readonly<Record<string, string>>): this {
    const keys = Object.keys(entries);
    // An insert mutation leaves keys that stand as they are (RFC 7047 section 5.1): delete them first.
    return this.#mutate(table, uuid, [
      [column, 'delete', ['set', keys]],
      [column, 'insert', ['map', Object.entries(entries)]],
    ]);
  }

  /** Removes keys of a map of strings; its other keys stay. */
  removeKeys<T extends TableName>(table: T, uuid: Uuid, column: ColumnsOfKind<T, 'map'>, keys: readonly string[]): this {
    return this.#mutate(table, uuid, [[column, 'delete', ['set', keys]]]);
  }

  /** Adds members to a set; the others stay. */
  addTo<T extends TableName>(table: T, uuid: Uuid, column: ColumnsOfKind<T, 'set'>, members: readonly (Atom | NamedUuid)[]): this {
    return this.#mutate(table, uuid, [[column, 'insert', encodeValue(typeOf(table, column), members)]]);
  }

  /** Removes members of a set; the others stay. A row that nothing refers to any more is deleted by the server (non-root tables). */
  removeFrom<T extends TableName>(table: T, uuid: Uuid, column: ColumnsOfKind<T, 'set'>, members: readonly Atom[]): this {
    return this.#mutate(table, uuid, [[column, 'delete', encodeValue(typeOf(table, column), members)]]);
  }

  /** Deletes a row of a root table (QoS, Queue): the others go when nothing refers to them. */
  delete(table: TableName, uuid: Uuid): this {
    return this.#change({ op: 'delete', table, where: whereUuid(uuid) });
  }

  /** A line for the database's own log (`ovsdb-tool show-log`). */
  comment(text: string): this {
    this.#list.push({ op: 'comment', comment: text });
    return this;
  }

  /** Raises `next_cfg` and reads it back; `configured` tells when vswitchd has carried the transaction out. */
  raiseNextCfg(): this {
    assert(this.#nextCfgIndex === undefined, 'next_cfg is raised once in a transaction');
    this.#list.push({ op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] });
    this.#nextCfgIndex = this.#list.length;
    this.#list.push({ op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] });
    return this;
  }

  build(): Operations {
    const nextCfgIndex = this.#nextCfgIndex;
    return { epoch: this.#epoch, list: [...this.#list], ...(nextCfgIndex !== undefined && { nextCfgIndex }), brand: 'guarded' };
  }

  #mutate(table: TableName, uuid: Uuid, mutations: JsonValue): this {
    return this.#change({ op: 'mutate', table, where: whereUuid(uuid), mutations });
  }

  #change(operation: JsonObject): this {
    this.#changes++;
    this.#list.push(operation);
    return this;
  }
}
