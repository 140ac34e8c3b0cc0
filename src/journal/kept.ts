import type { LogRecord } from './ports.ts';

/** The line of all records may have so many more than are kept, by their number. */
const forgottenShareMax = 0.25;
const forgottenMin = 64;

/**
 * The last records, in memory: so many of each tenant, so many in all. When there are too many in all, the tenant with the most gives
 * its oldest, so that one that logs much pushes out its own and nobody else's. Records come with rising ids.
 */
export class KeptRecords {
  readonly #eachMax: number;
  readonly #allMax: number;
  readonly #tenants = new Map<string, LogRecord[]>();
  /** Of all tenants, in the order they came, with some that are forgotten: those before the first that their tenant still has. */
  #line: LogRecord[] = [];
  #count = 0;

  constructor(options: { readonly eachMax: number; readonly allMax: number }) {
    this.#eachMax = options.eachMax;
    this.#allMax = options.allMax;
  }

  add(record: LogRecord): void {
    const own = this.#tenants.get(record.tenant) ?? [];
    this.#tenants.set(record.tenant, own);
    own.push(record);
    this.#line.push(record);
    this.#count++;
    if (own.length > this.#eachMax) this.#forgetOldest(record.tenant, own);
    if (this.#count > this.#allMax) this.#forgetOfLargest();
    if (this.#line.length > this.#count * (1 + forgottenShareMax) + forgottenMin) this.#line = this.#line.filter((each) => this.#has(each));
  }

  /** See `PolicyLog.read`. */
  read(tenant: string | undefined, since: number | undefined, limit: number): readonly LogRecord[] {
    if (tenant === undefined) return this.#readLine(since, limit);
    const own = this.#tenants.get(tenant) ?? [];
    if (since === undefined) return own.slice(-limit);
    const behind = firstBehind(own, since);
    return own.slice(behind, behind + limit);
  }

  #readLine(since: number | undefined, limit: number): readonly LogRecord[] {
    const step = since === undefined ? -1 : 1;
    const found: LogRecord[] = [];
    for (let at = since === undefined ? this.#line.length - 1 : firstBehind(this.#line, since); found.length < limit; at += step) {
      const record = this.#line[at];
      if (record === undefined) break;
      if (this.#has(record)) found.push(record);
    }
    return step < 0 ? found.toReversed() : found;
  }

  /** A tenant forgets its oldest first. */
  #has({ tenant, id }: LogRecord): boolean {
    const [first] = this.#tenants.get(tenant) ?? [];
    return first !== undefined && first.id <= id;
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

/** Where the records behind one begin. */
function firstBehind(records: readonly LogRecord[], since: number): number {
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.id ?? Infinity) > since) high = middle;
    else low = middle + 1;
  }
  return low;
}
