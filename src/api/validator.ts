import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';
import type { FastifyValidationResult } from 'fastify/types/schema.js';
import type { TSchema } from 'typebox';

/** Sixteen digits are the most that a number holds, and not all of those. */
const isIntegerText = (text: string): boolean => /^-?\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text));

type Validate = FastifyValidationResult;

/**
 * Queries are text and are converted, but only text that is a number becomes one: the library would take `limit=1.5` for 1 and
 * `since=` for 0. Bodies are taken as they are. A schema is compiled when its route is first asked: all at once would take the thread long.
 */
export const requestValidator: FastifySchemaCompiler<TSchema> = (route) => {
  let compiled: Validate | undefined;
  const validate = worded((data) => (compiled ??= TypeBoxValidatorCompiler(route))(data), route.schema);
  if (route.httpPart !== 'querystring') return validate;
  const { properties = {} } = route.schema as { readonly properties?: Readonly<Record<string, { readonly type?: string }>> };
  const integers = Object.keys(properties).filter((name) => properties[name]?.type === 'integer');
  return (query: Record<string, unknown>) => {
    const wrong = integers.filter((name) => typeof query[name] === 'string' && !isIntegerText(query[name]));
    return validate(wrong.length === 0 ? query : { ...query, ...Object.fromEntries(wrong.map((name) => [name, Number.NaN])) });
  };
};

/** For a route that judges its body itself, piece by piece and in better words than a schema has; the schema then only describes it. */
export const describedBody: FastifySchemaCompiler<TSchema> = (route) => (route.httpPart === 'body' ? () => true : requestValidator(route));

/** The library's findings, each once and saying what would do. */
function worded(validate: Validate, schema: TSchema): Validate {
  return (data) => {
    const outcome = validate(data);
    const found = typeof outcome === 'object' && 'error' in outcome ? outcome.error : undefined;
    if (!Array.isArray(found)) return outcome;
    const unions = found.filter(({ keyword }) => keyword === 'anyOf');
    const own = found.filter(({ schemaPath }) => !unions.some((union) => schemaPath.startsWith(`${union.schemaPath}/anyOf/`)));
    return { error: own.map((each) => ({ ...each, message: wordsOf(schema, each) })) };
  };
}

function wordsOf(schema: TSchema, { keyword, schemaPath, params, message }: FastifySchemaValidationError): string {
  switch (keyword) {
    case 'enum':
      return `must be one of ${(params['allowedValues'] as readonly unknown[]).join(', ')}`;
    case 'const':
      return `must be ${JSON.stringify(params['allowedValue'])}`;
    case 'additionalProperties':
      return 'is not known';
    case 'required':
      return 'is required';
    case 'anyOf': {
      const description = nodeAt(schema, schemaPath)?.['description'];
      return typeof description === 'string' ? `must be ${description}` : (message ?? 'is not valid');
    }
    default:
      return message ?? 'is not valid';
  }
}

function nodeAt(schema: TSchema, schemaPath: string): Readonly<Record<string, unknown>> | undefined {
  let node: unknown = schema;
  for (const step of schemaPath.split('/').slice(1)) node = (node as Readonly<Record<string, unknown>> | undefined)?.[step];
  return node as Readonly<Record<string, unknown>> | undefined;
}
