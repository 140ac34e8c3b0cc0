import { firstLacking } from '../model/index.ts';
import type { Flow, Reference } from '../model/index.ts';

/** Installed flows by the groups and meters that they need: what goes with one is found without a look at all others. */
export class Dependents {
  readonly #needs = new Map<Flow, readonly string[]>();
  readonly #users = new Map<string, Set<Flow>>();

  add(flow: Flow): void {
    let needs: string[] | undefined;
    firstLacking(flow, (kind, id) => {
      (needs ??= []).push(nameOf({ kind, id }));
      return false;
    });
    if (!needs) return;
    this.#needs.set(flow, needs);
    for (const name of needs) {
      const users = this.#users.get(name);
      if (users) users.add(flow);
      else this.#users.set(name, new Set([flow]));
    }
  }

  delete(flow: Flow): void {
    for (const name of this.#needs.get(flow) ?? []) {
      const users = this.#users.get(name);
      users?.delete(flow);
      if (users?.size === 0) this.#users.delete(name);
    }
    this.#needs.delete(flow);
  }

  of(reference: Reference): readonly Flow[] {
    return [...(this.#users.get(nameOf(reference)) ?? [])];
  }

  clear(): void {
    this.#needs.clear();
    this.#users.clear();
  }
}

const nameOf = ({ kind, id }: Reference): string => `${kind} ${id}`;
