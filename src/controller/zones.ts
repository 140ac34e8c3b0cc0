import type { SwitchConnection } from '../../flows/io/openflow.ts';

/**
 * Conntrack zones that no interface uses any more. Their connections must not be taken up by the next interface that gets the
 * zone, so they are deleted: once the switch has lost the flows that lead there, however long it is away. A zone is due, under way,
 * then gone; or refused, and due again with the next connection.
 */
export class FreedZones {
  /** The sequence from which on nothing leads there. */
  readonly #due = new Map<number, number>();
  readonly #refused = new Map<number, string>();
  readonly #onRefused: (zone: number, error: string) => void;

  constructor(onRefused: (zone: number, error: string) => void) {
    this.#onRefused = onRefused;
  }

  /** Why zones could not be emptied. */
  get refused(): ReadonlyMap<number, string> {
    return this.#refused;
  }

  add(zone: number, sequence: number): void {
    this.#due.set(zone, sequence);
  }

  /** The switch has lost its interface. Nobody may have been there when it was freed: all controllers were down, or had no connection. */
  vacated(zone: number, sequence: number): void {
    if (!this.#due.has(zone)) this.#due.set(zone, sequence);
  }

  /** Another member has seen to those that were due up to `sequence`. */
  forget(sequence: number): void {
    for (const [zone, since] of this.#due) if (since <= sequence) this.#due.delete(zone);
  }

  /** A fresh connection, which may be to another vswitchd. */
  connected(): void {
    for (const zone of this.#refused.keys()) this.#due.set(zone, 0);
    this.#refused.clear();
  }

  /** The switch carries out everything up to `sequence`. */
  realized(connection: SwitchConnection, sequence: number): void {
    for (const [zone, since] of this.#due) {
      if (since > sequence) continue;
      this.#due.delete(zone);
      void this.#flush(connection, zone);
    }
  }

  async #flush(connection: SwitchConnection, zone: number): Promise<void> {
    const error = await connection.flushZone(zone);
    if (error === undefined) return;
    if (connection.state === 'closed') {
      this.#due.set(zone, 0);
      return;
    }
    this.#refused.set(zone, error);
    this.#onRefused(zone, error);
  }
}
