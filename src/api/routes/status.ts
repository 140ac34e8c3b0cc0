import type { Api } from '../app.ts';
import type { ApiPorts } from '../ports.ts';
import { StatusAnswer } from '../schema/answers.ts';
import { problemAnswers } from '../schema/problem.ts';
import { NoQuery } from '../schema/requests.ts';

export function statusRoute(app: Api, ports: ApiPorts): void {
  app.get(
    '/v1/status',
    {
      config: { access: 'platform-read' },
      schema: {
        summary: 'Members, leader, switches and what they carry out',
        operationId: 'status',
        tags: ['operation'],
        querystring: NoQuery,
        response: { 200: StatusAnswer, ...problemAnswers },
      },
    },
    async () => {
      const members = ports.cluster.members();
      return {
        version: ports.cluster.version,
        revision: ports.store.revision,
        compactedRevision: ports.store.compactedRevision,
        leader: members.find(({ leader }) => leader)?.name ?? null,
        members: members.map((member) => ({ ...member, warnings: [...ports.cluster.warningsOf(member.name)] })),
        switches: [...(await ports.read.hosts())],
      };
    },
  );
}
