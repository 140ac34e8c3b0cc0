import type { Action } from './action.ts';
import type { Flow } from './flow.ts';

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
export function firstLacking(flow: Pick<Flow, 'instructions' | 'isFree'>, lacks: Lacks): Reference | undefined {
  if (flow.isFree === true) return undefined;
  for (const instruction of flow.instructions) {
    if (instruction.kind === 'meter' && lacks('meter', instruction.meterId)) return { kind: 'meter', id: instruction.meterId };
    if (instruction.kind === 'apply_actions' || instruction.kind === 'write_actions') {
      const found = inActions(instruction.actions, lacks);
      if (found) return found;
    }
  }
  return undefined;
}

/** Whether the flow needs no group and no meter. */
export const isFree = (flow: Pick<Flow, 'instructions' | 'isFree'>): boolean => firstLacking(flow, () => true) === undefined;
