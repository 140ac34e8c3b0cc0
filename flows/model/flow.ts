import { canonical, identical } from './canonical.ts';
import type { FilledTemplate } from './flow-template.ts';
import type { Instruction } from './instruction.ts';
import { matchKey, placedMatchKey } from './match.ts';
import type { Match } from './match.ts';

/** A bit without a name stands as `0x…`. */
export type FlowFlag =
  | 'OFPFF_SEND_FLOW_REM'
  | 'OFPFF_CHECK_OVERLAP'
  | 'OFPFF_RESET_COUNTS'
  | 'OFPFF_NO_PKT_COUNTS'
  | 'OFPFF_NO_BYT_COUNTS'
  | `0x${string}`;

/** One flow of a table. Timeouts are seconds; 0, like absence, means none. */
export interface Flow {
  readonly tableId: number;
  readonly priority: number;
  /** 64 bits. */
  readonly cookie: bigint;
  readonly match: Match;
  readonly instructions: readonly Instruction[];
  readonly idleTimeout?: number;
  readonly hardTimeout?: number;
  /** For eviction; OpenFlow 1.4 and later. */
  readonly importance?: number;
  readonly flags?: readonly FlowFlag[];
  /** Its `flowKey`, where that was made before: it is asked for at every stage. */
  readonly key?: string;
  /** Who wants it, where that was noted. */
  readonly owner?: string;
  /** It needs no group and no meter, where that was found out before. */
  readonly isFree?: boolean;
  /** What match and instructions are written from, where that is known: then nobody has to write them to send the flow. */
  readonly filled?: FilledTemplate;
}

/** What a switch identifies a flow by: table, priority and canonical match. */
export function flowKey(flow: Pick<Flow, 'tableId' | 'priority' | 'match' | 'key'>): string {
  return flow.key ?? placedMatchKey(flow.tableId, flow.priority, flow.match);
}

/** Canonical text of the instructions. Their order does not count, nor does an empty list of actions: a switch runs them in a fixed order. */
export function instructionsKey(instructions: readonly Instruction[]): string {
  const effective = instructions.filter(
    (instruction) => !((instruction.kind === 'apply_actions' || instruction.kind === 'write_actions') && instruction.actions.length === 0),
  );
  return effective.map(canonical).toSorted().join(';');
}

/** Same key, cookie and instructions. Timeouts, importance and flags do not count. */
export function flowsEqual(a: Flow, b: Flow): boolean {
  if (a.cookie !== b.cookie || a.tableId !== b.tableId || a.priority !== b.priority) return false;
  if (!identical(a.match, b.match) && matchKey(a.match) !== matchKey(b.match)) return false;
  return identical(a.instructions, b.instructions) || instructionsKey(a.instructions) === instructionsKey(b.instructions);
}
