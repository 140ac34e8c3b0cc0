import type { Reconciler, Refused } from '../../flows/reconcile/index.ts';
import type { HostFlows } from './desired.ts';
import type { SwitchError } from './ports.ts';

/** What a switch does not take, as users see it: by the element that wants it. It is there until the switch takes it. */
export class Refusals {
  readonly #reconciler: Reconciler;
  readonly #flows: HostFlows;
  /** When each was refused last, ISO 8601. */
  readonly #at = new Map<string, string>();

  constructor(reconciler: Reconciler, flows: HostFlows) {
    this.#reconciler = reconciler;
    this.#flows = flows;
  }

  note(refused: readonly Refused[], at: string): void {
    if (this.#at.size > 2 * this.#size + refused.length) this.#prune();
    for (const { kind, key } of refused) this.#at.set(`${kind} ${key}`, at);
  }

  /** The element that wants a flow, group or meter; its own name when nobody does, so that it could not be deleted. */
  elementOf({ kind, key }: Pick<Refused, 'kind' | 'key'>): string {
    const owner = kind === 'flow' ? this.#reconciler.flows.desired.get(String(key))?.owner : this.#flows.ownerOfMeter(Number(key));
    return kind === 'group' || owner === undefined ? `${kind}/${key}` : owner;
  }

  list(): Omit<SwitchError, 'host'>[] {
    return [...this.#refused()].map(({ kind, key, error }) => ({
      element: this.elementOf({ kind, key }),
      error,
      at: this.#at.get(`${kind} ${key}`) ?? '',
    }));
  }

  /** Of all hosts those that never refused anything are told at once. */
  get isEmpty(): boolean {
    return this.#at.size === 0 || this.#size === 0;
  }

  get #size(): number {
    const { flows, groups, meters } = this.#reconciler;
    return flows.refused.size + groups.refused.size + meters.refused.size;
  }

  *#refused(): Iterable<Pick<Refused, 'kind' | 'key' | 'error'>> {
    const { flows, groups, meters } = this.#reconciler;
    for (const [key, { error }] of flows.refused) yield { kind: 'flow', key, error };
    for (const [key, { error }] of groups.refused) yield { kind: 'group', key, error };
    for (const [key, { error }] of meters.refused) yield { kind: 'meter', key, error };
  }

  #prune(): void {
    const present = new Set([...this.#refused()].map(({ kind, key }) => `${kind} ${key}`));
    for (const name of this.#at.keys()) if (!present.has(name)) this.#at.delete(name);
  }
}
