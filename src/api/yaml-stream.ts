import { parseAllDocuments } from 'yaml';
import { reasonOf } from '../base/errors.ts';
import { ProblemError } from './problem.ts';

/** An alias may stand for a large part of a document; this many are more than people write and far fewer than an attack needs. */
const aliasesMax = 100;

/** The documents of a YAML stream, in order; empty ones are left out. YAML 1.2 core schema: no tags that make objects, no merge keys. */
export function parseYamlStream(text: string): readonly unknown[] {
  const documents = parse(text);
  return documents.flatMap((document) => {
    const error = document.errors[0];
    if (error) throw malformed(error.message);
    const value = toValue(() => document.toJS({ maxAliasCount: aliasesMax }) as unknown);
    return value === null || value === undefined ? [] : [value];
  });
}

function parse(text: string) {
  const documents = toValue(() => parseAllDocuments(text, { schema: 'core', version: '1.2', uniqueKeys: true, logLevel: 'error' }));
  return Array.isArray(documents) ? documents : [];
}

/** Too many aliases and too deep nesting are thrown by the parser. */
function toValue<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw malformed(cause instanceof RangeError ? 'it is nested too deeply' : reasonOf(cause));
  }
}

function malformed(reason: string): ProblemError {
  return new ProblemError('malformed', `the YAML stream cannot be read: ${reason}`);
}
