import { WeirError } from '../../src/base/errors.ts';
import { applyDifference, decodeValue, defaultValue, isUuid, sameValue } from './column.ts';
import type { Uuid, Value } from './column.ts';
import { excerpt, isJsonObject, member } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { columnsOf, columnType, isTableName, tableNames } from './tables.ts';
import type { Row, TableName } from './tables.ts';

/** One row that is different now: inserted without `before`, deleted without `after`. */
export type RowChange = {
  [T in TableName]: { readonly table: T; readonly uuid: Uuid; readonly before?: Row<T>; readonly after?: Row<T> };
}[TableName];

/** `<table-updates>` of RFC 7047 section 4.1.6 or `<table-updates2>` of ovsdb-server(7) section 4.1.14. */
export type UpdateFormat = 'update' | 'update2';

type AnyRow = Row;
type Columns = Record<string, Value>;
type Staged = Map<TableName, Map<Uuid, AnyRow | undefined>>;

function inconsistent(reason: string): never {
  throw new WeirError('ovsdb-inconsistent', `an update does not fit the replica: ${reason}`);
}

/** Columns by name from the wire; the caller has said what those that are left out hold. */
function decodeColumns(table: TableName, json: JsonValue | undefined, columns: Columns, isDifference: boolean): void {
  if (!isJsonObject(json)) inconsistent(`${excerpt(json)} is no row`);
  for (const [name, value] of Object.entries(json)) {
    if (name === '_uuid' || name === '_version') continue;
    const type = columnType(table, name);
    if (!type) inconsistent(`column ${table}.${name.slice(0, 64)} was not asked for`);
    columns[name] = isDifference ? applyDifference(type, columns[name], value) : decodeValue(type, value);
  }
}

function rowOf(table: TableName, uuid: Uuid, columns: Columns): AnyRow {
  const row: Columns = { uuid };
  for (const [name, type] of columnsOf(table)) row[name] = Object.hasOwn(columns, name) ? columns[name] : defaultValue(type);
  return Object.freeze(row) as unknown as AnyRow;
}

function sameRow(table: TableName, a: AnyRow, b: AnyRow): boolean {
  const left: Columns = a;
  const right: Columns = b;
  return columnsOf(table).every(([name]) => sameValue(left[name], right[name]));
}

/**
 * The monitored part of one switch's database. Invariant: it equals the database as of the last update received; an update
 * is applied whole or, when it does not fit, not at all. Rows are immutable, so a reader may keep one.
 */
export class Replica {
  readonly #tables = new Map<TableName, Map<Uuid, AnyRow>>(tableNames.map((table) => [table, new Map()]));
  #revision = 0;

  /** Grows with every update that changed something. */
  get revision(): number {
    return this.#revision;
  }

  rows<T extends TableName>(table: T): ReadonlyMap<Uuid, Row<T>> {
    return this.#table(table) as unknown as ReadonlyMap<Uuid, Row<T>>;
  }

  row<T extends TableName>(table: T, uuid: Uuid | undefined): Row<T> | undefined {
    return uuid === undefined ? undefined : this.rows(table).get(uuid);
  }

  find<T extends TableName>(table: T, holds: (row: Row<T>) => boolean): Row<T> | undefined {
    for (const row of this.rows(table).values()) if (holds(row)) return row;
    return undefined;
  }

  /** The one row of Open_vSwitch; undefined until `ovs-vsctl init` has made it. */
  get root(): Row<'Open_vSwitch'> | undefined {
    return this.find('Open_vSwitch', () => true);
  }

  /**
   * Applies a difference. Returns the rows that changed.
   * @throws WeirError `ovsdb-inconsistent` or `ovsdb-malformed`; the replica is then as before.
   */
  apply(format: UpdateFormat, updates: JsonValue | undefined): RowChange[] {
    const staged: Staged = new Map();
    this.#stage(format, updates, staged, (table, uuid) => this.#table(table).get(uuid));
    return this.#commit(staged);
  }

