import type { Api } from '../app.ts';
import { refuseCondition } from '../condition.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { WriteResult } from '../schema/answers.ts';
import { problemAnswers } from '../schema/problem.ts';
import { WriteQuery } from '../schema/requests.ts';
import { acceptYaml, checkCount, Documents, writesOf } from '../sent-documents.ts';
import { describedBody } from '../validator.ts';
import { write, writeResult } from '../write.ts';

export function applyRoute(app: Api, ports: ApiPorts): void {
  acceptYaml(app);
  app.post(
    '/v1/apply',
    {
      config: { access: 'own' },
      schema: {
        summary: 'Many documents in one transaction: all or nothing, one revision',
        operationId: 'apply',
        tags: ['documents'],
        querystring: WriteQuery,
        body: { content: { 'application/json': { schema: Documents }, 'application/yaml': { schema: Documents } } },
        response: { 200: WriteResult, ...problemAnswers },
      },
      // Each document is judged once, by admission, which says where in the list it stands.
      validatorCompiler: describedBody,
    },
    async (request) => {
      const documents: unknown = request.body;
      if (!Array.isArray(documents)) {
        throw new ProblemError('malformed', 'the body must be a list of documents', {
          errors: [{ pointer: '', detail: 'must be an array' }],
        });
      }
      refuseCondition(request.headers);
      checkCount(documents);
      const { caller } = request;
      // What a tenant must leave as it is, is judged by what it is now.
      if (caller.role === 'tenant') await ports.admission.current();
      const writes = writesOf(documents, { caller, snapshot: ports.admission.snapshot(), base: '' });
      return writeResult(ports, await write(ports, writes, request.query), request.query);
    },
  );
}
