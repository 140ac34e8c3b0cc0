import type { Readable } from 'node:stream';
import { Type } from 'typebox';
import type { ClusterStatus } from '../../../cluster/members/port.ts';
import type { Api } from '../app.ts';
import { download } from '../download.ts';
import type { ApiPorts } from '../ports.ts';
import { ClusterAnswer, MemberBody, TransferBody } from '../schema/cluster.ts';
import { problemAnswers } from '../schema/problem.ts';
import { NoQuery } from '../schema/requests.ts';

/** Of who reads a backup. */
const stalledMsMax = 60_000;

const answers = { 200: ClusterAnswer, ...problemAnswers };

/** The members of the cluster. Any of them may be asked; the leader does it. */
export function clusterRoutes(app: Api, { cluster }: ApiPorts): void {
  const { control } = cluster;
  const shown = (status: ClusterStatus): ClusterAnswer => ({
    ...status,
    members: status.members.map((member) => ({ ...member, warnings: [...cluster.warningsOf(member.id)] })),
  });
  app.get(
    '/v1/cluster',
    {
      config: { access: 'platform-read' },
      schema: {
        summary: 'Members, as the leader sees them',
        operationId: 'cluster',
        tags: ['operation'],
        querystring: NoQuery,
        response: answers,
      },
    },
    async () => shown(await control.status()),
  );
  app.post(
    '/v1/cluster/members',
    {
      config: { access: 'platform-write' },
      schema: {
        summary: 'Add a member: it gets the data, and votes once it has it; to repeat it changes nothing',
        operationId: 'addMember',
        tags: ['operation'],
        querystring: NoQuery,
        body: MemberBody,
        response: answers,
      },
    },
    async ({ body }) => shown(await control.add(body)),
  );
  app.delete(
    '/v1/cluster/members/:member',
    {
      config: { access: 'platform-write' },
      schema: {
        summary: 'Remove a member for ever; to repeat it changes nothing',
        operationId: 'removeMember',
        tags: ['operation'],
        params: Type.Object({ member: Type.String({ minLength: 1, maxLength: 63 }) }),
        querystring: NoQuery,
        response: answers,
      },
    },
    async ({ params }) => shown(await control.remove(params.member)),
  );
  app.post(
    '/v1/cluster/transfer',
    {
      config: { access: 'platform-write' },
      schema: {
        summary: 'Let another member lead',
        operationId: 'transferLeadership',
        tags: ['operation'],
        querystring: NoQuery,
        body: TransferBody,
        response: answers,
      },
    },
    async ({ body }) => shown(await control.transfer(body.to)),
  );
  app.get(
    '/v1/backup',
    {
      exposeHeadRoute: false,
      config: { access: 'platform-write' },
      schema: {
        summary: 'All that is stored, at one revision, as a file for `weir restore`; ends itself: what is cut short is known',
        operationId: 'backup',
        tags: ['operation'],
        querystring: NoQuery,
        response: {
          200: {
            description: 'the backup',
            content: { 'application/octet-stream': { schema: Type.Unsafe<Readable>(Type.String({ format: 'binary' })) } },
          },
          ...problemAnswers,
        },
      },
    },
    async (_request, reply) =>
      control.backup(async ({ revision, bytes }) => download(reply.header('weir-revision', String(revision)), bytes, stalledMsMax)),
  );
}
