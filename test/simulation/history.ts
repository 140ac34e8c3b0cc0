import type { LogIndex } from '../../cluster/raft/types.ts';

/**
 * Linearizability, by a witness: the place of every operation in the applied history. Operations that follow each other in real time must follow
 * each other in it, and each read must give what stands there.
 */
export class History {
  /** The furthest place of any operation that has ended: those that begin later come behind it. */
  #reached: LogIndex = 0;
  endedWrites = 0;
  endedReads = 0;

  begin(): LogIndex {
    return this.#reached;
  }

  /** A write that began when `since` was reached is acknowledged at `index`. */
  wrote(since: LogIndex, index: LogIndex): void {
    if (index <= since) throw new Error(`a write is acknowledged at ${index}, and ${since} was acknowledged before it began`);
    this.#reached = Math.max(this.#reached, index);
    this.endedWrites++;
  }

  /** A read saw the state after `index`. */
  read(since: LogIndex, index: LogIndex, seen: string | undefined, expected: string | undefined): void {
    if (index < since) throw new Error(`a read saw the state after ${index}, and ${since} was acknowledged before it began`);
    if (seen !== expected) throw new Error(`a read at ${index} saw ${seen}, and ${expected} was written`);
    this.#reached = Math.max(this.#reached, index);
    this.endedReads++;
  }
}
