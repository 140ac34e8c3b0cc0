import type { Flow } from '../model/index.ts';
import { entryTable, isOfPipeline } from '../pipeline/index.ts';

/**
 * For how long another version of the pipeline stays after the last port has left it: a packet that is held by connection tracking goes on in the tables
 * that it came from, and the datapath goes on for a moment as it did before.
 */
const graceMs = 2_000;

/** Whether packets on the switch go through another version of the pipeline than ours, as its entry says, or did a moment ago. */
export class Entrance {
  /** Flows of the entry that lead there. */
  #leading = 0;
  #neededUntilMs = -Infinity;

  forget(): void {
    this.#leading = 0;
    this.#neededUntilMs = -Infinity;
  }

  /** What stands on the switch under one key. */
  installedChanged(before: Flow | undefined, after: Flow | undefined): void {
    if (leavesAnother(before)) this.#leading--;
    if (leavesAnother(after)) this.#leading++;
  }

  /** Flows that led there were replaced. */
  left(nowMs: number): void {
    this.#neededUntilMs = nowMs + graceMs;
  }

  get isElsewhere(): boolean {
    return this.#leading > 0;
  }

  /** Whether what stands in the tables of another version may still be needed. */
  isLingering(nowMs: number): boolean {
    return this.isElsewhere || nowMs < this.#neededUntilMs;
  }
}

/** A flow of the entry that leads into another version of the pipeline. */
export function leavesAnother(flow: Flow | undefined): boolean {
  if (flow?.tableId !== entryTable) return false;
  return flow.instructions.some((instruction) => instruction.kind === 'goto_table' && !isOfPipeline(instruction.tableId));
}

/** A deletion in a table of another version. */
export const isOfAnother = ({
  desired,
  installed,
}: {
  readonly desired: Flow | undefined;
  readonly installed: Flow | undefined;
}): boolean => desired === undefined && installed !== undefined && !isOfPipeline(installed.tableId);
