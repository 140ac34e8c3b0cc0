import type { Sentence } from './sentence.ts';

export function parse(text: string): Sentence;

interface Place {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** What peggy throws: where the text stops making sense, and what could have stood there. */
export class SyntaxError extends Error {
  readonly expected: readonly { readonly type: string; readonly description?: string; readonly text?: string }[];
  readonly found: string | null;
  readonly location: { readonly start: Place; readonly end: Place };
}
