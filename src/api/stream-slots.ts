import type { Caller } from './caller.ts';
import { ProblemError } from './problem.ts';

export interface StreamSlotsOptions {
  /** What one more of them is, in the plural. */
  readonly what: string;
  readonly max: number;
  /** Of one tenant, by whichever of its tokens. */
  readonly perTenantMax: number;
}

/** What all tenants together leave to those who run the cloud. */
const operatorsShare = 0.1;

/**
 * Streams stay open as long as their readers like. One tenant takes no more than its share, and all tenants together leave some for
 * whoever operates.
 */
export class StreamSlots {
  readonly #options: StreamSlotsOptions;
  readonly #ofTenant = new Map<string, number>();
  #open = 0;
  #ofTenants = 0;

  constructor(options: StreamSlotsOptions) {
    this.#options = options;
  }

  /** @returns what gives the slot back, once. Throws a ProblemError `rate-limited` when there is none for the caller. */
  take(caller: Caller): () => void {
    const tenant = caller.role === 'tenant' ? caller.tenant : undefined;
    this.#check(tenant);
    this.#count(tenant, 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#count(tenant, -1);
      isTaken = false;
    };
  }

  #check(tenant: string | undefined): void {
    const { what, max, perTenantMax } = this.#options;
    if (tenant !== undefined && (this.#ofTenant.get(tenant) ?? 0) >= perTenantMax) {
      throw full(`tenant ${tenant} has ${perTenantMax} ${what} open, as many as one tenant may`);
    }
    const isFull = this.#open >= max || (tenant !== undefined && this.#ofTenants >= Math.ceil(max * (1 - operatorsShare)));
    if (isFull) throw full(`as many ${what} are open as there may be`);
  }

  #count(tenant: string | undefined, change: 1 | -1): void {
    this.#open += change;
    if (tenant === undefined) return;
    this.#ofTenants += change;
    const own = (this.#ofTenant.get(tenant) ?? 0) + change;
    if (own > 0) this.#ofTenant.set(tenant, own);
    else this.#ofTenant.delete(tenant);
  }
}

const full = (detail: string): ProblemError => new ProblemError('rate-limited', detail, { headers: { 'retry-after': '5' } });
