import { slotKey } from './keys.ts';
import type { Key, Slot } from './keys.ts';
import type { Cell } from './records.ts';

/** No transaction is in flight for so long: what is older was left by a proposer that is no more. */
const abandonedMs = 60 * 60 * 1000;
/** How many abandoned slots go with each transaction. */
const sweptMax = 16;

/** The slots of one proposer: as many as it ever had transactions in flight at a time, used again and again. */
export class Slots {
  readonly #proposer: string;
  readonly #free: Key<Slot>[] = [];
  #made = 0;
  #abandoned: Key[] = [];

  constructor(proposer: string) {
    this.#proposer = proposer;
  }

  take(): Key<Slot> {
    return this.#free.pop() ?? slotKey(this.#proposer, this.#made++);
  }

  /** The transaction landed, or is known never to. */
  give(slot: Key<Slot>): void {
    this.#free.push(slot);
  }

  found(cells: Iterable<readonly [Key, Cell]>, nowMs: number): void {
    for (const [key, cell] of cells)
      if (key.startsWith('slot/') && nowMs - (cell.value as Slot).atMs > abandonedMs) this.#abandoned.push(key);
  }

  /** Some that a transaction may take along for removal. */
  abandoned(): readonly Key[] {
    return this.#abandoned.splice(0, sweptMax);
  }
}
