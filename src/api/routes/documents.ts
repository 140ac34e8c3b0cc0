import type { Kind } from '../../../policies/model/index.ts';
import type { ResourceId } from '../../admission/index.ts';
import type { Api } from '../app.ts';
import type { Access } from '../caller.ts';
import type { Stored } from '../../admission/index.ts';
import { policyCounts, readRules, rulesOf } from '../counted-rules.ts';
import { conditionOf, etagOf } from '../condition.ts';
import { readPage } from '../page.ts';
import { withFindings } from '../policy-findings.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { resourcesOf } from '../resource.ts';
import { listSchema, orForeseen, resourceSchema, WriteResult, type Resource } from '../schema/answers.ts';
import { schemas } from '../../../policies/model/schema/resource.ts';
import { collectionPath, kindPaths, type KindPath } from '../schema/kinds.ts';
import { problemAnswers } from '../schema/problem.ts';
import { ConditionHeaders, ListQuery, ReadQuery, WriteQuery } from '../schema/requests.ts';
import { selectorOf } from '../selector.ts';
import { bodyLimitOf, documentBytesMax } from '../json-bounds.ts';
import { describedBody } from '../validator.ts';
import { write, writeResult } from '../write.ts';

/** One place where a kind is found: below a tenant or among the platform's own. */
interface Place {
  readonly kindPath: KindPath;
  readonly owner: 'tenant' | 'platform';
  readonly collection: string;
  readonly item: string;
  /** Completes an operationId: `Network`, `PlatformGroup`. */
  readonly title: string;
  readonly read: Access;
  readonly write: Access;
}

interface Params {
  readonly tenant?: string;
  readonly name?: string;
}

/** Read, list, write and delete each kind. Writing and deleting a Vm is a hook: see `vms.ts`. */
export function documentRoutes(app: Api, ports: ApiPorts): void {
  for (const place of kindPaths.flatMap(placesOf)) {
    listRoute(app, ports, place);
    getRoute(app, ports, place);
    if (place.kindPath.kind === 'Vm') continue;
    putRoute(app, ports, place);
    deleteRoute(app, ports, place);
  }
}

function placesOf(kindPath: KindPath): readonly Place[] {
  const { kind, scope } = kindPath;
  const below: Place = place(kindPath, 'tenant', collectionPath(kindPath, ':tenant'), kind, 'tenant-read', 'tenant-write');
  if (scope === 'tenant') return [below];
  const collection = collectionPath(kindPath, undefined);
  // A tenant may read its own Tenant document; what it may do and use is the platform's to write.
  if (kind === 'Tenant')
    return [{ ...place(kindPath, 'platform', collection, kind, 'tenant-read', 'platform-write'), item: `${collection}/:tenant` }];
  const own = place(kindPath, 'platform', collection, scope === 'both' ? `Platform${kind}` : kind, 'platform-read', 'platform-write');
  return scope === 'both' ? [below, own] : [own];
}

function place(kindPath: KindPath, owner: Place['owner'], collection: string, title: string, read: Access, writeAccess: Access): Place {
  return { kindPath, owner, collection, item: `${collection}/:name`, title, read, write: writeAccess };
}

function idOf(place: Place, params: Params): ResourceId {
  const { kind } = place.kindPath;
  if (kind === 'Tenant') return { kind, tenant: undefined, name: params.tenant ?? '' };
  return { kind, tenant: place.owner === 'tenant' ? params.tenant : undefined, name: params.name ?? '' };
}

/** Whether the tenant in a path exists; what is below one that does not is not found. */
export function requireTenant(ports: ApiPorts, tenant: string | undefined): void {
  if (tenant !== undefined && !ports.admission.snapshot().get('Tenant', undefined, tenant)) {
    throw new ProblemError('not-found', `there is no tenant ${tenant}`);
  }
}

function missing(id: ResourceId): ProblemError {
  const owner = id.tenant === undefined ? (mayBeTenants(id.kind) ? ' of the platform' : '') : ` in tenant ${id.tenant}`;
  return new ProblemError('not-found', `there is no ${id.kind} ${id.name}${owner}`);
}

const mayBeTenants = (kind: Kind): boolean => kindPaths.some((each) => each.kind === kind && each.scope === 'both');

