import { map, optional, scalar, set } from './column.ts';
import type { ColumnType, Uuid, ValueOf } from './column.ts';

/**
 * What Weir reads of a switch's database, as data: one declared line per column (ovs-vswitchd.conf.db(5)).
 * Columns that change all the time (statistics, status) are left out. A column in `optionalColumns` may be missing from an older
 * schema and then holds its default.
 */
const commonIds = { external_ids: map('string', 'string') } as const;

export const switchTables = {
  Open_vSwitch: {
    ...commonIds,
    bridges: set('uuid'),
    manager_options: set('uuid'),
    other_config: map('string', 'string'),
    next_cfg: scalar('integer'),
    cur_cfg: scalar('integer'),
    ovs_version: optional('string'),
    datapath_types: set('string'),
    iface_types: set('string'),
  },
  Bridge: {
    ...commonIds,
    name: scalar('string'),
    ports: set('uuid'),
    controller: set('uuid'),
    datapath_id: optional('string'),
    datapath_type: scalar('string'),
    fail_mode: optional('string'),
    protocols: set('string'),
    other_config: map('string', 'string'),
  },
  Port: {
    ...commonIds,
    name: scalar('string'),
    interfaces: set('uuid'),
    tag: optional('integer'),
    qos: optional('uuid'),
  },
  Interface: {
    ...commonIds,
    name: scalar('string'),
    type: scalar('string'),
    options: map('string', 'string'),
    ofport: optional('integer'),
    ofport_request: optional('integer'),
    mac_in_use: optional('string'),
    admin_state: optional('string'),
    link_state: optional('string'),
    mtu: optional('integer'),
    error: optional('string'),
  },
  Controller: {
    ...commonIds,
    target: scalar('string'),
    connection_mode: optional('string'),
    max_backoff: optional('integer'),
    inactivity_probe: optional('integer'),
    controller_rate_limit: optional('integer'),
    controller_burst_limit: optional('integer'),
    is_connected: scalar('boolean'),
    role: optional('string'),
  },
  Manager: {
    ...commonIds,
    target: scalar('string'),
    connection_mode: optional('string'),
    max_backoff: optional('integer'),
    inactivity_probe: optional('integer'),
    is_connected: scalar('boolean'),
  },
  QoS: {
    ...commonIds,
    type: scalar('string'),
    queues: map('integer', 'uuid'),
    other_config: map('string', 'string'),
  },
  Queue: {
    ...commonIds,
    dscp: optional('integer'),
    other_config: map('string', 'string'),
  },
} as const satisfies Record<string, Record<string, ColumnType>>;

export type TableName = keyof typeof switchTables;
export type ColumnName<T extends TableName> = keyof (typeof switchTables)[T] & string;

/** One row, immutable. A change makes a new one. */
export type Row<T extends TableName = TableName> = { readonly uuid: Uuid } & {
  readonly [C in keyof (typeof switchTables)[T]]: (typeof switchTables)[T][C] extends ColumnType
    ? ValueOf<(typeof switchTables)[T][C]>
    : never;
};

export const tableNames = Object.keys(switchTables) as TableName[];

export const databaseName = 'Open_vSwitch';

/** Columns that came after Open vSwitch 2.5 (schema 7.12), the oldest that is understood. */
export const optionalColumns: ReadonlySet<string> = new Set([
  'Open_vSwitch.datapath_types',
  'Open_vSwitch.iface_types',
  'Interface.mtu',
  'Interface.error',
]);

export function columnsOf(table: TableName): readonly (readonly [string, ColumnType])[] {
  return Object.entries(switchTables[table]);
}

export function columnType(table: TableName, column: string): ColumnType | undefined {
  const columns: Readonly<Record<string, ColumnType>> = switchTables[table];
  return Object.hasOwn(columns, column) ? columns[column] : undefined;
}

export function isTableName(name: string): name is TableName {
  return Object.hasOwn(switchTables, name);
}
