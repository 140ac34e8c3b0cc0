/**
 * A sentence as the grammar reads it, before any name is looked up: what `parser.js` gives. `at` is where a part stands in the
 * text, in UTF-16 units, so that what is wrong with it can be shown.
 */
export type Sentence =
  | (Said & {
      readonly kind: 'access';
      readonly action: 'allow' | 'deny' | 'reject';
      readonly from: readonly Term[];
      readonly to: readonly Term[];
      readonly services: readonly ServiceTerm[];
      readonly exceptions: readonly ExceptionClause[];
      readonly log: true | null;
    })
  /** "let only web reach databases on postgresql", "let databases reach the internet on https only". */
  | (Said & {
      readonly kind: 'only-from' | 'only-on';
      readonly from: readonly Term[];
      readonly to: readonly Term[];
      readonly services: readonly ServiceTerm[];
      readonly log: true | null;
    })
  | (Said & {
      readonly kind: 'isolation';
      readonly from: readonly Term[];
      /** Empty, or `any`: everything else. */
      readonly to: readonly Term[];
      readonly exceptions: readonly ExceptionClause[];
      readonly log: true | null;
    })
  | (Said & {
      readonly kind: 'limit' | 'guarantee';
      readonly subject: readonly Term[];
      readonly rate: { readonly kbps: number; readonly at: Span };
      readonly direction: 'egress' | 'ingress' | 'both';
      readonly window: WindowClause | null;
    });

interface Said {
  readonly scope: ScopeClause | null;
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

interface Placed {
  readonly at: Span;
}

/** Whom the platform speaks for; no tenants: all. */
export interface ScopeClause extends Placed {
  readonly baseline: boolean;
  readonly tenants: readonly ({ readonly name: string } & Placed)[];
}

export type Term = Placed &
  (
    | { readonly kind: 'any' | 'internet' | 'own' }
    | { readonly kind: 'block'; readonly cidr: string }
    | { readonly kind: 'label'; readonly key: string; readonly value: string }
    | { readonly kind: 'group' | 'network' | 'vm' | 'tenant'; readonly name: string }
    | { readonly kind: 'phrase'; readonly words: readonly string[] }
  );

export type ServiceTerm = Placed &
  (
    | {
        readonly kind: 'ports';
        readonly protocols: readonly ('tcp' | 'udp' | 'sctp')[];
        readonly ports: readonly { readonly first: number; readonly last: number }[];
      }
    | { readonly kind: 'icmp'; readonly protocol: 'icmp' | 'icmpv6'; readonly type: number | null; readonly code: number | null }
    | { readonly kind: 'service'; readonly name: string }
    | { readonly kind: 'phrase'; readonly words: readonly string[] }
  );

/** What is empty is as in the sentence that it excepts from. */
export interface ExceptionClause {
  readonly from: readonly Term[];
  readonly to: readonly Term[];
  readonly services: readonly ServiceTerm[];
}

export interface WindowClause {
  readonly from: { readonly text: string } & Placed;
  readonly to: { readonly text: string } & Placed;
  readonly timezone: ({ readonly text: string } & Placed) | null;
  readonly days: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[];
}