function listRoute(app: Api, ports: ApiPorts, place: Place): void {
  const { kind } = place.kindPath;
  app.get(
    place.collection,
    {
      config: { access: kind === 'Tenant' ? 'own' : place.read, reads: 'stored' },
      schema: {
        summary: `List ${place.kindPath.plural}`,
        operationId: `list${place.title}`,
        tags: ['documents'],
        querystring: ListQuery,
        response: { 200: listSchema(resourceSchema(kind)), ...problemAnswers },
      },
    },
    async (request) => {
      const { labelSelector = '', limit = 100, continue: token } = request.query;
      const tenant = place.owner === 'tenant' ? (request.params as Params).tenant : undefined;
      requireTenant(ports, tenant);
      const selects = selectorOf(labelSelector);
      const { caller } = request;
      const page = await readPage(ports.store, {
        kind,
        tenant,
        limit,
        selector: labelSelector,
        // Only the list of tenants holds what is not the caller's.
        selects: ({ metadata }) =>
          selects(metadata.labels) && (kind !== 'Tenant' || caller.role !== 'tenant' || metadata.name === caller.tenant),
        token,
      });
      return {
        items: await withFindings(ports, await presented(ports, page.items, false), false),
        ...(page.token !== undefined && { continue: page.token }),
        revision: page.revision,
      };
    },
  );
}

function getRoute(app: Api, ports: ApiPorts, place: Place): void {
  app.get(
    place.item,
    {
      config: { access: place.read, reads: 'stored' },
      schema: {
        summary: `Read a ${place.kindPath.singular}`,
        operationId: `get${place.title}`,
        tags: ['documents'],
        querystring: ReadQuery,
        response: { 200: resourceSchema(place.kindPath.kind), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const resource = await current(ports, idOf(place, request.params as Params));
      void reply.header('etag', etagOf(resource.metadata.revision));
      const [found] = await withFindings(ports, [resource], true);
      return found;
    },
  );
}

/** Policies with what they have counted; in a list the sums are enough. */
async function presented(ports: ApiPorts, all: readonly Stored[], each: boolean): Promise<readonly Resource[]> {
  const snapshot = ports.admission.snapshot();
  const policies = all.flatMap(({ document }) => (document.kind === 'Policy' ? [document] : []));
  const [resources, counted] = await Promise.all([
    resourcesOf(ports, snapshot, all),
    readRules(
      ports.counters,
      policies.flatMap((policy) => rulesOf(snapshot, policy)),
    ),
  ]);
  return resources.map((resource, index) => {
    const stored = all[index];
    if (stored?.document.kind !== 'Policy') return resource;
    const counts = policyCounts(counted, rulesOf(snapshot, stored.document), ports.clock.wallMs(), each);
    return { ...resource, status: { ...resource.status, ...counts } };
  });
}

async function current(ports: ApiPorts, id: ResourceId): Promise<Resource> {
  const stored = ports.admission.snapshot().get<Kind>(id.kind, id.tenant, id.name);
  if (!stored) throw missing(id);
  const [resource] = await presented(ports, [stored], true);
  if (!resource) throw missing(id);
  return resource;
}

function putRoute(app: Api, ports: ApiPorts, place: Place): void {
  const { kind } = place.kindPath;
  app.put(
    place.item,
    {
      config: { access: place.write },
      schema: {
        summary: `Create or replace a ${place.kindPath.singular}`,
        operationId: `put${place.title}`,
        tags: ['documents'],
        querystring: WriteQuery,
        headers: ConditionHeaders,
        body: schemas[kind],
        response: { 200: orForeseen(resourceSchema(kind)), 201: resourceSchema(kind), ...problemAnswers },
      },
      bodyLimit: bodyLimitOf(app, documentBytesMax),
      // Admission judges it, and says what it should be.
      validatorCompiler: describedBody,
    },
    async (request, reply) => {
      const id = idOf(place, request.params as Params);
      const submitted = await write(ports, [{ verb: 'put', ...id, raw: request.body, when: conditionOf(request.headers) }], request.query);
      if (request.query.dryRun === true) return reply.send(await writeResult(ports, submitted, request.query));
      // As this request wrote it: others may have written or deleted it since.
      const written = submitted.results[0]?.after;
      const [resource] = written === undefined ? [] : await presented(ports, [written], true);
      if (resource === undefined) throw missing(id);
      void reply.header('etag', etagOf(resource.metadata.revision));
      return reply.code(submitted.results[0]?.action === 'created' ? 201 : 200).send(resource);
    },
  );
}

function deleteRoute(app: Api, ports: ApiPorts, place: Place): void {
  app.delete(
    place.item,
    {
      config: { access: place.write },
      schema: {
        summary: `Delete a ${place.kindPath.singular}`,
        operationId: `delete${place.title}`,
        tags: ['documents'],
        querystring: WriteQuery,
        headers: ConditionHeaders,
        response: { 200: WriteResult, ...problemAnswers },
      },
    },
    async (request) => {
      const id = idOf(place, request.params as Params);
      const submitted = await write(ports, [{ verb: 'delete', ...id, when: conditionOf(request.headers) }], request.query);
      return writeResult(ports, submitted, request.query);
    },
  );
}
