import { isScalar, LineCounter, parseAllDocuments, visit } from 'yaml';
import type { Document, YAMLError } from 'yaml';
import { reasonOf } from '../base/errors.ts';
import { ProblemError } from './problem.ts';

/** An alias may stand for a large part of a document; this many are more than people write and far fewer than an attack needs. */
const aliasesMax = 100;

/**
 * The documents of a YAML stream, in order; empty ones are left out. YAML 1.2 core schema: no tags that make objects, no merge keys.
 * The time is in proportion to the text: what the library does for each pair of keys, for each alias and for the words of each
 * error is done here once, or is bounded.
 */
export function parseYamlStream(text: string): readonly unknown[] {
  const lines = new LineCounter();
  return parse(text, lines).flatMap((document) => {
    const error = document.errors[0];
    if (error) throw malformed(`${reasonFor(error)} ${placeOf(error, lines)}`);
    toValue(() => check(document, lines));
    const value = toValue(() => document.toJS({ maxAliasCount: aliasesMax }) as unknown);
    return value === null || value === undefined ? [] : [value];
  });
}

function parse(text: string, lineCounter: LineCounter) {
  const options = { schema: 'core', version: '1.2', uniqueKeys: false, prettyErrors: false, lineCounter, logLevel: 'error' } as const;
  const documents = toValue(() => parseAllDocuments(text, options));
  return Array.isArray(documents) ? documents : [];
}

/** Every key of a map is another, and aliases are few. */
function check(document: Document.Parsed, lines: LineCounter): void {
  let aliases = 0;
  visit(document, {
    Alias: () => {
      if (++aliases > aliasesMax) throw malformed(`a document has more than ${aliasesMax} aliases`);
    },
    Map: (_key, { items }) => {
      const keys = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (keys.has(name)) throw malformed(`the key ${name} is given twice ${placeOf({ pos: [key.range?.[0] ?? 0] }, lines)}`);
        keys.add(name);
      }
    },
  });
}

function placeOf({ pos: [offset] }: { readonly pos: readonly [number, ...number[]] } | YAMLError, lines: LineCounter): string {
  const { line, col } = lines.linePos(offset);
  return `at line ${line}, column ${col}`;
}

const tooDeep = 'it is nested too deeply';
const reasonFor = ({ code, message }: YAMLError): string => (code === 'RESOURCE_EXHAUSTION' ? tooDeep : message);

/** Too many aliases and too deep nesting are thrown by the parser. */
function toValue<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ProblemError) throw cause;
    throw malformed(cause instanceof RangeError ? tooDeep : reasonOf(cause));
  }
}

function malformed(reason: string): ProblemError {
  return new ProblemError('malformed', `the YAML stream cannot be read: ${reason}`);
}
