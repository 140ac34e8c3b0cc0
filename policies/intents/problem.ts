import type { Span } from './sentence.ts';

/** What is wrong with the text of an intent, and where. Lines and columns count from 1. */
export interface Problem {
  readonly code: 'malformed' | 'reference-missing';
  readonly detail: string;
  readonly line: number;
  readonly column: number;
  readonly span: Span;
  /** Of what cannot be read: what could have stood there. */
  readonly expected: readonly string[];
  /** Of a name that is unknown or means several things: what may have been meant, as it can be written. */
  readonly suggestions: readonly string[];
}

/** Collects what is wrong with one text. */
export class Problems {
  readonly found: Problem[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  add(
    at: Span,
    detail: string,
    more: { readonly code?: Problem['code']; readonly expected?: readonly string[]; readonly suggestions?: readonly string[] } = {},
  ): void {
    const before = this.#text.slice(0, at.start).split('\n');
    const { code = 'malformed', expected = [], suggestions = [] } = more;
    const [line, column] = [before.length, (before.at(-1)?.length ?? 0) + 1];
    this.found.push({ code, detail, line, column, span: { start: at.start, end: Math.max(at.end, at.start + 1) }, expected, suggestions });
  }
}

/** "a", "a or b", "a, b or c". */
export function alternatives(list: readonly string[], conjunction = 'or'): string {
  const last = list.at(-1) ?? '';
  return list.length < 2 ? last : `${list.slice(0, -1).join(', ')} ${conjunction} ${last}`;
}
