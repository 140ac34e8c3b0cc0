import type { LogIndex, MemberId, Membership } from './types.ts';
import { quorumIndex } from './quorum.ts';

export interface PendingRead {
  readonly id: number;
  /** Who asks; the leader itself or a follower. */
  readonly from: MemberId;
}

interface Waiting extends PendingRead {
  readonly index: LogIndex;
  readonly round: number;
}

/**
 * Linearizable reads of a leader (§6.4). A read may be answered at the commit index of its arrival once a majority has answered a heartbeat that was
 * sent behind it: no other leader can have committed before that. Under a lease, that a majority answered a heartbeat sent a short while ago is enough.
 */
export class ReadQueue {
  /** Until an entry of the leader's own term is committed, it does not know the commit index. */
  #early: PendingRead[] = [];
  #waiting: Waiting[] = [];
  #round = 0;
  #isRoundWanted = false;
  /** Where a leader's rounds were sent, in its own ticks. */
  #sentTicks: { readonly round: number; readonly tick: number }[] = [];

  get round(): number {
    return this.#round;
  }

  /** A heartbeat has to go for reads that wait. */
  get isRoundWanted(): boolean {
    return this.#isRoundWanted;
  }

  beginRound(tick: number): number {
    this.#isRoundWanted = false;
    this.#round++;
    this.#sentTicks.push({ round: this.#round, tick });
    return this.#round;
  }

  ask(read: PendingRead, commit: LogIndex | undefined): void {
    if (commit === undefined) {
      this.#early.push(read);
      return;
    }
    this.#waiting.push({ ...read, index: commit, round: this.#round + 1 });
    this.#isRoundWanted = true;
  }

  /** The leader knows the commit index now. */
  know(commit: LogIndex): void {
    for (const read of this.#early.splice(0)) this.ask(read, commit);
  }

  /** Reads that may be answered, given the last round that each voter answered. */
  answered(membership: Membership, roundOf: (voter: MemberId) => number): readonly Waiting[] {
    const reached = quorumIndex(membership.voters, roundOf);
    while (this.#sentTicks.length > 1 && (this.#sentTicks[1]?.round ?? 0) <= reached) this.#sentTicks.shift();
    const count = this.#waiting.findIndex((read) => read.round > reached);
    return this.#waiting.splice(0, count < 0 ? this.#waiting.length : count);
  }

  /** The tick at which the last round that a majority answered was sent; undefined when there is none. */
  heardTick(membership: Membership, roundOf: (voter: MemberId) => number): number | undefined {
    const reached = quorumIndex(membership.voters, roundOf);
    const sent = this.#sentTicks.findLast(({ round }) => round <= reached);
    return sent?.tick;
  }

  /** What was heard up to now proves nothing about the present. */
  forgetHeard(): void {
    this.#sentTicks = [];
  }

  /** All that were asked and not answered. */
  drain(): readonly PendingRead[] {
    return [...this.#early.splice(0), ...this.#waiting.splice(0)];
  }
}
