import type { Revision } from '../../cluster/index.ts';
import type { Kind, PolicyNumbers, RouterNumbers, TenantNumbers, VmNumbers } from '../../policies/model/index.ts';
import { documentKey, isDocumentKey, partsOf, policyNumbersKey, routerNumbersKey, tenantNumbersKey, vmNumbersKey } from './keys.ts';
import type { DocumentOfKind, Key } from './keys.ts';
import { Names } from './names.ts';
import type { Snapshot, Stored } from './ports.ts';

/** A parsed value and the revision that wrote it. Never changed, only replaced. */
export interface Cell<T = unknown> {
  readonly value: T;
  readonly revision: Revision;
}

/** What the store holds, parsed, in memory. */
export class Records implements Snapshot {
  revision: Revision = 0;
  readonly #cells = new Map<Key, Cell>();
  readonly #names = new Names();

  cell<T>(key: Key<T>): Cell<T> | undefined {
    return this.#cells.get(key) as Cell<T> | undefined;
  }

  /** Undefined removes. */
  write(key: Key, cell: Cell | undefined): void {
    const before = this.#cells.get(key);
    if (cell === undefined) this.#cells.delete(key);
    else this.#cells.set(key, cell);
    if (isDocumentKey(key) && (before === undefined) !== (cell === undefined)) this.#names.change(partsOf(key), cell !== undefined);
  }

  cells(): IterableIterator<[Key, Cell]> {
    return this.#cells.entries();
  }

  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): Stored<K> | undefined {
    const cell = this.cell(documentKey(kind, tenant, name));
    return cell === undefined ? undefined : { document: cell.value, revision: cell.revision };
  }

  *list<K extends Kind>(kind: K, tenant?: string | null): Iterable<Stored<K>> {
    for (const owner of tenant === undefined ? this.#names.owners(kind) : [tenant ?? undefined]) {
      for (const name of this.#names.of(kind, owner)) {
        const stored = this.get(kind, owner, name);
        if (stored !== undefined) yield stored;
      }
    }
  }

  count(kind: Kind, tenant: string | undefined): number {
    return this.#names.count(kind, tenant);
  }

  tenantNumbers(tenant: string): TenantNumbers | undefined {
    return this.cell(tenantNumbersKey(tenant))?.value;
  }

  routerNumbers(tenant: string | undefined, name: string): RouterNumbers | undefined {
    return this.cell(routerNumbersKey(tenant, name))?.value;
  }

  policyNumbers(tenant: string | undefined, name: string): PolicyNumbers | undefined {
    return this.cell(policyNumbersKey(tenant, name))?.value;
  }

  vmNumbers(tenant: string, name: string): VmNumbers | undefined {
    return this.cell(vmNumbersKey(tenant, name))?.value;
  }
}

export const storedOf = <K extends Kind>(cell: Cell<DocumentOfKind<K>> | undefined): Stored<K> | undefined =>
  cell === undefined ? undefined : { document: cell.value, revision: cell.revision };
