import { exactValueOf, type Flow } from '../model/index.ts';
import { registers, tables } from '../pipeline/index.ts';

/** Conntrack zones whose interface the switch had and has no more, or not there, by the cookie of that interface's flows: whoever had it taken away, and when. Only our own version of the pipeline
 * can be read: which table of another tells zones, and in which register, is not known here; and none that has our tables' numbers is let in (`clashes`). */
export class VacatedZones {
  #cookies = new Map<number, bigint>();

  /** What stands on the switch under one key. */
  installedChanged(before: Flow | undefined, after: Flow | undefined): void {
    if (before?.tableId !== tables.local.id || before.cookie === after?.cookie) return;
    const zone = exactValueOf(before.match, registers.zone);
    if (zone !== undefined) this.#cookies.set(Number(zone), before.cookie);
  }

  /** Since the last call. */
  take(): ReadonlyMap<number, bigint> {
    const cookies = this.#cookies;
    if (cookies.size > 0) this.#cookies = new Map();
    return cookies;
  }
}
