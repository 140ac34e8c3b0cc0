import type { Draft } from '../draft.ts';
import { AdmissionError } from '../error.ts';
import { sequenceKey } from '../keys.ts';

const numberMax = 0xffffffff;
const first = { tenant: 1, domain: 2 ** 24, rule: 1 } as const;

/** The next `count` numbers, which nobody had before or will have again: the first of them. */
export function countUp(draft: Draft, name: keyof typeof first, count = 1): number {
  const key = sequenceKey(name);
  const next = draft.value(key)?.next ?? first[name];
  if (next + count - 1 > numberMax) throw new AdmissionError('pool-exhausted', `every ${name} number has been given out`);
  draft.write(key, { next: next + count });
  return next;
}
