import { impossible, type Model } from './history.ts';

/** What clients do with one key. No two of them write the same value, so that a value stands for the revision at which it was written. */
export type RegisterAction =
  | { readonly kind: 'put'; readonly value: string }
  /** Only where there is nothing. */
  | { readonly kind: 'create'; readonly value: string }
  /** Only in the place of the value that the client has seen. */
  | { readonly kind: 'replace'; readonly seen: string; readonly value: string }
  | { readonly kind: 'delete' }
  | { readonly kind: 'get' };

export type RegisterResult =
  | { readonly kind: 'done' }
  /** The condition did not hold. Of a delete: there was nothing. */
  | { readonly kind: 'unmet' }
  /** Nothing changed, whatever there was. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'found'; readonly value: string | undefined };

type Step = string | undefined | typeof impossible;

const holds = (state: string | undefined, action: Exclude<RegisterAction, { kind: 'get' }>): boolean => {
  switch (action.kind) {
    case 'put':
      return true;
    case 'create':
      return state === undefined;
    case 'replace':
      return state === action.seen;
    case 'delete':
      return state !== undefined;
  }
};

/** One key of the store: absent, or with a value. */
export const register: Model<string | undefined, RegisterAction, RegisterResult> = {
  initial: undefined,
  nameOf: (state) => state ?? '',
  step(state, action, result): Step {
    if (result?.kind === 'refused') return state;
    if (action.kind === 'get') return result?.kind === 'found' && result.value === state ? state : impossible;
    const isMet = holds(state, action);
    if (result?.kind === 'unmet') return isMet ? impossible : state;
    if (!isMet) return impossible;
    return action.kind === 'delete' ? undefined : action.value;
  },
};
