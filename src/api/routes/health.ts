import { Type } from 'typebox';
import type { Api } from '../app.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { problemAnswers } from '../schema/problem.ts';
import { NoQuery } from '../schema/requests.ts';

const Ok = Type.Object({ status: Type.Literal('ok') });

export function healthRoutes(app: Api, ports: ApiPorts): void {
  app.get(
    '/healthz',
    {
      config: { access: 'open' },
      schema: {
        summary: 'Whether the process runs',
        operationId: 'healthz',
        tags: ['operation'],
        querystring: NoQuery,
        response: { 200: Ok, ...problemAnswers },
      },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    {
      config: { access: 'open' },
      schema: {
        summary: 'Whether requests can be served',
        operationId: 'readyz',
        tags: ['operation'],
        querystring: NoQuery,
        response: { 200: Ok, ...problemAnswers },
      },
    },
    async () => {
      const reason = ports.cluster.unreadyReason();
      if (reason !== undefined) throw new ProblemError(ports.cluster.control.isRemoved ? 'removed' : 'no-leader', reason);
      return { status: 'ok' as const };
    },
  );
  app.get(
    '/metrics',
    {
      config: { access: 'platform-read' },
      schema: {
        summary: 'Metrics in the Prometheus text format',
        operationId: 'metrics',
        tags: ['operation'],
        response: { 200: { description: 'metrics', content: { 'text/plain': { schema: Type.String() } } }, ...problemAnswers },
      },
      serializerCompiler: () => (text: string) => text,
    },
    async (_request, reply) => {
      const { contentType, body } = await ports.metrics.expose();
      return reply.type(contentType).send(body);
    },
  );
  app.get('/openapi.json', { config: { access: 'open' }, schema: { hide: true } }, async () => app.swagger());
}
