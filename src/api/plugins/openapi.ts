import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
// What they would load where they are registered, where it would keep the consensus waiting.
import '@fastify/swagger/lib/mode/dynamic.js';
import '@fastify/swagger-ui/lib/routes.js';
import type { Api } from '../app.ts';
import type { ApiPorts } from '../ports.ts';

const description = `Tenants say what they want; Weir makes every switch do exactly that.

Errors are \`application/problem+json\` with a stable \`code\`. Writes take \`dryRun\` and \`wait=realized\`. Reads know all that was
acknowledged before, by any member, and say in \`weir-revision\` what they read; \`consistency=local\` asks one member alone. A watch may be cut between
two events of one revision, and says \`: complete N\` once all events up to N were sent: to resume exactly, ask for events since the last N that was
said, or since the revision before the last one seen, and skip those that were seen.`;

/** The document is made from the very schemas that validate. */
export function openapi(app: Api, ports: ApiPorts): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Weir', version: ports.cluster.version, description },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }, {}],
      tags: [
        { name: 'documents', description: 'what tenants and the platform want' },
        { name: 'vms', description: 'hooks for the compute layer' },
        { name: 'questions', description: 'why a packet passes or not' },
        { name: 'operation', description: 'health, status, metrics' },
      ],
    },
  });
  app.register(swaggerUi, { routePrefix: '/docs', uiConfig: { docExpansion: 'list' } });
}
