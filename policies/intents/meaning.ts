import type { Port, Schedule } from '../model/kinds.ts';

/**
 * What an intent means once its names are looked up: the same for every way of saying it. It is echoed (`echo.ts`), compiled
 * (`compile.ts`) and compared with other intents' (`claims.ts`).
 */
export type Meaning = { readonly scope: Scope | undefined } & (Access | Isolation | Shaping);

/** Of the platform's intents: in which tier, and for whose interfaces. A tenant's has none. */
export interface Scope {
  readonly tier: 'platform' | 'baseline';
  readonly tenants: 'all' | readonly string[];
}

export interface Access {
  readonly kind: 'access';
  readonly action: 'allow' | 'deny' | 'reject';
  readonly from: Party;
  readonly to: Party;
  readonly services: Services;
  readonly exceptions: readonly Exception[];
  readonly log: boolean;
}

/** Nothing passes between the two, either way. */
export interface Isolation {
  readonly kind: 'isolation';
  readonly subject: Party;
  /** Undefined: everything else. */
  readonly other: Party | undefined;
  readonly exceptions: readonly Exception[];
  readonly log: boolean;
}

/** The bandwidth of each interface. */
export interface Shaping {
  readonly kind: 'limit' | 'guarantee';
  readonly subject: Party;
  readonly mbps: number;
  readonly direction: 'egress' | 'ingress' | 'both';
  readonly schedule: Schedule | undefined;
}

/** What has the opposite verdict. What is undefined is as in what it excepts from. */
export interface Exception {
  readonly from: Party | undefined;
  readonly to: Party | undefined;
  readonly services: Services | undefined;
}

/** One of these; none: anything. */
export type Party = readonly End[];

/** One of these; none: everything. */
export type Services = readonly Service[];

export type End =
  /** Every address that is neither private nor link-local. */
  | { readonly kind: 'internet' }
  /** Every interface of the tenant, or of the tenants whom the platform speaks for. */
  | { readonly kind: 'own' }
  | { readonly kind: 'block'; readonly cidr: string }
  | { readonly kind: 'label'; readonly key: string; readonly value: string }
  | { readonly kind: 'network' | 'vm' | 'tenant'; readonly name: string }
  /** As a document of the intent's owner names it. A group of addresses has no interfaces. */
  | { readonly kind: 'group'; readonly name: string; readonly of: 'interfaces' | 'addresses' };

export type Service = { readonly kind: 'named'; readonly name: string } | { readonly kind: 'inline'; readonly port: Port };

/** Whether an end is addresses only: no policy can apply to it, so the rule stands with the other end alone. */
export const isAddresses = (end: End): boolean =>
  end.kind === 'internet' || end.kind === 'block' || (end.kind === 'group' && end.of === 'addresses');
