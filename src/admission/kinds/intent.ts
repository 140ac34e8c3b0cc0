import { compileMeaning, echo, understand } from '../../../policies/intents/index.ts';
import type { Meaning, Problem } from '../../../policies/intents/index.ts';
import { AdmissionError } from '../error.ts';
import { documentKey } from '../keys.ts';
import type { Handler } from './handler.ts';

/**
 * The sentence is read against the documents as they are, those of the same request included, and what it comes to is kept: it is read
 * again only when the intent is written again. The documents that it owns are written behind it: see `owned.ts`.
 */
export const intentHandler: Handler<'Intent'> = {
  resolve: (draft, wanted) => {
    const { tenant, name, spec } = wanted;
    const world = draft.working.records;
    const understood = understand(spec.text, tenant, world);
    if (!understood.ok) throw refusalOf(understood.problems);
    const documents = compileMeaning(understood.meaning, name, spec.order);
    draft.compiled.set(documentKey('Intent', tenant, name), documents);
    return {
      text: spec.text,
      order: spec.order,
      meaning: asStored(understood.meaning),
      echo: echo(understood.meaning, tenant, world),
      compiled: documents.map((document) => ({ kind: document.kind, name: document.name })),
    };
  },
};

/** Without keys that are undefined, which the store does not keep. */
const asStored = (meaning: Meaning): Meaning => JSON.parse(JSON.stringify(meaning)) as Meaning;

function refusalOf(problems: readonly Problem[]): AdmissionError {
  const errors = problems.map(({ line, column, span, detail }) => ({
    pointer: '/spec/text',
    detail: `line ${line}, column ${column}: ${detail}`,
    place: { line, column, length: span.end - span.start },
  }));
  const code = problems.find((problem) => problem.code === 'malformed')?.code ?? 'reference-missing';
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new AdmissionError(code, `/spec/text ${errors[0]?.detail ?? ''}${more}`, { errors });
}
