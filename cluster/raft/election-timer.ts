/** When a member that hears of no leader stands for election: each time after another time, of one to two election timeouts. */
export class ElectionTimer {
  readonly #electionTicks: number;
  readonly #random: () => number;
  /** Ticks since a leader was heard, or an election was begun. */
  #elapsed = 0;
  #timeout = 0;
  /** Ticks since a leader was heard. Starts at 0: before it stopped, this member may have answered a heartbeat that a leader's lease rests on. */
  #sinceLeader = 0;

  constructor(electionTicks: number, random: () => number) {
    this.#electionTicks = electionTicks;
    this.#random = random;
    this.reset();
  }

  /** Whether the time is over. */
  tick(): boolean {
    this.#sinceLeader++;
    this.#elapsed++;
    if (this.#elapsed < this.#timeout) return false;
    this.#elapsed = 0;
    return true;
  }

  reset(): void {
    this.#elapsed = 0;
    this.#timeout = this.#electionTicks + Math.floor(this.#random() * this.#electionTicks);
  }

  /** From a leader. */
  heard(): void {
    this.#sinceLeader = 0;
    this.#elapsed = 0;
  }

  /** A leader was heard so short a time ago that it may hold a lease. */
  get mayBeLed(): boolean {
    return this.#sinceLeader < this.#electionTicks;
  }
}
