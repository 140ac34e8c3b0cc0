import type { Api } from '../app.ts';
import { isKind, kinds } from '../../../policies/model/parse.ts';
import type { ApiOptions, ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { problemAnswers } from '../schema/problem.ts';
import { WatchQuery } from '../schema/requests.ts';
import { StreamSlots } from '../stream-slots.ts';
import { WatchStream } from '../watch-stream.ts';
import { Type } from 'typebox';

const keepAliveMs = 15_000;
/** A reader that takes nothing for this long is cut. */
const stalledMsMax = 30_000;

/** Server-sent events (WHATWG HTML, section 9.2) in revision order. */
export function watchRoute(app: Api, ports: ApiPorts, options: ApiOptions): void {
  const open = new Set<WatchStream>();
  const slots = new StreamSlots({ what: 'watches', max: options.watchersMax, perTenantMax: options.watchersPerTenantMax });
  app.addHook('preClose', async () => {
    for (const stream of open) stream.close();
  });
  app.get(
    '/v1/watch',
    {
      // A stream has no end that a HEAD could wait for.
      exposeHeadRoute: false,
      config: { access: 'own', reads: 'stored' },
      schema: {
        summary:
          'What changes, as server-sent events: `id` is the revision, `event` put or delete, `data` the resource; `: complete N` says that all up to N were sent',
        operationId: 'watch',
        tags: ['documents'],
        querystring: WatchQuery,
        headers: Type.Object({
          'last-event-id': Type.Optional(Type.String({ description: 'resumes behind this revision, all of it; wins over `since`' })),
        }),
        response: { 200: { description: 'events', content: { 'text/event-stream': { schema: Type.String() } } }, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const { kind } = request.query;
      if (kind !== undefined && !isKind(kind)) {
        const detail = `is no kind: one of ${kinds.join(', ')}`;
        throw new ProblemError('malformed', `"${kind}" ${detail}`, { errors: [{ pointer: '/kind', detail, in: 'query' }] });
      }
      const since = sinceOf(request.headers['last-event-id'], request.query.since) ?? ports.store.revision;
      if (since < ports.store.compactedRevision) {
        throw new ProblemError(
          'compacted',
          `events are kept from revision ${ports.store.compactedRevision} on: list again and watch from there`,
        );
      }
      if (since > ports.store.revision) {
        throw new ProblemError(
          'compacted',
          `revision ${since} is ahead of the store, which is at ${ports.store.revision}: list again and watch from there`,
        );
      }
      const release = slots.take(request.caller);
      const stream = new WatchStream(ports, reply.raw, {
        since,
        kind,
        caller: request.caller,
        bufferBytesMax: options.watchBufferBytesMax,
        keepAliveMs,
        stalledMsMax,
      });
      reply.hijack();
      open.add(stream);
      ports.metrics.watchers(open.size);
      stream.onClose(() => {
        open.delete(stream);
        release();
        ports.metrics.watchers(open.size);
      });
      stream.start();
      return reply;
    },
  );
}

function sinceOf(lastEventId: string | undefined, since: number | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return since;
  if (!/^\d{1,15}$/.test(lastEventId)) {
    throw new ProblemError('malformed', 'header last-event-id must be a revision', {
      errors: [{ pointer: '/last-event-id', detail: 'must be a revision', in: 'headers' }],
    });
  }
  return Number(lastEventId);
}
