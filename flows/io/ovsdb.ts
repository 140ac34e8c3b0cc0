/** The door to switches' databases: sockets, TLS and timers of `flows/ovsdb`. */
export type { EndCode, OvsdbConnection, OvsdbEnd, OvsdbHandlers, OvsdbOptions } from './ovsdb-connection.ts';
export { dialOvsdb } from './ovsdb-dial.ts';
export type { DialOptions, OvsdbDialer, OvsdbTarget } from './ovsdb-dial.ts';
export { listenOvsdb } from './ovsdb-listener.ts';
export type { ListenOptions, OvsdbListener } from './ovsdb-listener.ts';
export type { OvsdbTls } from './ovsdb-tls.ts';
