import type { Schedule } from '../base/schedule.ts';
import type { Revision } from '../../cluster/store/port.ts';
import type { Waiting } from './ports.ts';

type Settle = (inTime: boolean) => void;

/** What a host owes, and by which of its sequences it is paid: by none as long as nothing was handed over. */
interface Debt {
  readonly host: string;
  readonly revision: Revision;
  sequence: number;
}

/**
 * Which hosts still owe which revision. A revision that made no difference to any switch is owed by nobody, so that it is realized
 * as soon as it was compiled.
 */
export class Realization {
  readonly #schedule: Schedule;
  readonly #owed = new Map<Revision, Set<string>>();
  readonly #owedBy = new Map<string, Debt[]>();
  /** Of each host, the last that it owed and owes no more. */
  readonly #paidBy = new Map<string, Revision>();
  /** Those for what is still to be handed over. */
  readonly #promised = new Set<Debt>();
  /** What owners, which are other members, have said of their hosts. */
  readonly #told = new Map<string, Revision>();
  /** Who waits for one revision to be owed by nobody. */
  readonly #waiting = new Map<Revision, Set<Settle>>();
  /** Who waits for something that only they can tell. */
  readonly #watching = new Map<Settle, () => boolean>();
  #compiled: Revision = 0;
  #ended = false;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** The change at `revision` was handed to `host` under the host's own `sequence`. */
  owe(host: string, revision: Revision, sequence: number): void {
    const promised = this.#takePromise(host, revision);
    if (promised) promised.sequence = sequence;
    else this.#add({ host, revision, sequence });
  }

  #add(debt: Debt): void {
    const { host, revision } = debt;
    if (revision <= (this.#told.get(host) ?? 0)) return;
    let hosts = this.#owed.get(revision);
    if (!hosts) this.#owed.set(revision, (hosts = new Set()));
    hosts.add(host);
    const list = this.#owedBy.get(host);
    if (list) list.push(debt);
    else this.#owedBy.set(host, [debt]);
  }

  /** The change at `revision` will be handed to `host`: either `owe` or `release` follows. */
  promise(host: string, revision: Revision): void {
    if (revision <= (this.#told.get(host) ?? 0)) return;
    const debt = { host, revision, sequence: Infinity };
    this.#promised.add(debt);
    this.#add(debt);
  }

  /** What was promised made no difference to the host. Nothing happens when nothing was. */
  release(host: string, revision: Revision): void {
    const promised = this.#takePromise(host, revision);
    const debts = this.#owedBy.get(host);
    if (!promised || !debts) return;
    debts.splice(debts.indexOf(promised), 1);
    if (debts.length === 0) this.#owedBy.delete(host);
    this.#pay(host, revision);
    this.wake();
  }

  #takePromise(host: string, revision: Revision): Debt | undefined {
    for (const debt of this.#promised) {
      if (debt.host !== host || debt.revision !== revision) continue;
      this.#promised.delete(debt);
      return debt;
    }
    return undefined;
  }

  /** All hosts that `revision` concerns have been told, or will be. */
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

  /**
   * The host's owner, which is another member, says that it carries out everything up to `revision`; this one may have yet to hear of that.
   * @returns the highest sequence that was paid by it
   */
  told(host: string, revision: Revision): number | undefined {
    if (revision <= (this.#told.get(host) ?? 0)) return undefined;
    this.#told.set(host, revision);
    const list = this.#owedBy.get(host) ?? [];
    let done = 0;
    let sequence: number | undefined;
    for (let debt = list[0]; debt !== undefined && debt.revision <= revision; debt = list[++done]) {
      this.#promised.delete(debt);
      if (debt.sequence !== Infinity) sequence = debt.sequence;
      this.#pay(host, debt.revision);
    }
    list.splice(0, done);
    if (list.length === 0) this.#owedBy.delete(host);
    if (done > 0) this.wake();
    return sequence;
  }

  /** The host is gone for good: nobody waits for it. */
  forget(host: string): void {
    for (const debt of this.#owedBy.get(host) ?? []) {
      this.#promised.delete(debt);
      this.#pay(host, debt.revision);
    }
    this.#owedBy.delete(host);
    this.#told.delete(host);
    this.#paidBy.delete(host);
    this.wake();
  }

  #pay(host: string, revision: Revision): void {
    this.#paidBy.set(host, Math.max(revision, this.#paidBy.get(host) ?? 0));
    const hosts = this.#owed.get(revision);
    hosts?.delete(host);
    if (hosts?.size !== 0) return;
    this.#owed.delete(revision);
    for (const settle of this.#waiting.get(revision) ?? []) settle(true);
  }

  /** The highest revision of which the host owes nothing, nor of any before. */
  realizedBy(host: string): Revision {
    const oldest = this.#owedBy.get(host)?.[0];
    return oldest ? oldest.revision - 1 : this.#compiled;
  }

  /** The last revision that the host owed and owes no more; 0: none yet. */
  paidBy(host: string): Revision {
    return this.#paidBy.get(host) ?? 0;
  }

  async wait(
    revision: Revision,
    timeoutMs: number,
    reasonOf: (host: string) => string,
  ): Promise<{ realized: true } | { realized: false; waiting: Waiting[] }> {
    const inTime =
      this.#compiled >= revision
        ? await this.#paid(revision, timeoutMs)
        : await this.until(() => this.#compiled >= revision && !this.#owed.has(revision), timeoutMs);
    if (inTime) return { realized: true };
    const reason = (host: string): string => (this.#ended ? 'the controller stops' : reasonOf(host));
    return { realized: false, waiting: [...(this.#owed.get(revision) ?? [])].map((host) => ({ host, reason: reason(host) })) };
  }

  /** @returns false when it was not in time */
  untilCompiled(revision: Revision, timeoutMs: number): Promise<boolean> {
    return this.until(() => this.#compiled >= revision, timeoutMs);
  }

  async #paid(revision: Revision, timeoutMs: number): Promise<boolean> {
    if (!this.#owed.has(revision)) return true;
    const waiting = this.#waiting.get(revision) ?? new Set();
    this.#waiting.set(revision, waiting);
    const { settle, settled } = this.#timed(timeoutMs);
    waiting.add(settle);
    const inTime = await settled;
    waiting.delete(settle);
    if (waiting.size === 0) this.#waiting.delete(revision);
    return inTime;
  }

  /** Settles true as soon as `done` holds after a change here (or `wake`), false after `timeoutMs`. */
  async until(done: () => boolean, timeoutMs: number): Promise<boolean> {
    if (done()) return true;
    const { settle, settled } = this.#timed(timeoutMs);
    this.#watching.set(settle, done);
    const inTime = await settled;
    this.#watching.delete(settle);
    return inTime;
  }

  /** Nobody waits any longer, now and from now on: what is not realized was not in time. */
  end(): void {
    this.#ended = true;
    for (const settle of [...[...this.#waiting.values()].flatMap((settles) => [...settles]), ...this.#watching.keys()]) settle(false);
  }

  #timed(timeoutMs: number): { readonly settle: Settle; readonly settled: Promise<boolean> } {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const cancel = this.#schedule(this.#ended ? 0 : timeoutMs, () => resolve(false));
    const settle = (inTime: boolean): void => {
      cancel();
      resolve(inTime);
    };
    return { settle, settled: promise };
  }

  /** Something else that waiters look at has changed. */
  wake(): void {
    for (const [settle, done] of this.#watching) if (done()) settle(true);
  }
}
