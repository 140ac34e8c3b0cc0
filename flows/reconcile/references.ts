import type { Action, Flow } from '../model/index.ts';

/** Something that a flow cannot do without: a switch refuses the flow, at COMMIT, when it is missing, and deletes the flow with it. */
export interface Reference {
  readonly kind: 'group' | 'meter';
  readonly id: number;
}

type Lacks = (kind: Reference['kind'], id: number) => boolean;

function inActions(actions: readonly Action[], lacks: Lacks): Reference | undefined {
  for (const action of actions) {
    if (action.kind === 'group' && lacks('group', action.groupId)) return { kind: 'group', id: action.groupId };
    if (action.kind === 'controller2' && action.meterId !== undefined && lacks('meter', action.meterId))
      return { kind: 'meter', id: action.meterId };
    if (action.kind === 'meter' && lacks('meter', action.meterId)) return { kind: 'meter', id: action.meterId };
    if (action.kind === 'clone' || action.kind === 'ct') {
      const inner = inActions(action.actions, lacks);
      if (inner) return inner;
    }
  }
  return undefined;
}

/** The first group or meter of the flow for which `lacks` is true. */
export function firstLacking(flow: Flow, lacks: Lacks): Reference | undefined {
  for (const instruction of flow.instructions) {
    if (instruction.kind === 'meter' && lacks('meter', instruction.meterId)) return { kind: 'meter', id: instruction.meterId };
    if (instruction.kind === 'apply_actions' || instruction.kind === 'write_actions') {
      const found = inActions(instruction.actions, lacks);
      if (found) return found;
    }
  }
  return undefined;
}

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
