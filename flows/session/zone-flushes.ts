import type { Report } from './events.ts';
import type { SessionLimits } from './limits.ts';
import { Closure } from './reasons.ts';
import type { Requests, SwitchError } from './requests.ts';

interface Flush {
  readonly token: number;
  readonly barrierXid: number;
  readonly sinceMs: number;
  error: string | undefined;
}

/** Deletions of a conntrack zone's connections, each with a barrier that tells when it is done. */
export class ZoneFlushes {
  readonly #requests: Requests;
  readonly #limits: SessionLimits;
  readonly #report: Report;
  /** By the id of the request, oldest first. */
  readonly #flushes = new Map<number, Flush>();

  constructor(requests: Requests, limits: SessionLimits, report: Report) {
    this.#requests = requests;
    this.#limits = limits;
    this.#report = report;
  }

  begin(zone: number, token: number, nowMs: number): void {
    const xid = this.#requests.flushZone(zone);
    this.#flushes.set(xid, { token, barrierXid: this.#requests.barrier(), sinceMs: nowMs, error: undefined });
  }

  /** @returns whether the barrier was one of ours */
  barrierReply(barrierXid: number): boolean {
    for (const [xid, flush] of this.#flushes) {
      if (flush.barrierXid !== barrierXid) continue;
      this.#flushes.delete(xid);
      this.#report({ kind: 'zone-flushed', token: flush.token, error: flush.error });
      return true;
    }
    return false;
  }

  /** @returns whether the error answers a request of ours */
  error(error: SwitchError): boolean {
    const flush = this.#flushes.get(error.xid);
    if (flush) flush.error = error.name;
    return flush !== undefined;
  }

  tick(nowMs: number): void {
    const oldest = this.#flushes.values().next().value;
    if (oldest && nowMs >= oldest.sinceMs + this.#limits.replyTimeoutMs)
      throw new Closure('barrier-timeout', `no reply to the barrier behind a zone flush within ${this.#limits.replyTimeoutMs} ms`);
  }

  abandon(): void {
    for (const { token } of this.#flushes.values()) this.#report({ kind: 'zone-flushed', token, error: 'the connection ended' });
    this.#flushes.clear();
  }
}
