import { WeirError } from '../../src/base/errors.ts';
import type { LogIndex } from '../raft/types.ts';

interface Asked {
  readonly resolve: (index: LogIndex) => void;
  readonly reject: (error: WeirError) => void;
  readonly timer: NodeJS.Timeout;
}

const answerMsMax = 1_000;

export const noLeader = (): WeirError => new WeirError('no-leader', 'there is no leader that could be asked; try again');

/** Reads that wait for the index behind which they are linearizable. */
export class Barriers {
  #nextId = 1;
  readonly #asked = new Map<number, Asked>();
  /** The question that goes out at the end of this turn of the loop, for all that ask in it. */
  #gathering: Promise<LogIndex> | undefined;
  readonly #forget: (id: number) => void;

  /** `forget`: nobody waits for the answer any more. */
  constructor(forget: (id: number) => void) {
    this.#forget = forget;
  }

  /** `begin` asks under an id; false: it cannot be asked. */
  ask(begin: (id: number) => boolean): Promise<LogIndex> {
    this.#gathering ??= new Promise<LogIndex>((resolve, reject) => {
      queueMicrotask(() => {
        this.#gathering = undefined;
        const id = this.#nextId++;
        // The question or its answer may be lost on the way.
        const timer = setTimeout(() => {
          this.#forget(id);
          this.lost(id);
        }, answerMsMax);
        this.#asked.set(id, { resolve, reject, timer });
        if (!begin(id)) this.lost(id);
      });
    });
    return this.#gathering;
  }

  answered(id: number, index: LogIndex): void {
    this.#take(id)?.resolve(index);
  }

  lost(id: number): void {
    this.#take(id)?.reject(noLeader());
  }

  #take(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    clearTimeout(asked?.timer);
    this.#asked.delete(id);
    return asked;
  }

  loseAll(): void {
    for (const id of this.#asked.keys()) this.lost(id);
  }
}
