import type { Action } from './action.ts';

export type Instruction =
  | { readonly kind: 'goto_table'; readonly tableId: number }
  | { readonly kind: 'write_metadata'; readonly metadata: bigint; readonly mask: bigint }
  | { readonly kind: 'write_actions'; readonly actions: readonly Action[] }
  | { readonly kind: 'apply_actions'; readonly actions: readonly Action[] }
  | { readonly kind: 'clear_actions' }
  /** On 1.5 the first action of `apply_actions`; the codec maps both ways, so that one flow is equal on every version. */
  | { readonly kind: 'meter'; readonly meterId: number }
  /** Whole instruction as it stands on the wire, hexadecimal. */
  | { readonly kind: 'unknown'; readonly bytes: string };

export type InstructionKind = Instruction['kind'];
