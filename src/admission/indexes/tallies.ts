import type { Document, Kind } from '../../../policies/model/index.ts';
import type { Key } from '../keys.ts';

export interface Tally {
  readonly documents: number;
  readonly networks: number;
  readonly vms: number;
  readonly interfaces: number;
  /** Policies and QoS policies. */
  readonly policies: number;
  /** The bounded estimate of budget.ts. */
  readonly flows: number;
}

type Counter = { -readonly [K in keyof Tally]: Tally[K] };

const countedAs: Partial<Readonly<Record<Kind, 'networks' | 'vms' | 'policies'>>> = {
  Network: 'networks',
  Vm: 'vms',
  Policy: 'policies',
  QosPolicy: 'policies',
};

const empty: Tally = { documents: 0, networks: 0, vms: 0, interfaces: 0, policies: 0, flows: 0 };

/** How much each owner has: the tenants and, undefined, the platform, of which only flows are counted. */
export class Tallies {
  readonly #owners = new Map<string | undefined, Counter>();
  readonly #flows = new Map<Key, number>();

  change(before: Document | undefined, after: Document | undefined): void {
    if (before !== undefined) this.#count(before, -1);
    if (after !== undefined) this.#count(after, 1);
  }

  /** What a document contributes to the estimate of its owner from now on. */
  setFlows(owner: string | undefined, key: Key, flows: number): void {
    const before = this.#flows.get(key) ?? 0;
    if (flows === 0) this.#flows.delete(key);
    else this.#flows.set(key, flows);
    this.#add(owner, { flows: flows - before });
  }

  /** What a document contributes. */
  flowsOf(key: Key): number {
    return this.#flows.get(key) ?? 0;
  }

  of(owner: string | undefined): Tally {
    return this.#owners.get(owner) ?? empty;
  }

  #count(document: Document, sign: 1 | -1): void {
    const tenant = document.metadata.tenant;
    if (tenant === undefined) return;
    const kind = countedAs[document.kind];
    this.#add(tenant, {
      documents: sign,
      ...(kind === undefined ? {} : { [kind]: sign }),
      ...(document.kind === 'Vm' ? { interfaces: sign * document.spec.interfaces.length } : {}),
    });
  }

  #add(owner: string | undefined, difference: Partial<Tally>): void {
    const counter = this.#owners.get(owner) ?? { ...empty };
    for (const [field, by] of Object.entries(difference)) counter[field as keyof Counter] += by;
    if (counter.documents === 0 && counter.flows === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, counter);
  }
}
