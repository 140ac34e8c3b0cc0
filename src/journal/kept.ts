import type { LogRecord } from './ports.ts';

/**
 * The last records, in memory: so many of each tenant, so many in all. When there are too many in all, the tenant with the most gives
 * its oldest, so that one that logs much pushes out its own and nobody else's.
 */
export class KeptRecords {
  readonly #eachMax: number;
  readonly #allMax: number;
  readonly #tenants = new Map<string, LogRecord[]>();
  #count = 0;

  constructor(options: { readonly eachMax: number; readonly allMax: number }) {
    this.#eachMax = options.eachMax;
    this.#allMax = options.allMax;
  }

  add(record: LogRecord): void {
    const own = this.#tenants.get(record.tenant) ?? [];
    this.#tenants.set(record.tenant, own);
    own.push(record);
    this.#count++;
    if (own.length > this.#eachMax) this.#forgetOldest(record.tenant, own);
    if (this.#count > this.#allMax) this.#forgetOfLargest();
  }

  /** See `PolicyLog.read`. */
  read(tenant: string | undefined, since: number | undefined, limit: number): readonly LogRecord[] {
    const all =
      tenant === undefined ? [...this.#tenants.values()].flat().toSorted((a, b) => a.id - b.id) : (this.#tenants.get(tenant) ?? []);
    if (since === undefined) return all.slice(-limit);
    const behind = all.findIndex(({ id }) => id > since);
    return behind < 0 ? [] : all.slice(behind, behind + limit);
  }

  #forgetOfLargest(): void {
    let largest: readonly [string, LogRecord[]] | undefined;
    for (const entry of this.#tenants) if (largest === undefined || entry[1].length > largest[1].length) largest = entry;
    if (largest) this.#forgetOldest(...largest);
  }

  #forgetOldest(tenant: string, own: LogRecord[]): void {
    own.shift();
    this.#count--;
    if (own.length === 0) this.#tenants.delete(tenant);
  }
}
