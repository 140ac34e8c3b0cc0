import type { Draft } from '../draft.ts';
import { AdmissionError } from '../error.ts';
import { sequenceKey } from '../keys.ts';

/** The tenant's shares a register with its view. */
const max = { tenant: 2 ** 28 - 1, domain: 2 ** 32 - 1, rule: 2 ** 32 - 1 } as const;
const first = { tenant: 1, domain: 2 ** 24, rule: 1 } as const;

/** The next `count` numbers, which nobody had before or will have again: the first of them. */
export function countUp(draft: Draft, name: keyof typeof first, count = 1): number {
  const key = sequenceKey(name);
  const next = draft.value(key)?.next ?? first[name];
  if (next + count - 1 > max[name]) throw new AdmissionError('pool-exhausted', `every ${name} number has been given out`);
  draft.write(key, { next: next + count });
  return next;
}
