import type { Kind, PolicyNumbers, RouterNumbers, TenantNumbers, VmNumbers } from '../../policies/model/index.ts';
import { documentKey, isDocumentKey, keyOf, partsOf, policyNumbersKey, routerNumbersKey, tenantNumbersKey, vmNumbersKey } from './keys.ts';
import type { DocumentOfKind, Key } from './keys.ts';
import type { Committed, Snapshot, Stored } from './ports.ts';
import type { Cell } from './records.ts';

/** A snapshot with some cells in the place of its own; undefined: without them. The cells may still change. */
export class Overlay implements Snapshot {
  readonly #base: Snapshot;
  readonly #cells: ReadonlyMap<Key, Cell | undefined>;

  constructor(base: Snapshot, cells: ReadonlyMap<Key, Cell | undefined>) {
    this.#base = base;
    this.#cells = cells;
  }

  get revision(): number {
    return this.#base.revision;
  }

  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): Stored<K> | undefined {
    const key = documentKey(kind, tenant, name);
    if (!this.#cells.has(key)) return this.#base.get(kind, tenant, name);
    const cell = this.#cells.get(key) as Cell<DocumentOfKind<K>> | undefined;
    return cell && { document: cell.value, revision: cell.revision };
  }

  *list<K extends Kind>(kind: K, tenant?: string | null): Iterable<Stored<K>> {
    const own = new Map<Key, Stored<K> | undefined>();
    for (const key of this.#cells.keys()) {
      if (!isDocumentKey(key)) continue;
      const parts = partsOf(key);
      if (parts.kind !== kind || (tenant !== undefined && parts.tenant !== (tenant ?? undefined))) continue;
      own.set(key, this.get(kind, parts.tenant, parts.name));
    }
    if (own.size === 0) return yield* this.#base.list(kind, tenant);
    const ordered = [...own].sort(([a], [b]) => (orderOf(a) < orderOf(b) ? -1 : 1));
    let next = 0;
    for (const stored of this.#base.list(kind, tenant)) {
      const { metadata } = stored.document;
      const key: Key = documentKey(kind, metadata.tenant, metadata.name);
      for (; next < ordered.length && orderOf(ordered[next]?.[0] ?? '') < orderOf(key); next++) {
        const mine = ordered[next]?.[1];
        if (mine) yield mine;
      }
      if (!own.has(key)) yield stored;
    }
    for (; next < ordered.length; next++) {
      const mine = ordered[next]?.[1];
      if (mine) yield mine;
    }
  }

  tenantNumbers(tenant: string): TenantNumbers | undefined {
    return this.#numbers(tenantNumbersKey(tenant), () => this.#base.tenantNumbers(tenant));
  }

  routerNumbers(tenant: string | undefined, name: string): RouterNumbers | undefined {
    return this.#numbers(routerNumbersKey(tenant, name), () => this.#base.routerNumbers(tenant, name));
  }

  policyNumbers(tenant: string | undefined, name: string): PolicyNumbers | undefined {
    return this.#numbers(policyNumbersKey(tenant, name), () => this.#base.policyNumbers(tenant, name));
  }

  vmNumbers(tenant: string, name: string): VmNumbers | undefined {
    return this.#numbers(vmNumbersKey(tenant, name), () => this.#base.vmNumbers(tenant, name));
  }

  #numbers<T>(key: Key<T>, otherwise: () => T | undefined): T | undefined {
    return this.#cells.has(key) ? (this.#cells.get(key) as Cell<T> | undefined)?.value : otherwise();
  }
}

/** As `list` orders: the platform first, then tenants, then names. */
function orderOf(key: Key): string {
  const { tenant, name } = partsOf(key);
  return `${tenant ?? ''}/${name}`;
}

/** Documents as they are now, whatever is committed meanwhile, until it is let go. Numbers go on with the times. */
export class Standstill {
  readonly snapshot: Snapshot;
  readonly release: () => void;

  constructor(admission: { snapshot(): Snapshot; onCommitted(listener: (committed: Committed) => void): () => void }) {
    const before = new Map<Key, Cell | undefined>();
    this.snapshot = new Overlay(admission.snapshot(), before);
    this.release = admission.onCommitted(({ documents }) => {
      for (const { id, before: stored } of documents) {
        const key: Key = keyOf(id);
        if (!before.has(key)) before.set(key, stored && { value: stored.document, revision: stored.revision });
      }
    });
  }
}
