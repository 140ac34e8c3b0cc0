import { WeirError } from '../../src/base/errors.ts';
import type { ColumnType } from './column.ts';
import { isJsonObject, member } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { columnsOf, optionalColumns, tableNames } from './tables.ts';
import type { TableName } from './tables.ts';

/** Columns to monitor: ours, less those that an older schema lacks. */
export interface MonitoredColumns {
  readonly columns: Readonly<Record<TableName, readonly string[]>>;
}

function unsuitable(reason: string): never {
  throw new WeirError('ovsdb-schema', `the schema of the database does not serve: ${reason}`);
}

/** RFC 7047 section 3.2, `<base-type>`: a name or an object with the name in `type`. */
function atomKindOf(base: JsonValue | undefined): JsonValue | undefined {
  return isJsonObject(base) ? member(base, 'type') : base;
}

/** Whether the schema's `<type>` holds what our column type says. */
function typeServes(type: JsonValue | undefined, ours: ColumnType): boolean {
  if (!isJsonObject(type)) return ours.kind === 'scalar' && type === ours.key;
  if (atomKindOf(member(type, 'key')) !== ours.key) return false;
  const value = atomKindOf(member(type, 'value'));
  if (ours.kind === 'map') return value === ours.value;
  if (value !== undefined) return false;
  const countMin = member(type, 'min') ?? 1;
  const countMax = member(type, 'max') ?? 1;
  if (ours.kind === 'set') return countMax === 'unlimited' || Number(countMax) > 1;
  return countMax === 1 && countMin === (ours.kind === 'scalar' ? 1 : 0);
}

function monitoredOf(table: TableName, tables: JsonObject): string[] {
  const declared = member(tables, table);
  const columns = isJsonObject(declared) ? member(declared, 'columns') : undefined;
  if (!isJsonObject(columns)) unsuitable(`it has no table ${table}`);
  const present: string[] = [];
  for (const [column, ours] of columnsOf(table)) {
    const schema = member(columns, column);
    if (schema === undefined && optionalColumns.has(`${table}.${column}`)) continue;
    if (!isJsonObject(schema)) unsuitable(`table ${table} has no column ${column}`);
    if (!typeServes(member(schema, 'type'), ours)) unsuitable(`column ${table}.${column} is no ${ours.kind} of ${ours.key}`);
    present.push(column);
  }
  return present;
}

/**
 * What can be monitored under this schema (RFC 7047 section 3.2, the reply to get_schema). Every type is checked here, once,
 * so that rows are typed behind it whatever a peer sends.
 * @throws WeirError `ovsdb-schema` when a table or column that Weir needs is missing or of another type.
 */
export function monitoredColumns(schema: JsonValue): MonitoredColumns {
  const tables = isJsonObject(schema) ? member(schema, 'tables') : undefined;
  if (!isJsonObject(schema) || !isJsonObject(tables)) unsuitable('it is no schema');
  const columns = Object.fromEntries(tableNames.map((table) => [table, monitoredOf(table, tables)]));
  return { columns: columns as Record<TableName, string[]> };
}
