import type { FastifyReply } from 'fastify';
import { schemas } from '../../../policies/model/schema/resource.ts';
import type { Write } from '../../admission/index.ts';
import type { HookRequest, HookResult, HookWait } from '../../lifecycle/ports.ts';
import type { Api } from '../app.ts';
import type { Access } from '../caller.ts';
import { conditionOf, etagOf, refuseCondition } from '../condition.ts';
import { mayWrite } from '../permission.ts';
import type { ApiPorts } from '../ports.ts';
import { noEffect, phaseOf, resourceOf } from '../resource.ts';
import { hookSchema, orForeseen, removalTimings, setUpTimings, WriteResult } from '../schema/answers.ts';
import { problemAnswers } from '../schema/problem.ts';
import { HookHeaders, HookQuery, StartBody, timeoutMsDefault, VerbHeaders } from '../schema/requests.ts';
import { bodyLimitOf, documentBytesMax, shortBytesMax } from '../json-bounds.ts';
import { describedBody } from '../validator.ts';
import { write, writeResult } from '../write.ts';
import { requireTenant } from './documents.ts';

interface Params {
  readonly tenant: string;
  readonly name: string;
}

interface Query {
  readonly wait?: 'realized' | 'active';
  readonly timeoutMs?: number;
}

interface Headers {
  readonly 'if-match'?: string;
  readonly 'if-none-match'?: string;
  readonly 'idempotency-key'?: string;
}

const path = '/v1/tenants/:tenant/vms/:name';

/** The hooks that follow a VM's life. */
export function vmRoutes(app: Api, ports: ApiPorts): void {
  putRoute(app, ports);
  startRoute(app, ports);
  stopRoute(app, ports);
  deleteRoute(app, ports);
}

function putRoute(app: Api, ports: ApiPorts): void {
  const answer = hookSchema(setUpTimings);
  app.put(
    path,
    {
      config: { access: 'vm-write' satisfies Access },
      schema: {
        summary: 'Create or replace a VM: addresses allocated, quota and policy checked, nothing on a switch until it has a host',
        operationId: 'putVm',
        tags: ['vms'],
        querystring: HookQuery,
        headers: HookHeaders,
        body: schemas.Vm,
        response: { 200: orForeseen(answer), 201: answer, ...problemAnswers },
      },
      bodyLimit: bodyLimitOf(app, documentBytesMax),
      validatorCompiler: describedBody,
    },
    async (request, reply) => {
      const params = request.params as Params;
      const vm = { kind: 'Vm', ...params } as const;
      // What a tenant must leave as it is, is judged by what it is now.
      if (request.caller.role === 'tenant') await ports.admission.current();
      mayWrite(request.caller, request.body, vm, ports.admission.snapshot(), '');
      const hook = hookRequest(params, request.headers, request.query, 'none');
      if (request.query.dryRun === true) return foresee(ports, { verb: 'put', ...vm, raw: request.body, when: hook.when });
      return send(ports, reply, await ports.hooks.put({ ...hook, raw: request.body }));
    },
  );
}

function startRoute(app: Api, ports: ApiPorts): void {
  app.post(
    `${path}/start`,
    {
      bodyLimit: bodyLimitOf(app, shortBytesMax),
      config: { access: 'vm-verb' satisfies Access },
      schema: {
        summary: 'Before the first packet: answers once every flow that needs no port number is committed on the host',
        operationId: 'startVm',
        tags: ['vms'],
        querystring: HookQuery,
        headers: VerbHeaders,
        body: StartBody,
        response: { 200: orForeseen(hookSchema(setUpTimings)), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const params = request.params as Params;
      const { host } = request.body;
      refuseCondition(request.headers);
      if (request.query.dryRun === true) return foresee(ports, { verb: 'start', kind: 'Vm', ...params, host });
      return send(ports, reply, await ports.hooks.start({ ...hookRequest(params, request.headers, request.query, 'realized'), host }));
    },
  );
}

function stopRoute(app: Api, ports: ApiPorts): void {
  app.post(
    `${path}/stop`,
    {
      config: { access: 'vm-verb' satisfies Access },
      schema: {
        summary: 'Flows, queues, meters and reservations go; MAC and addresses stay',
        operationId: 'stopVm',
        tags: ['vms'],
        querystring: HookQuery,
        headers: VerbHeaders,
        response: { 200: orForeseen(hookSchema(removalTimings)), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const params = request.params as Params;
      refuseCondition(request.headers);
      if (request.query.dryRun === true) return foresee(ports, { verb: 'stop', kind: 'Vm', ...params });
      return send(ports, reply, await ports.hooks.stop(hookRequest(params, request.headers, request.query, 'try')));
    },
  );
}

function deleteRoute(app: Api, ports: ApiPorts): void {
  app.delete(
    path,
    {
      config: { access: 'vm-write' satisfies Access },
      schema: {
        summary: 'Delete a VM: nothing stays anywhere. Again within 24 hours, while there is no other of that name: answers as before',
        operationId: 'deleteVm',
        tags: ['vms'],
        querystring: HookQuery,
        headers: HookHeaders,
        response: { 200: orForeseen(hookSchema(removalTimings)), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const params = request.params as Params;
      const hook = hookRequest(params, request.headers, request.query, 'try');
      if (request.query.dryRun === true) return foresee(ports, { verb: 'delete', kind: 'Vm', ...params, when: hook.when });
      if (!ports.admission.snapshot().get('Tenant', undefined, params.tenant)) await ports.admission.current();
      requireTenant(ports, params.tenant);
      return send(ports, reply, await ports.hooks.remove(hook));
    },
  );
}

/** What a hook would change. */
async function foresee(ports: ApiPorts, intended: Write): Promise<WriteResult> {
  const query = { dryRun: true };
  return writeResult(ports, await write(ports, [intended], query), query);
}

/** A switch that is away must not keep a VM from being stopped or deleted: `try` waits for it a second. */
const tryMs = 1000;

function hookRequest(params: Params, headers: Headers, query: Query, unasked: HookWait['kind']): HookRequest {
  const kind = query.wait ?? unasked;
  const timeoutMs = query.timeoutMs ?? (kind === 'try' ? tryMs : timeoutMsDefault);
  return {
    tenant: params.tenant,
    name: params.name,
    when: conditionOf(headers),
    wait: { kind, timeoutMs },
    idempotencyKey: headers['idempotency-key'],
  };
}

function send(ports: ApiPorts, reply: FastifyReply, result: HookResult): FastifyReply {
  const { vm, interfaces, timings, revision, waiting, action } = result;
  const effect = action === 'deleted' ? noEffect : result.effect;
  if (action !== 'deleted') void reply.header('etag', etagOf(vm.revision));
  return reply.code(action === 'created' ? 201 : 200).send({
    vm: resourceOf(ports, { document: vm.document, revision: vm.revision }, effect),
    interfaces,
    timings,
    revision,
    phase: phaseOf(effect.interfaces.map((each) => each.phase)),
    ...(waiting.length > 0 && { waiting }),
  });
}
