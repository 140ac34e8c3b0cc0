import { identical, instructionsKey } from '../model/index.ts';
import type { Flow } from '../model/index.ts';

/** Whether two flows under one key do the same: cookie and instructions. Nearly all that are equal are so member by member. */
export function sameFlow(a: Flow, b: Flow): boolean {
  if (a === b) return true;
  return (
    a.cookie === b.cookie &&
    (identical(a.instructions, b.instructions) || instructionsKey(a.instructions) === instructionsKey(b.instructions))
  );
}
