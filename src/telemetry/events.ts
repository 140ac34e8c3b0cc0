/**
 * What happens to switches and peers that an operator wants to know. Each is logged once and counted by kind; nothing
 * depends on them.
 */
export type Event =
  | { readonly kind: 'started'; readonly version: string }
  | { readonly kind: 'switch-connected'; readonly host: string; readonly openflow: string; readonly address: string }
  | { readonly kind: 'switch-disconnected'; readonly host: string; readonly reason: string }
  | { readonly kind: 'switch-refused'; readonly address: string; readonly reason: string; readonly host?: string }
  | { readonly kind: 'peer-cut'; readonly address: string; readonly reason: string; readonly host?: string; readonly code: string }
  /** `count` when it stands for several of the same. */
  | { readonly kind: 'openflow-error'; readonly host: string; readonly element: string; readonly error: string; readonly count?: number }
  | { readonly kind: 'drift-repaired'; readonly host: string; readonly what: string; readonly count: number }
  | { readonly kind: 'ovsdb-connected'; readonly host: string; readonly address: string }
  | { readonly kind: 'ovsdb-disconnected'; readonly host: string; readonly reason: string }
  | { readonly kind: 'ovsdb-refused'; readonly host: string; readonly reason: string }
  | { readonly kind: 'host-not-registered'; readonly host: string; readonly reason: string }
  | { readonly kind: 'port-bound'; readonly host: string; readonly portId: string; readonly ofport: number }
  | { readonly kind: 'port-unbound'; readonly host: string; readonly portId: string; readonly reason: string }
  | {
      readonly kind: 'resynced';
      readonly host: string;
      readonly revision: number;
      readonly flowsSent: number;
      readonly durationMs: number;
    };

export const eventLevel: Readonly<Record<Event['kind'], 'info' | 'warn' | 'error'>> = {
  started: 'info',
  'switch-connected': 'info',
  'switch-disconnected': 'warn',
  'switch-refused': 'warn',
  'peer-cut': 'warn',
  'openflow-error': 'error',
  'drift-repaired': 'warn',
  'ovsdb-connected': 'info',
  'ovsdb-disconnected': 'warn',
  'ovsdb-refused': 'error',
  'host-not-registered': 'error',
  'port-bound': 'info',
  'port-unbound': 'info',
  resynced: 'info',
};
