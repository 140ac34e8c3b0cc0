import type { Api } from '../app.ts';
import { refuseCondition } from '../condition.ts';
import { field, mayWrite } from '../permission.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { WriteResult } from '../schema/answers.ts';
import { problemAnswers } from '../schema/problem.ts';
import { WriteQuery } from '../schema/requests.ts';
import { write, writeResult } from '../write.ts';
import { YamlReader } from '../yaml-reader.ts';
import { Type } from 'typebox';
import { schemas } from '../../../policies/model/index.ts';

/** YAML takes much longer to parse than JSON, and nobody writes this much by hand. */
const yamlBytesMax = 4 * 1024 * 1024;
const documentsMax = 100_000;

const Documents = Type.Array(Type.Union(Object.values(schemas)), {
  maxItems: documentsMax,
  description: 'documents of any kind, each with `kind` and `metadata.name`',
});

export function applyRoute(app: Api, ports: ApiPorts): void {
  const yaml = new YamlReader();
  app.addContentTypeParser(
    /^(application|text)\/(x-)?yaml(;|$)/,
    { parseAs: 'string', bodyLimit: yamlBytesMax },
    async (_request: unknown, body: string) => yaml.read(body),
  );
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
      validatorCompiler: ({ schema, httpPart }) =>
        httpPart === 'body' ? () => true : app.validatorCompiler!({ schema, method: 'POST', url: '', httpPart }),
    },
    async (request) => {
      const documents: unknown = request.body;
      if (!Array.isArray(documents)) {
        throw new ProblemError('malformed', 'the body must be a list of documents', {
          errors: [{ pointer: '', detail: 'must be an array' }],
        });
      }
      refuseCondition(request.headers);
      if (documents.length > documentsMax) {
        throw new ProblemError('too-large', `${documents.length} documents are more than the ${documentsMax} of one request`);
      }
      const { caller } = request;
      const own = caller.role === 'tenant' ? caller.tenant : undefined;
      const snapshot = ports.admission.snapshot();
      const writes = documents.map((raw: unknown, index) => {
        const pointer = `/${index}`;
        mayWrite(caller, raw, { kind: field(raw, 'kind'), name: field(field(raw, 'metadata'), 'name') }, snapshot, pointer);
        return { verb: 'apply' as const, raw, pointer, defaultTenant: own, confinedTo: own };
      });
      return writeResult(ports, await write(ports, writes, request.query), request.query);
    },
  );
}
