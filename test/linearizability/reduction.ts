import { type History, type Model, type Operation, prefixOf } from './history.ts';
import { search } from './search.ts';

const stepsMax = 100_000;

/**
 * The smallest part of a history that is violated that can be found: up to the answer that cannot be, and without what the violation does not depend
 * upon. What is left is violated by itself.
 */
export function reduce<State, Action, Result>(
  model: Model<State, Action, Result>,
  history: History<Action, Result>,
): History<Action, Result> {
  const isViolated = (part: History<Action, Result>): boolean => search(model, part, stepsMax) === 'violated';
  let part = earliest(history, isViolated);
  // From behind: what matters stands mostly at the end.
  for (let index = part.length - 1; index >= 0; index--) {
    const without = part.toSpliced(index, 1);
    const operation = part[index];
    if (operation === undefined) continue;
    const unanswered = part.with(index, { ...operation, answer: undefined });
    // Left out is only what would not matter either if it had been without an answer: an observed write is never made to disappear.
    if (operation.answer === undefined || isViolated(unanswered))
      part = isViolated(without) && !isNeeded(part, operation) ? without : unanswered;
  }
  return part;

  function isNeeded(within: History<Action, Result>, operation: Operation<Action, Result>): boolean {
    const { value } = operation.action as { readonly value?: unknown };
    if (value === undefined) return false;
    return within.some((other) => other !== operation && JSON.stringify(other).includes(JSON.stringify(value)));
  }
}

/** Whether it holds grows with time: an answer once given is never made right by what follows. */
function earliest<Action, Result>(
  history: History<Action, Result>,
  isViolated: (part: History<Action, Result>) => boolean,
): History<Action, Result> {
  const times = history.flatMap(({ answer }) => (answer === undefined ? [] : [answer.at])).toSorted((one, other) => one - other);
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isViolated(prefixOf(history, times[middle] ?? 0))) high = middle;
    else low = middle + 1;
  }
  const part = prefixOf(history, times[low] ?? 0);
  return isViolated(part) ? part : history;
}
