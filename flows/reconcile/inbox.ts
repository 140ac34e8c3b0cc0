import type { Flow } from '../model/index.ts';
import type { Mark } from './revisions.ts';

/**
 * The flows of a large change that are not compared yet: the switch is given the first ones while the keys of the others are still to be
 * made. They come out last table first, as additions are sent; until it is empty nothing but additions is sent. Holds its revision.
 */
export class Inbox {
  readonly mark: Mark;
  readonly #tables: (readonly Flow[])[];
  #table = 0;
  #offset = 0;
  left: number;

  constructor(flows: readonly Flow[], mark: Mark) {
    const tables: Flow[][] = [];
    for (const flow of flows) (tables[flow.tableId] ??= []).push(flow);
    this.#tables = tables.filter((table) => table !== undefined).toReversed();
    this.mark = mark;
    this.left = flows.length;
  }

  take(count: number): Flow[] {
    const taken: Flow[] = [];
    for (let table = this.#tables[this.#table]; table && taken.length < count; table = this.#tables[this.#table]) {
      const part = table.slice(this.#offset, this.#offset + count - taken.length);
      for (const flow of part) taken.push(flow);
      this.#offset += part.length;
      if (this.#offset < table.length) break;
      this.#table++;
      this.#offset = 0;
    }
    this.left -= taken.length;
    return taken;
  }
}
