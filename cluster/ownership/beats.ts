import type { Clock } from '../../src/base/clock.ts';
import type { MemberId } from '../raft/types.ts';
import type { Exchange } from './exchange.ts';
import { Liveness, livenessLimits } from './liveness.ts';
import type { Presence } from './presence.ts';

export interface BeatOptions {
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** Whether this member leads. */
  readonly leads: () => boolean;
  /** Who is in the committed epoch. */
  readonly counted: () => ReadonlySet<MemberId>;
}

/** Presence by what members tell each other: each beats to all others, so that whoever comes to lead knows already who is there. */
export class BeatPresence implements Presence {
  readonly #options: BeatOptions;
  readonly #liveness: Liveness;
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #present: ReadonlySet<MemberId>;
  #decides: boolean;

  constructor(options: BeatOptions) {
    const { exchange, clock, leads } = options;
    this.#options = options;
    this.#liveness = new Liveness(clock.nowMs());
    this.#present = new Set([exchange.id]);
    this.#decides = leads();
    exchange.answer('beat', (from) => {
      this.#liveness.heard(from, clock.nowMs());
      return null;
    });
    this.#timer = setInterval(() => this.#beat(), livenessLimits.beatMs).unref();
  }

  get decides(): boolean {
    return this.#decides;
  }

  present(): ReadonlySet<MemberId> {
    return this.#present;
  }

  #beat(): void {
    const { exchange, clock, leads, counted } = this.#options;
    const nowMs = clock.nowMs();
    const others = exchange.others();
    for (const member of others)
      // The other side does not answer: it will be silent to us as well.
      exchange.ask(member, 'beat', null, livenessLimits.silenceMsMax).catch(() => undefined);
    this.#liveness.tick(nowMs);
    this.#liveness.keepOnly(new Set(others));
    const isCounted = counted();
    const present = new Set(others.filter((member) => this.#liveness.isPresent(member, isCounted.has(member), nowMs)));
    present.add(exchange.id);
    const decides = leads();
    const isSame =
      decides === this.#decides && present.size === this.#present.size && [...present].every((member) => this.#present.has(member));
    this.#present = present;
    this.#decides = decides;
    if (!isSame) for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }
}
