import type { ControllerEvent } from '../controller/ports.ts';

/**
 * What happens to switches and peers that an operator wants to know. Each is logged once and counted by kind; nothing
 * depends on them.
 */
export type Event =
  | { readonly kind: 'started'; readonly version: string }
  | { readonly kind: 'peer-cut'; readonly address: string; readonly reason: string; readonly host?: string; readonly code: string }
  | ControllerEvent;

export const eventLevel: Readonly<Record<Event['kind'], 'info' | 'warn' | 'error'>> = {
  started: 'info',
  'switch-connected': 'info',
  'switch-disconnected': 'warn',
  'switch-yielded': 'info',
  'switch-refused': 'warn',
  'peer-cut': 'warn',
  'openflow-error': 'error',
  'drift-repaired': 'warn',
  'ovsdb-connected': 'info',
  'ovsdb-disconnected': 'warn',
  'ovsdb-refused': 'error',
  'host-not-registered': 'error',
  'counters-lost': 'warn',
  'counters-unsaved': 'warn',
  'port-bound': 'info',
  'port-unbound': 'info',
  resynced: 'info',
};