  /** Replaces everything by a whole copy of the database. Returns the rows that differ from what stood before. */
  replace(format: UpdateFormat, updates: JsonValue | undefined): RowChange[] {
    const staged: Staged = new Map();
    this.#stage(format, updates, staged, () => undefined);
    for (const table of tableNames) {
      const rows = stagedTable(staged, table);
      for (const uuid of this.#table(table).keys()) if (!rows.has(uuid)) rows.set(uuid, undefined);
    }
    return this.#commit(staged);
  }

  #table(table: TableName): Map<Uuid, AnyRow> {
    return this.#tables.get(table) as Map<Uuid, AnyRow>;
  }

  #stage(
    format: UpdateFormat,
    updates: JsonValue | undefined,
    staged: Staged,
    current: (table: TableName, uuid: Uuid) => AnyRow | undefined,
  ): void {
    if (!isJsonObject(updates)) inconsistent(`${excerpt(updates)} is no object of tables`);
    for (const [table, rows] of Object.entries(updates)) {
      if (!isTableName(table)) inconsistent(`table ${table.slice(0, 64)} was not asked for`);
      if (!isJsonObject(rows)) inconsistent(`${excerpt(rows)} is no object of rows`);
      for (const [uuid, update] of Object.entries(rows)) {
        if (!isUuid(uuid)) inconsistent(`"${uuid.slice(0, 64)}" is no UUID`);
        if (!isJsonObject(update)) inconsistent(`${excerpt(update)} is no update of a row`);
        const before = current(table, uuid);
        const after = format === 'update' ? afterUpdate(table, uuid, before, update) : afterUpdate2(table, uuid, before, update);
        stagedTable(staged, table).set(uuid, after);
      }
    }
  }

  #commit(staged: Staged): RowChange[] {
    const changes: RowChange[] = [];
    for (const [table, rows] of staged) {
      const present = this.#table(table);
      for (const [uuid, after] of rows) {
        const before = present.get(uuid);
        if (before === after || (before && after && sameRow(table, before, after))) continue;
        if (after) present.set(uuid, after);
        else present.delete(uuid);
        changes.push({ table, uuid, ...(before && { before }), ...(after && { after }) } as RowChange);
      }
    }
    if (changes.length > 0) this.#revision++;
    return changes;
  }
}

function stagedTable(staged: Staged, table: TableName): Map<Uuid, AnyRow | undefined> {
  const rows = staged.get(table) ?? new Map<Uuid, AnyRow | undefined>();
  staged.set(table, rows);
  return rows;
}

/** RFC 7047 section 4.1.6: `new` holds every monitored column; without it the row is gone. */
function afterUpdate(table: TableName, uuid: Uuid, before: AnyRow | undefined, update: JsonObject): AnyRow | undefined {
  const [isOld, isNew] = [member(update, 'old') !== undefined, member(update, 'new') !== undefined];
  if (isOld !== (before !== undefined)) inconsistent(`row ${uuid} of ${table} ${isOld ? 'is unknown' : 'stands already'}`);
  if (!isNew) return before ? undefined : inconsistent(`row ${uuid} of ${table} neither was nor is`);
  const columns: Columns = {};
  decodeColumns(table, member(update, 'new'), columns, false);
  return rowOf(table, uuid, columns);
}

/** ovsdb-server(7) section 4.1.14: exactly one of `initial`, `insert`, `delete` and `modify`. */
function afterUpdate2(table: TableName, uuid: Uuid, before: AnyRow | undefined, update: JsonObject): AnyRow | undefined {
  const [operation, ...rest] = Object.keys(update);
  if (operation === undefined || rest.length > 0) inconsistent(`${excerpt(update)} is not one operation`);
  const json = member(update, operation);
  const columns: Columns = {};
  switch (operation) {
    case 'initial':
    case 'insert':
      if (before) inconsistent(`row ${uuid} of ${table} stands already`);
      decodeColumns(table, json, columns, false);
      return rowOf(table, uuid, columns);
    case 'modify':
      if (!before) inconsistent(`row ${uuid} of ${table} is unknown`);
      Object.assign(columns, before);
      decodeColumns(table, json, columns, true);
      return rowOf(table, uuid, columns);
    case 'delete':
      return before ? undefined : inconsistent(`row ${uuid} of ${table} is unknown`);
    default:
      return inconsistent(`"${operation.slice(0, 64)}" is no operation on a row`);
  }
}
