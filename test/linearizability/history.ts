/** What a client asked, and what it was told. Times are of one clock. */
export interface Operation<Action, Result> {
  readonly client: string;
  readonly action: Action;
  readonly calledAt: number;
  /** Undefined: it had its effect at any time behind its call, or has it yet, or never. */
  readonly answer: { readonly at: number; readonly result: Result } | undefined;
}

export type History<Action, Result> = readonly Operation<Action, Result>[];

/** What one client alone would see. */
export interface Model<State, Action, Result> {
  readonly initial: State;
  /**
   * The state behind the action. `impossible`: it cannot be answered so in this state; of an action without an answer: it would have no
   * effect, so that nobody has to know when.
   */
  step(state: State, action: Action, result: Result | undefined): State | typeof impossible;
  /** Equal for equal states only. */
  nameOf(state: State): string;
}

export const impossible = Symbol('impossible');

/** What was known of it at the time `at`: answers that came later are none yet. */
export function prefixOf<Action, Result>(history: History<Action, Result>, at: number): History<Action, Result> {
  return history
    .filter(({ calledAt }) => calledAt <= at)
    .map((operation) => (operation.answer !== undefined && operation.answer.at > at ? { ...operation, answer: undefined } : operation));
}
