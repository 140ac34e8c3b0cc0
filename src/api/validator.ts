import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';

const integerText = /^-?\d{1,15}$/;

/**
 * Queries are text and are converted, but only text that is a number becomes one: the library would take `limit=1.5` for 1 and
 * `since=` for 0. Bodies are taken as they are.
 */
export const requestValidator: FastifySchemaCompiler<TSchema> = (route) => {
  const validate = TypeBoxValidatorCompiler(route);
  if (route.httpPart !== 'querystring') return validate;
  const { properties = {} } = route.schema as { readonly properties?: Readonly<Record<string, { readonly type?: string }>> };
  const integers = Object.keys(properties).filter((name) => properties[name]?.type === 'integer');
  return (query: Record<string, unknown>) => {
    const wrong = integers.filter((name) => typeof query[name] === 'string' && !integerText.test(query[name]));
    return validate(wrong.length === 0 ? query : { ...query, ...Object.fromEntries(wrong.map((name) => [name, Number.NaN])) });
  };
};
