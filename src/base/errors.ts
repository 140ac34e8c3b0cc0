/**
 * Operating failures carry a stable `code`; broken invariants use `assert` and stop.
 * A code is part of the contract with users and never changes its meaning.
 */
export class WeirError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A byte sequence that is not what its format says. `offset` counts bytes from the start of the message. */
export class DecodeError extends WeirError {
  readonly offset: number;

  constructor(code: string, offset: number, message: string) {
    super(code, `${message} at byte ${offset}`);
    this.offset = offset;
  }
}

/** States an invariant. A failure is a defect of the program, never of its input. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`);
}

/** Closes a union: a missing case does not compile. */
export function unreachable(value: never): never {
  throw new Error(`invariant broken: unexpected ${JSON.stringify(value)}`);
}

/** The message of anything that was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
