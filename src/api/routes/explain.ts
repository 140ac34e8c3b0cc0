import type { FastifyReply } from 'fastify';
import type { ExplainQuestion, Explanation } from '../../inquiry/ports.ts';
import type { Api } from '../app.ts';
import type { Access, Caller } from '../caller.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { ExplainAnswer, ExplainBody, RuleAnswer } from '../schema/explain.ts';
import { problemAnswers } from '../schema/problem.ts';
import { ReadQuery } from '../schema/requests.ts';
import { bodyLimitOf, shortBytesMax } from '../json-bounds.ts';
import { requireTenant } from './documents.ts';

interface Params {
  readonly tenant?: string;
  readonly id?: string;
}

/** Why a packet passes or not, below a tenant and for the platform. */
export function explainRoutes(app: Api, ports: ApiPorts): void {
  const places = [
    { base: '/v1/tenants/:tenant', access: 'tenant-read', suffix: 'Tenant' },
    { base: '/v1', access: 'platform-read', suffix: '' },
  ] as const satisfies readonly { base: string; access: Access; suffix: string }[];
  for (const { base, access, suffix } of places) {
    app.post(
      `${base}/explain`,
      {
        bodyLimit: bodyLimitOf(app, shortBytesMax),
        config: { access, reads: 'stored' },
        schema: {
          summary: 'May this connection be opened, by what, which way does it go and what keeps it from passing?',
          operationId: `explain${suffix}`,
          tags: ['questions'],
          querystring: ReadQuery,
          body: ExplainBody,
          response: { 200: ExplainAnswer, ...problemAnswers },
        },
      },
      async (request, reply) => {
        const { tenant } = request.params as Params;
        requireTenant(ports, tenant);
        return send(reply, await ports.explain.explain(questionOf(request.body, tenant, request.caller, ports.clock.wallMs())));
      },
    );
    app.get(
      `${base}/rules/:id`,
      {
        config: { access, reads: 'stored' },
        schema: {
          summary: 'The rule with this number: the one that `ct_label` of a connection records',
          operationId: `rule${suffix}`,
          tags: ['questions'],
          querystring: ReadQuery,
          response: { 200: RuleAnswer, ...problemAnswers },
        },
      },
      async (request) => {
        const { tenant, id } = request.params as Params;
        requireTenant(ports, tenant);
        const found = /^\d{1,10}$/.test(id ?? '') ? await ports.explain.rule(Number(id), tenant) : undefined;
        if (!found) throw new ProblemError('not-found', `no rule has the number ${id} now`);
        const { tenant: owner, ...rule } = found;
        return { ...rule, ...(owner !== undefined && { tenant: owner }) };
      },
    );
  }
}

const send = (reply: FastifyReply, explanation: Explanation): FastifyReply => reply.send(explanation);

/** A tenant is told nothing of others, whatever it asks about. */
function questionOf({ at, ...asked }: ExplainBody, tenant: string | undefined, caller: Caller, nowMs: number): ExplainQuestion {
  const sees = caller.role === 'tenant' ? caller.tenant : undefined;
  return { ...asked, tenant, sees, at: at === undefined ? undefined : momentOf(at, nowMs) };
}

const malformedAt = (message: string, detail: string): ProblemError =>
  new ProblemError('malformed', message, { errors: [{ pointer: '/at', detail }] });

/** So far may the clock of who asks be ahead of ours. */
const clockSkewMsMax = 60_000;

/** With its zone: what a text without one means depends on who reads it. */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

function momentOf(at: number | string, nowMs: number): NonNullable<ExplainQuestion['at']> {
  if (typeof at === 'number' || /^\d{1,15}$/.test(at)) return { kind: 'revision', revision: Number(at) };
  const wallMs = rfc3339.test(at) ? Date.parse(at) : Number.NaN;
  if (wallMs > nowMs + clockSkewMsMax) throw malformedAt(`${at} is still to come`, 'is still to come');
  if (!Number.isNaN(wallMs)) return { kind: 'time', wallMs };
  throw malformedAt(`"${at}" is neither a revision nor a time by RFC 3339`, 'must be a revision, or a time such as 2026-01-31T12:00:00Z');
}
