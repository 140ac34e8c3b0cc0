import { Type, type Static } from 'typebox';

/** RFC 9457. `code` is stable; `errors` point into the body, or name a parameter of the query. */
export const Problem = Type.Object({
  type: Type.String({ description: '`urn:weir:problem:` and the code' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String(),
  errors: Type.Optional(
    Type.Array(
      Type.Object({
        pointer: Type.String({ description: 'JSON pointer (RFC 6901) into the body or the parameters' }),
        detail: Type.String(),
        place: Type.Optional(
          Type.Object(
            { line: Type.Integer(), column: Type.Integer(), length: Type.Integer() },
            { description: 'in the text of an intent, from 1' },
          ),
        ),
        in: Type.Optional(Type.Union([Type.Literal('query'), Type.Literal('path'), Type.Literal('headers')])),
      }),
    ),
  ),
  users: Type.Optional(
    Type.Array(Type.Object({ kind: Type.String(), tenant: Type.Optional(Type.String()), name: Type.String() }), {
      description: 'of `in-use`: who uses it',
    }),
  ),
  revision: Type.Optional(Type.Integer({ description: 'of `not-realized`: the write, which stands' })),
  waiting: Type.Optional(Type.Array(Type.Object({ host: Type.String(), reason: Type.String() }), { description: 'of `not-realized`' })),
});
export type Problem = Static<typeof Problem>;
export type ProblemDetails = Pick<Problem, 'errors' | 'users' | 'revision' | 'waiting'>;

/** Beside each route's own answer: every error is a problem. */
export const problemAnswers = {
  '4xx': { description: 'refused; nothing changed', content: { 'application/problem+json': { schema: Problem } } },
  '5xx': {
    description: 'failed; `not-realized` means that the write stands',
    content: { 'application/problem+json': { schema: Problem } },
  },
} as const;
