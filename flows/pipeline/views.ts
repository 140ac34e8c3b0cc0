import type { Flow } from '../model/index.ts';
import { registers } from './registers.ts';
import { tables } from './tables.ts';

/**
 * What a flow has to do with one tenant in one view (`tenantInView`): it lets an interface in, so that its packets are judged there, or it
 * judges packets that were let in. Undefined: it concerns everybody.
 */
export interface Concern {
  readonly kind: 'admits' | 'judges';
  readonly view: number;
  /** It is a part of the policy, not of who is where. */
  readonly isPolicy: boolean;
}

export function concernOf(flow: Pick<Flow, 'tableId' | 'match' | 'instructions'>): Concern | undefined {
  if (flow.tableId === tables.local.id) {
    const view = admittedTo(flow);
    return view === undefined ? undefined : { kind: 'admits', view, isPolicy: false };
  }
  if (flow.tableId < tables.identity.id || flow.tableId > tables.accounting.id) return undefined;
  for (const condition of flow.match) {
    if (condition.field !== registers.tenant || !('value' in condition) || condition.mask !== undefined) continue;
    return { kind: 'judges', view: Number(condition.value), isPolicy: flow.tableId >= tables.egressPlatform.id };
  }
  return undefined;
}

/** The tenant in its view to which a flow of `local` hands packets; undefined for another flow. */
export function admittedTo({ tableId, instructions }: Pick<Flow, 'tableId' | 'instructions'>): number | undefined {
  if (tableId !== tables.local.id) return undefined;
  for (const instruction of instructions) {
    if (instruction.kind !== 'apply_actions') continue;
    for (const action of instruction.actions)
      if (action.kind === 'set_field' && action.field === registers.tenant) return Number(action.value);
  }
  return undefined;
}
