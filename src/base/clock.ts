/** Time is an argument: rooms that need it take a Clock. Milliseconds throughout. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. Only for what users read. */
  wallMs(): number;
  /** Monotonic, milliseconds from an arbitrary start. For every timeout. */
  nowMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  nowMs: () => performance.now(),
};
