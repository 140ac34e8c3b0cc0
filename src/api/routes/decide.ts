import type { FastifyReply } from 'fastify';
import type { Decide } from '../../inquiry/ports.ts';
import type { Api } from '../app.ts';
import { field } from '../permission.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { problemAnswers } from '../schema/problem.ts';
import { DecideAnswer, DecideBody, questionsMax } from '../schema/questions.ts';
import { NoQuery } from '../schema/requests.ts';
import { requireTenant } from './documents.ts';

/** May these connections be opened? Of one tenant's names, or of everybody's. */
export function decideRoutes(app: Api, ports: ApiPorts): void {
  const schema = {
    summary: 'Which connections policy allows, and which rule decides on each side: many questions at once',
    tags: ['questions'],
    querystring: NoQuery,
    body: DecideBody,
    response: { 200: DecideAnswer, ...problemAnswers },
  };
  // Questions are judged one by one, where they are answered.
  const validatorCompiler: Api['validatorCompiler'] = ({ schema: part, httpPart }) =>
    httpPart === 'body' ? () => true : app.validatorCompiler!({ schema: part, method: 'POST', url: '', httpPart });
  app.post(
    '/v1/tenants/:tenant/decide',
    { config: { access: 'tenant-read' }, schema: { ...schema, operationId: 'decide' }, validatorCompiler },
    async (request, reply) => {
      const { tenant } = request.params as { readonly tenant: string };
      requireTenant(ports, tenant);
      const viewer = request.caller.role === 'tenant' ? request.caller.tenant : undefined;
      return answer(reply, await ports.decide.decide({ tenant, viewer, questions: questionsOf(request.body) }));
    },
  );
  app.post(
    '/v1/decide',
    { config: { access: 'platform-read' }, schema: { ...schema, operationId: 'decideForPlatform' }, validatorCompiler },
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
  if (unknown !== undefined) throw new ProblemError('unknown-field', `the body has no field "${unknown.slice(0, 63)}"`);
  if (questions.length === 0) throw refused('/questions', 'must have at least one question');
  if (questions.length > questionsMax) {
    throw new ProblemError('too-large', `${questions.length} questions are more than the ${questionsMax} of one request`);
  }
  return questions;
}

/** The answers are JSON already. */
function answer(reply: FastifyReply, { revision, answers }: Awaited<ReturnType<Decide['decide']>>): FastifyReply {
  return reply.type('application/json').send(`{"revision":${revision},"answers":[${answers.join()}]}`);
}
