import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { LogRecord } from '../../journal/ports.ts';
import type { Api } from '../app.ts';
import type { ApiOptions, ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { LogAnswer, type LogItem } from '../schema/answers.ts';
import { problemAnswers } from '../schema/problem.ts';
import { LogQuery } from '../schema/requests.ts';
import { StreamSlots } from '../stream-slots.ts';
import { requireTenant } from './documents.ts';

const keepAliveMs = 15_000;
const limitDefault = 100;

interface Query {
  readonly since?: number;
  readonly limit?: number;
  readonly follow?: boolean;
}

/** What rules with `log: true` decided: the records that are kept, and on request those that come. */
export function logRoutes(app: Api, ports: ApiPorts, options: ApiOptions): void {
  const open = new Set<LogStream>();
  const slots = new StreamSlots({ what: 'followers of the log', max: options.watchersMax, perTenantMax: options.watchersPerTenantMax });
  app.addHook('preClose', async () => {
    for (const stream of open) stream.close();
  });
  const answer = (request: FastifyRequest, reply: FastifyReply, tenant: string | undefined): { items: LogItem[] } | undefined => {
    const { since, limit = limitDefault, follow } = request.query as Query;
    const behind = resumedFrom(request.headers['last-event-id']) ?? since;
    const items = ports.policyLog.read(tenant, behind, limit);
    if (follow !== true) return { items: [...items] };
    const release = slots.take(request.caller);
    reply.hijack();
    const stream = new LogStream(reply.raw, options.watchBufferBytesMax, () => ports.metrics.watcherCut());
    open.add(stream);
    const end = ports.policyLog.follow(tenant, (record) => stream.write(record));
    stream.onClose(() => {
      open.delete(stream);
      release();
      end();
    });
    stream.start(items);
    return undefined;
  };
  const schema = {
    tags: ['operation'],
    querystring: LogQuery,
    headers: Type.Object({
      'last-event-id': Type.Optional(Type.String({ description: 'resumes behind this record; wins over `since`' })),
    }),
    response: {
      200: {
        description: 'records; with `follow` server-sent events: `id` is the record’s, `event` record',
        content: { 'application/json': { schema: LogAnswer }, 'text/event-stream': { schema: Type.String() } },
      },
      ...problemAnswers,
    },
  };
  app.get(
    '/v1/tenants/:tenant/log',
    {
      exposeHeadRoute: false,
      config: { access: 'tenant-read', reads: 'stored' },
      schema: { ...schema, summary: 'What rules with `log` decided about the tenant’s interfaces', operationId: 'tenantLog' },
    },
    async (request, reply) => {
      const { tenant } = request.params as { tenant: string };
      requireTenant(ports, tenant);
      return answer(request, reply, tenant);
    },
  );
  app.get(
    '/v1/log',
    {
      exposeHeadRoute: false,
      config: { access: 'platform-read' },
      schema: { ...schema, summary: 'What rules with `log` decided, in all tenants', operationId: 'log' },
    },
    async (request, reply) => answer(request, reply, undefined),
  );
}

function resumedFrom(lastEventId: string | string[] | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  if (typeof lastEventId === 'string' && /^\d{1,16}$/.test(lastEventId)) return Number(lastEventId);
  throw new ProblemError('malformed', 'header last-event-id must be the id of a record', {
    errors: [{ pointer: '/last-event-id', detail: 'must be the id of a record', in: 'headers' }],
  });
}

/** One reader who follows. One that does not read as fast as records come is cut, and may resume behind what it has. */
class LogStream {
  readonly #response: ServerResponse;
  readonly #bufferBytesMax: number;
  readonly #onCut: () => void;
  readonly #keepAlive: NodeJS.Timeout;
  #isClosed = false;
  #closed: () => void = () => undefined;

  constructor(response: ServerResponse, bufferBytesMax: number, onCut: () => void) {
    this.#response = response;
    this.#bufferBytesMax = bufferBytesMax;
    this.#onCut = onCut;
    this.#keepAlive = setInterval(() => response.write(': alive\n\n'), keepAliveMs);
  }

  onClose(closed: () => void): void {
    this.#closed = closed;
  }

  start(kept: readonly LogRecord[]): void {
    const response = this.#response;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.on('close', () => this.close());
    response.on('error', () => this.close());
    response.write(': following\n\n');
    for (const record of kept) this.write(record);
  }

  write(record: LogRecord): void {
    if (this.#isClosed) return;
    if (this.#response.writableLength >= this.#bufferBytesMax) {
      this.#onCut();
      this.#response.destroy();
      return this.close();
    }
    this.#response.write(`id: ${record.id}\nevent: record\ndata: ${JSON.stringify(record)}\n\n`);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#keepAlive);
    this.#response.end();
    this.#closed();
  }
}
