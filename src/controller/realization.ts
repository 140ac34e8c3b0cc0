import type { Revision } from '../../cluster/store/port.ts';
import type { Waiting } from './ports.ts';

interface Waiter {
  readonly done: () => boolean;
  readonly settle: (inTime: boolean) => void;
}

/** Runs `callback` after `delayMs` and returns how to cancel it. */
export type Schedule = (delayMs: number, callback: () => void) => () => void;

/**
 * Which hosts still owe which revision. A revision that made no difference to any switch is owed by nobody, so that it is realized
 * as soon as it was compiled.
 */
export class Realization {
  readonly #schedule: Schedule;
  readonly #owed = new Map<Revision, Set<string>>();
  readonly #owedBy = new Map<string, { readonly revision: Revision; readonly sequence: number }[]>();
  readonly #waiters = new Set<Waiter>();
  #compiled: Revision = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** The change at `revision` was handed to `host` under the host's own `sequence`. */
  owe(host: string, revision: Revision, sequence: number): void {
    let hosts = this.#owed.get(revision);
    if (!hosts) this.#owed.set(revision, (hosts = new Set()));
    hosts.add(host);
    const list = this.#owedBy.get(host);
    if (list) list.push({ revision, sequence });
    else this.#owedBy.set(host, [{ revision, sequence }]);
  }

  /** All hosts that `revision` concerns have been told. */
  compiled(revision: Revision): void {
    this.#compiled = revision;
    this.wake();
  }

  /** The host carries out everything up to `sequence`. */
  realized(host: string, sequence: number): void {
    const list = this.#owedBy.get(host);
    if (!list) return;
    let done = 0;
    while (done < list.length && (list[done]?.sequence ?? Infinity) <= sequence) this.#pay(host, list[done++]?.revision ?? 0);
    if (done > 0) list.splice(0, done);
    if (list.length === 0) this.#owedBy.delete(host);
    if (done > 0) this.wake();
  }

  /** The host is gone for good: nobody waits for it. */
  forget(host: string): void {
    for (const { revision } of this.#owedBy.get(host) ?? []) this.#pay(host, revision);
    this.#owedBy.delete(host);
    this.wake();
  }

  #pay(host: string, revision: Revision): void {
    const hosts = this.#owed.get(revision);
    hosts?.delete(host);
    if (hosts?.size === 0) this.#owed.delete(revision);
  }

  /** The highest revision of which the host owes nothing, nor of any before. */
  realizedBy(host: string): Revision {
    const oldest = this.#owedBy.get(host)?.[0];
    return oldest ? oldest.revision - 1 : this.#compiled;
  }

  async wait(
    revision: Revision,
    timeoutMs: number,
    reasonOf: (host: string) => string,
  ): Promise<{ realized: true } | { realized: false; waiting: Waiting[] }> {
    const inTime = await this.until(() => this.#compiled >= revision && !this.#owed.has(revision), timeoutMs);
    if (inTime) return { realized: true };
    return { realized: false, waiting: [...(this.#owed.get(revision) ?? [])].map((host) => ({ host, reason: reasonOf(host) })) };
  }

  /** Settles true as soon as `done` holds after a change here (or `wake`), false after `timeoutMs`. */
  until(done: () => boolean, timeoutMs: number): Promise<boolean> {
    if (done()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = this.#schedule(timeoutMs, () => waiter.settle(false));
      const waiter: Waiter = {
        done,
        settle: (inTime) => {
          cancel();
          this.#waiters.delete(waiter);
          resolve(inTime);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Something else that waiters look at has changed. */
  wake(): void {
    for (const waiter of this.#waiters) if (waiter.done()) waiter.settle(true);
  }
}
