import type { FastifyReply } from 'fastify';
import type { Decide } from '../../inquiry/ports.ts';
import type { Api } from '../app.ts';
import { field } from '../permission.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { problemAnswers } from '../schema/problem.ts';
import { DecideAnswer, DecideBody, questionsMax } from '../schema/questions.ts';
import { ReadQuery } from '../schema/requests.ts';
import { bodyLimitOf } from '../json-bounds.ts';
import { describedBody } from '../validator.ts';
import { requireTenant } from './documents.ts';
import { pointerStep } from '../../../policies/model/index.ts';

/** Room for the most questions that there may be, of 400 bytes each. */
const bodyBytesMax = 4 * 1024 * 1024;

/** May these connections be opened? Of one tenant's names, or of everybody's. */
export function decideRoutes(app: Api, ports: ApiPorts): void {
  const schema = {
    summary: 'Which connections policy allows, and which rule decides on each side: many questions at once',
    tags: ['questions'],
    querystring: ReadQuery,
    body: DecideBody,
    response: { 200: DecideAnswer, ...problemAnswers },
  };
  // Questions are judged one by one, where they are answered.
  const options = {
    bodyLimit: bodyLimitOf(app, bodyBytesMax),
    validatorCompiler: describedBody,
  } as const;
  app.post(
    '/v1/tenants/:tenant/decide',
    { ...options, config: { access: 'tenant-read', reads: 'stored' }, schema: { ...schema, operationId: 'decide' } },
    async (request, reply) => {
      const { tenant } = request.params as { readonly tenant: string };
      requireTenant(ports, tenant);
      const viewer = request.caller.role === 'tenant' ? request.caller.tenant : undefined;
      return answer(reply, await ports.decide.decide({ tenant, viewer, questions: questionsOf(request.body) }));
    },
  );
  app.post(
    '/v1/decide',
    { ...options, config: { access: 'platform-read', reads: 'stored' }, schema: { ...schema, operationId: 'decideForPlatform' } },
    async (request, reply) =>
      answer(reply, await ports.decide.decide({ tenant: undefined, viewer: undefined, questions: questionsOf(request.body) })),
  );
}

function questionsOf(body: unknown): readonly unknown[] {
  const refused = (pointer: string, detail: string): ProblemError =>
    new ProblemError('malformed', detail, { errors: [{ pointer, detail }] });
  const questions = field(body, 'questions');
  if (!Array.isArray(questions)) throw refused('/questions', 'must be a list of questions');
  const unknown = Object.keys(body as object).find((name) => name !== 'questions');
  if (unknown !== undefined) throw unknownField(unknown);
  if (questions.length === 0) throw refused('/questions', 'must have at least one question');
  if (questions.length > questionsMax) {
    throw new ProblemError('too-large', `${questions.length} questions are more than the ${questionsMax} of one request`);
  }
  return questions;
}

function unknownField(name: string): ProblemError {
  const shown = name.slice(0, 63);
  return new ProblemError('unknown-field', `the body has no field "${shown}"`, {
    errors: [{ pointer: pointerStep(shown), detail: 'is not known' }],
  });
}

/** The answers are JSON already. */
function answer(reply: FastifyReply, { revision, answers }: Awaited<ReturnType<Decide['decide']>>): FastifyReply {
  return reply.type('application/json').send(`{"revision":${revision},"answers":[${answers.join()}]}`);
}
