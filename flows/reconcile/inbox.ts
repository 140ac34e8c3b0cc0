import type { Flow } from '../model/index.ts';
import type { Mark } from './revisions.ts';

/** Flows that are made as they are asked for. */
export interface FlowSource {
  /** The next flow; undefined behind the last one. */
  next(): Flow | undefined;
  /** About how much is still to come; 0 only when nothing is. */
  readonly left: number;
}

/**
 * The flows of a large change that are not compared yet: the switch is given the first ones while the others are still to be made. They
 * come in the order in which additions are sent: what packets reach last comes first. Until it is empty nothing but additions is
 * sent. Holds its revision.
 */
export class Inbox {
  readonly mark: Mark;
  readonly #source: FlowSource;
  #isEmpty = false;

  constructor(source: FlowSource, mark: Mark) {
    this.#source = source;
    this.mark = mark;
  }

  get left(): number {
    return this.#isEmpty ? 0 : Math.max(1, this.#source.left);
  }

  /** Up to `count` flows, one by one. */
  take(count: number, each: (flow: Flow) => void): void {
    for (let taken = 0; taken < count && !this.#isEmpty; taken++) {
      const flow = this.#source.next();
      if (flow) each(flow);
      else this.#isEmpty = true;
    }
    this.#isEmpty ||= this.#source.left === 0;
  }
}

/** A list that stands already, last table first. */
export class FlowList implements FlowSource {
  readonly #flows: readonly Flow[];
  #next = 0;

  constructor(flows: readonly Flow[]) {
    const tables: Flow[][] = [];
    for (const flow of flows) (tables[flow.tableId] ??= []).push(flow);
    this.#flows = tables
      .filter((table) => table !== undefined)
      .toReversed()
      .flat();
  }

  get left(): number {
    return this.#flows.length - this.#next;
  }

  next(): Flow | undefined {
    return this.#flows[this.#next++];
  }
}
