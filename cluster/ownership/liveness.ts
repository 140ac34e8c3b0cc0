import type { MemberId } from '../raft/types.ts';

export interface LivenessLimits {
  /** Between two beats of a member. */
  readonly beatMs: number;
  /** Silent for so long: gone. */
  readonly silenceMsMax: number;
  /** One that was gone must have been heard for so long. */
  readonly steadyMs: number;
}

export const livenessLimits: LivenessLimits = { beatMs: 200, silenceMsMax: 1_000, steadyMs: 2_000 };

interface Heard {
  lastMs: number;
  /** From when on it was heard without a silence. */
  sinceMs: number;
}

/** Who is there, from when each was last heard. Pure: the monotonic time goes in. */
export class Liveness {
  readonly #limits: LivenessLimits;
  readonly #heard = new Map<MemberId, Heard>();
  #tickMs: number;
  readonly #startMs: number;

  constructor(nowMs: number, limits: LivenessLimits = livenessLimits) {
    this.#limits = limits;
    this.#tickMs = nowMs;
    this.#startMs = nowMs;
  }

  heard(member: MemberId, nowMs: number): void {
    const heard = this.#heard.get(member);
    if (heard === undefined) this.#heard.set(member, { lastMs: nowMs, sinceMs: nowMs });
    else {
      if (nowMs - heard.lastMs > this.#limits.silenceMsMax) heard.sinceMs = nowMs;
      heard.lastMs = nowMs;
    }
  }

  /** At least as often as beats are sent. Time in which this process stood still is nobody's silence. */
  tick(nowMs: number): void {
    const stoodMs = nowMs - this.#tickMs - this.#limits.beatMs;
    this.#tickMs = nowMs;
    if (stoodMs <= this.#limits.beatMs) return;
    for (const heard of this.#heard.values()) {
      heard.lastMs = Math.min(nowMs, heard.lastMs + stoodMs);
      heard.sinceMs = Math.min(nowMs, heard.sinceMs + stoodMs);
    }
  }

  /** `counted` are in the committed epoch: they stay until they are silent, also one that this process has yet to hear from. */
  isPresent(member: MemberId, isCounted: boolean, nowMs: number): boolean {
    const { silenceMsMax, steadyMs } = this.#limits;
    const heard = this.#heard.get(member);
    if (heard === undefined) return isCounted && nowMs - this.#startMs <= silenceMsMax;
    if (nowMs - heard.lastMs > silenceMsMax) return false;
    return isCounted || nowMs - heard.sinceMs >= steadyMs;
  }

  /** No member any more. */
  keepOnly(members: ReadonlySet<MemberId>): void {
    for (const member of this.#heard.keys()) if (!members.has(member)) this.#heard.delete(member);
  }
}
