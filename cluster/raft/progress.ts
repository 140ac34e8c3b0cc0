import { assert } from '../../src/base/errors.ts';
import type { LogIndex } from './types.ts';

interface Flight {
  readonly last: LogIndex;
  readonly bytes: number;
}

/**
 * What a leader knows of another member's log.
 *
 * - `probe`: where the logs agree is being found; one message at a time.
 * - `replicate`: entries are sent ahead of their acknowledgement, within the window.
 * - `snapshot`: it gets a snapshot, and nothing else until it has it.
 */
export class Progress {
  mode: 'probe' | 'replicate' | 'snapshot' = 'probe';
  /** The log is known to be as the leader's up to it. */
  match: LogIndex = 0;
  next: LogIndex;
  /** In `probe`: an answer is awaited. */
  isWaiting = false;
  /** Entries are being read from disk for it. */
  isFetching = false;
  /** It was heard since the last look. */
  isActive = false;
  /** The last heartbeat that it answered. */
  round = 0;
  /** The commit index that it was last told; -1: what it was told is lost. */
  toldCommit: LogIndex = 0;
  readonly #flights: Flight[] = [];
  #flightBytes = 0;

  constructor(next: LogIndex) {
    this.next = next;
  }

  /** Whether the window has room, or no answer is awaited. */
  maySend({ flightsMax, flightBytesMax }: { readonly flightsMax: number; readonly flightBytesMax: number }): boolean {
    if (this.isFetching) return false;
    switch (this.mode) {
      case 'probe':
        return !this.isWaiting;
      case 'replicate':
        return this.#flights.length < flightsMax && this.#flightBytes < flightBytesMax;
      case 'snapshot':
        return false;
    }
  }

  /** What is committed goes with the next entries while there are some on their way, and otherwise by itself. */
  isToBeTold(commit: LogIndex): boolean {
    return this.toldCommit < 0 || (this.toldCommit < commit && this.#flights.length === 0);
  }

  /** Entries up to `last` were sent; it may have been none. */
  sent(last: LogIndex, bytes: number, commit: LogIndex): void {
    this.toldCommit = commit;
    if (this.mode === 'probe') this.isWaiting = true;
    else if (last >= this.next) {
      this.#flights.push({ last, bytes });
      this.#flightBytes += bytes;
      this.next = last + 1;
    }
  }

  /** Its log agrees up to `match`. Returns whether that is news. */
  accepted(match: LogIndex): boolean {
    this.isWaiting = false;
    const isNews = match > this.match;
    this.match = Math.max(this.match, match);
    this.next = Math.max(this.next, match + 1);
    while ((this.#flights[0]?.last ?? Number.POSITIVE_INFINITY) <= match) this.freeFirst();
    return isNews;
  }

  /** A flight may have been lost; its place is given back so that the next message finds out. */
  freeFirst(): void {
    const flight = this.#flights.shift();
    if (flight !== undefined) this.#flightBytes -= flight.bytes;
  }

  probe(next: LogIndex): void {
    assert(next > this.match, 'what agrees is not sent again');
    this.#enter('probe');
    this.next = next;
  }

  replicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  awaitSnapshot(): void {
    this.#enter('snapshot');
  }

  #enter(mode: Progress['mode']): void {
    this.mode = mode;
    this.isWaiting = false;
    this.isFetching = false;
    this.#flights.length = 0;
    this.#flightBytes = 0;
  }
}
