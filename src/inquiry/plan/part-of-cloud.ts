import type { Change, Documents } from '../../../policies/index.ts';
import type { Kind } from '../../../policies/model/index.ts';
import type { Snapshot, Stored } from '../../admission/index.ts';

const ownedKinds: readonly Kind[] = ['Router', 'Network', 'Vm', 'QosPolicy', 'Policy'];

/** A cloud in which only some tenants have anything, beside what is the platform's. What is asked for by name is there as ever. */
export class PartOfCloud implements Documents {
  readonly #whole: Snapshot;
  readonly #tenants: Set<string>;

  constructor(whole: Snapshot, tenants: ReadonlySet<string> = new Set()) {
    this.#whole = whole;
    this.#tenants = new Set([...tenants].sort());
  }

  /** Another tenant is in the part from now on. @returns what comes with it */
  admit(tenant: string): Change {
    this.#tenants.add(tenant);
    const id = { kind: 'Tenant', tenant: undefined, name: tenant } as const;
    const own = ownedKinds.flatMap((kind) =>
      [...this.#whole.list(kind, tenant)].map(({ document }) => ({ id: { kind, tenant, name: document.metadata.name } })),
    );
    const shared = [...this.#whole.list('Policy', null)].map(({ document }) => ({
      id: { kind: 'Policy' as const, tenant: undefined, name: document.metadata.name },
    }));
    return { documents: [{ id }, ...own, ...shared], numbers: [] };
  }

  /** The same part of another whole. */
  over(whole: Snapshot): PartOfCloud {
    return new PartOfCloud(whole, this.#tenants);
  }

  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): Stored<K> | undefined {
    return this.#whole.get(kind, tenant, name);
  }

  *list<K extends Kind>(kind: K, tenant?: string | null): Iterable<Stored<K>> {
    if (tenant !== undefined) yield* this.#whole.list(kind, tenant);
    else if (kind === 'Host') yield* this.#whole.list(kind);
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
