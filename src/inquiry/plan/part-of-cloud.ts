import type { Documents } from '../../../policies/index.ts';
import type { Kind } from '../../../policies/model/index.ts';
import type { Snapshot, Stored } from '../../admission/index.ts';

/** Kinds of the platform that stand alone: all of them are in every part. */
const everywhere: ReadonlySet<Kind> = new Set<Kind>(['Host']);

/** A cloud in which only some tenants have anything, beside what is the platform's. What is asked for by name is there as ever. */
export class PartOfCloud implements Documents {
  readonly #whole: Snapshot;
  readonly #tenants: readonly string[];

  constructor(whole: Snapshot, tenants: ReadonlySet<string>) {
    this.#whole = whole;
    this.#tenants = [...tenants].sort();
  }

  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): Stored<K> | undefined {
    return this.#whole.get(kind, tenant, name);
  }

  *list<K extends Kind>(kind: K, tenant?: string): Iterable<Stored<K>> {
    if (tenant !== undefined) yield* this.#whole.list(kind, tenant);
    else if (everywhere.has(kind)) yield* this.#whole.list(kind);
    else if (kind === 'Tenant') {
      for (const name of this.#tenants) {
        const stored = this.#whole.get(kind, undefined, name);
        if (stored) yield stored;
      }
    } else {
      yield* this.#whole.list(kind, null);
      for (const owner of this.#tenants) yield* this.#whole.list(kind, owner);
    }
  }

  tenantNumbers(tenant: string): ReturnType<Snapshot['tenantNumbers']> {
    return this.#whole.tenantNumbers(tenant);
  }

  routerNumbers(tenant: string | undefined, name: string): ReturnType<Snapshot['routerNumbers']> {
    return this.#whole.routerNumbers(tenant, name);
  }

  policyNumbers(tenant: string | undefined, name: string): ReturnType<Snapshot['policyNumbers']> {
    return this.#whole.policyNumbers(tenant, name);
  }

  vmNumbers(tenant: string, name: string): ReturnType<Snapshot['vmNumbers']> {
    return this.#whole.vmNumbers(tenant, name);
  }
}
