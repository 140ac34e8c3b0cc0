import { idOf } from './draft.ts';
import type { Draft } from './draft.ts';
import { isDocumentKey, isNumbersKey } from './keys.ts';
import { Overlay } from './overlay.ts';
import type { Foreseen } from './request.ts';

/** What a draft has written so far, to be kept when it is rolled back. */
export function foreseenOf(draft: Draft): Foreseen {
  const changes = draft.changes();
  const cells = new Map(changes.map(({ key, after }) => [key, after]));
  const keys = [...cells.keys()];
  return {
    documents: keys.filter(isDocumentKey).map(idOf),
    numbers: keys.filter(isNumbersKey).map(idOf),
    over: (base) => new Overlay(base, cells),
    tallies: [...draft.weighed].map(([owner, before]) => ({ owner, before: { ...before }, after: { ...draft.working.tallies.of(owner) } })),
  };
}
