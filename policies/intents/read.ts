import { intentTextMax as textMax } from '../model/schema/intent.ts';
import { parse, SyntaxError } from './parser.js';
import { alternatives, Problems } from './problem.ts';
import type { Problem } from './problem.ts';
import type { Sentence } from './sentence.ts';

export type Read = { readonly ok: true; readonly sentence: Sentence } | { readonly ok: false; readonly problems: readonly Problem[] };

/** What the grammar makes of a text. Nothing is looked up. */
export function readSentence(text: string): Read {
  const problems = new Problems(text);
  if (text.length > textMax) {
    problems.add({ start: textMax, end: text.length }, `an intent has at most ${textMax} characters`);
    return { ok: false, problems: problems.found };
  }
  try {
    return { ok: true, sentence: parse(text) };
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    const { start } = thrown.location;
    const word = /^\S{1,40}/.exec(text.slice(start.offset))?.[0];
    const expected = expectedOf(thrown);
    const found = word === undefined ? 'the text ends' : `"${word}" stands`;
    problems.add({ start: start.offset, end: start.offset + (word?.length ?? 1) }, `${found} where ${alternatives(expected)} should`, {
      expected,
    });
    return { ok: false, problems: problems.found };
  }
}

/** Punctuation and blanks could stand almost anywhere: they are said only where nothing else could. */
function expectedOf({ expected }: SyntaxError): readonly string[] {
  const all = expected.map(({ type, description, text }) => (type === 'end' ? 'the end' : (description ?? text ?? type)));
  const words = [...new Set(all)].filter((word) => !['blank', ',', '.', ':', 'class', 'any'].includes(word));
  return words.length > 0 ? words.toSorted() : ['the end'];
}
