/** What an operator wants to know of switches. Logged and counted by kind. */
export type ControllerEvent =
  | { readonly kind: 'switch-connected'; readonly host: string; readonly openflow: string; readonly address: string }
  | { readonly kind: 'switch-disconnected'; readonly host: string; readonly reason: string }
  | { readonly kind: 'switch-refused'; readonly address: string; readonly reason: string; readonly host?: string }
  | { readonly kind: 'ovsdb-connected'; readonly host: string; readonly address: string }
  | { readonly kind: 'ovsdb-disconnected'; readonly host: string; readonly reason: string }
  | { readonly kind: 'ovsdb-refused'; readonly host: string; readonly reason: string }
  /** `count` of the same error; the others before it were counted but not told. */
  | { readonly kind: 'openflow-error'; readonly host: string; readonly element: string; readonly error: string; readonly count?: number }
  | { readonly kind: 'drift-repaired'; readonly host: string; readonly what: string; readonly count: number }
  | { readonly kind: 'host-not-registered'; readonly host: string; readonly reason: string }
  | { readonly kind: 'port-bound'; readonly host: string; readonly portId: string; readonly ofport: number }
  | { readonly kind: 'port-unbound'; readonly host: string; readonly portId: string; readonly reason: string }
  /** What is installed was compared with what should be, and the difference is carried out. */
  | {
      readonly kind: 'resynced';
      readonly host: string;
      readonly revision: number;
      readonly flowsSent: number;
      readonly durationMs: number;
    };
