import { type History, impossible, type Model, type Operation } from './history.ts';

/** `undecided`: there was more to try than was allowed. */
export type Verdict = 'linearizable' | 'violated' | 'undecided';

interface Frame<State> {
  readonly state: State;
  readonly candidates: readonly number[];
  next: number;
  /** What was put at the end of the order to come here. */
  readonly chosen: number | undefined;
}

/**
 * Whether there is an order of the operations that keeps real time (who was answered before another was asked stands before it) and in which each
 * answer is what the model gives. Wing and Gong's search, depth first, with Lowe's memory of where it was: the set of operations in the order and the
 * state behind them. Operations without an answer may be left out. `stepsMax` bounds time and memory.
 */
export function search<State, Action, Result>(
  model: Model<State, Action, Result>,
  history: History<Action, Result>,
  stepsMax = 1_000_000,
): Verdict {
  const order = new Order(history);
  const seen = new Set<string>();
  const frames: Frame<State>[] = [{ state: model.initial, candidates: order.candidates(), next: 0, chosen: undefined }];
  for (let steps = 0; ; steps++) {
    if (order.isComplete) return 'linearizable';
    const frame = frames.at(-1);
    if (frame === undefined) return 'violated';
    if (steps >= stepsMax) return 'undecided';
    const candidate = frame.candidates[frame.next++];
    if (candidate === undefined) {
      frames.pop();
      if (frame.chosen !== undefined) order.takeBack(frame.chosen);
      continue;
    }
    const { action, answer } = order.at(candidate);
    const state = model.step(frame.state, action, answer?.result);
    if (state === impossible) continue;
    order.append(candidate);
    const place = `${order.name} ${model.nameOf(state)}`;
    if (seen.has(place)) {
      order.takeBack(candidate);
      continue;
    }
    seen.add(place);
    frames.push({ state, candidates: order.candidates(), next: 0, chosen: candidate });
  }
}

/** Which operations stand in the order so far. Answered ones have the lower numbers, by the time of their call. */
class Order<Action, Result> {
  readonly #operations: readonly Operation<Action, Result>[];
  readonly #answered: number;
  readonly #chosen: Uint8Array;
  #left: number;
  /** All answered ones below it stand in the order. */
  #from = 0;

  constructor(history: History<Action, Result>) {
    const byCall = history.toSorted((one, other) => one.calledAt - other.calledAt);
    const answered = byCall.filter(({ answer }) => answer !== undefined);
    this.#operations = [...answered, ...byCall.filter(({ answer }) => answer === undefined)];
    this.#answered = answered.length;
    this.#left = answered.length;
    this.#chosen = new Uint8Array(this.#operations.length);
  }

  get isComplete(): boolean {
    return this.#left === 0;
  }

  at(index: number): Operation<Action, Result> {
    const operation = this.#operations[index];
    if (operation === undefined) throw new Error(`there is no operation ${index}`);
    return operation;
  }

  /** What may come next: nobody who was answered before it was asked is still to come. Those without an answer last. */
  candidates(): readonly number[] {
    const found: number[] = [];
    let firstAnswerAt = Infinity;
    for (let index = this.#from; index < this.#answered; index++) {
      const { calledAt, answer } = this.at(index);
      if (calledAt > firstAnswerAt) break;
      if (this.#chosen[index] === 1) continue;
      found.push(index);
      firstAnswerAt = Math.min(firstAnswerAt, answer?.at ?? Infinity);
    }
    for (let index = this.#answered; index < this.#operations.length; index++) {
      if (this.at(index).calledAt > firstAnswerAt) break;
      if (this.#chosen[index] === 0) found.push(index);
    }
    return found.filter((index) => this.at(index).calledAt <= firstAnswerAt);
  }

  append(index: number): void {
    this.#chosen[index] = 1;
    if (index < this.#answered) this.#left--;
    while (this.#from < this.#answered && this.#chosen[this.#from] === 1) this.#from++;
  }

  takeBack(index: number): void {
    this.#chosen[index] = 0;
    if (index >= this.#answered) return;
    this.#left++;
    this.#from = Math.min(this.#from, index);
  }

  /** Of the set, not of the order in which it came to be. */
  get name(): string {
    const later: number[] = [];
    for (let index = this.#from; index < this.#chosen.length; index++) if (this.#chosen[index] === 1) later.push(index);
    return `${this.#from}:${later.join()}`;
  }
}
