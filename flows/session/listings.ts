import type { ListingKind, Requests } from './requests.ts';
import type { SessionLimits } from './limits.ts';
import { Closure } from './reasons.ts';

interface Listing {
  readonly kind: ListingKind;
  readonly startedMs: number;
  heardMs: number;
  entries: number;
}

/** Multipart replies under way, one of each kind at most, bounded in time and in size. */
export class Listings {
  readonly #requests: Requests;
  readonly #limits: SessionLimits;
  readonly #byXid = new Map<number, Listing>();

  constructor(requests: Requests, limits: SessionLimits) {
    this.#requests = requests;
    this.#limits = limits;
  }

  isUnderWay(kind: ListingKind): boolean {
    for (const listing of this.#byXid.values()) if (listing.kind === kind) return true;
    return false;
  }

  begin(kind: ListingKind, nowMs: number): void {
    this.#byXid.set(this.#requests.list(kind), { kind, startedMs: nowMs, heardMs: nowMs, entries: 0 });
  }

  kindOf(xid: number): ListingKind | undefined {
    return this.#byXid.get(xid)?.kind;
  }

  /** A part has come. @returns whether it was the last */
  part(xid: number, entries: number, more: boolean, nowMs: number): boolean {
    const listing = this.#byXid.get(xid);
    if (!listing) throw new Closure('protocol', 'a part of a reply that was not asked for');
    listing.heardMs = nowMs;
    listing.entries += entries;
    const max = listing.kind === 'ports' ? this.#limits.portsMax : this.#limits.flowsMax;
    if (listing.entries > max) throw new Closure('listing-too-large', `more than ${max} ${listing.kind}`);
    if (!more) this.#byXid.delete(xid);
    return !more;
  }

  /** The switch refused the request. @returns what was asked for */
  refused(xid: number): ListingKind | undefined {
    const kind = this.kindOf(xid);
    this.#byXid.delete(xid);
    return kind;
  }

  tick(nowMs: number): void {
    for (const { kind, startedMs, heardMs, entries } of this.#byXid.values()) {
      if (nowMs >= heardMs + this.#limits.replyTimeoutMs)
        throw new Closure(
          'listing-timeout',
          `the listing of ${kind} stopped after ${entries} entries, ${this.#limits.replyTimeoutMs} ms ago`,
        );
      if (nowMs >= startedMs + this.#limits.listingTimeoutMs)
        throw new Closure('listing-timeout', `the listing of ${kind} is not complete after ${this.#limits.listingTimeoutMs} ms`);
    }
  }

  abandon(): void {
    this.#byXid.clear();
  }
}
