import type { Kind } from '../../../policies/model/index.ts';
import type { Snapshot, Write } from '../../admission/index.ts';
import type { PlannedEnd, Planned } from '../../inquiry/ports.ts';
import type { Api } from '../app.ts';
import type { Access, Caller } from '../caller.ts';
import { mayWrite, field } from '../permission.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { kindPaths } from '../schema/kinds.ts';
import { Deletion, PlanAnswer, deletionsMax } from '../schema/plan.ts';
import { problemAnswers } from '../schema/problem.ts';
import { NoQuery } from '../schema/requests.ts';
import { acceptYaml, checkCount, Documents, writesOf } from '../sent-documents.ts';
import { describedBody } from '../validator.ts';
import { writeResult } from '../write.ts';
import { requireTenant } from './documents.ts';
import { Type } from 'typebox';

const Both = Type.Object({
  documents: Type.Optional(Documents),
  delete: Type.Optional(Type.Array(Deletion, { maxItems: deletionsMax })),
});

/** Documents as they are applied, or beside what would be deleted with them. */
export const plannedBody = {
  content: { 'application/json': { schema: Type.Union([Documents, Both]) }, 'application/yaml': { schema: Documents } },
};

/** What a set of documents, and of deletions, would change; nothing is stored. */
export function planRoutes(app: Api, ports: ApiPorts): void {
  acceptYaml(app);
  const places = [
    { path: '/v1/tenants/:tenant/plan', access: 'tenant-read', suffix: 'Tenant' },
    { path: '/v1/plan', access: 'own', suffix: '' },
  ] as const satisfies readonly { path: string; access: Access; suffix: string }[];
  for (const { path, access, suffix } of places) {
    app.post(
      path,
      {
        config: { access, reads: 'stored' },
        schema: {
          summary: 'What documents and deletions would change, before it is made; nothing is stored',
          operationId: `plan${suffix}`,
          tags: ['questions'],
          querystring: NoQuery,
          body: plannedBody,
          response: { 200: PlanAnswer, ...problemAnswers },
        },
        // Each document is judged once, by admission, which says where in the list it stands.
        validatorCompiler: describedBody,
      },
      async (request) => {
        const { tenant } = request.params as { readonly tenant?: string };
        requireTenant(ports, tenant);
        const { caller } = request;
        const writes = plannedWrites(request.body, { caller, tenant, snapshot: ports.admission.snapshot() });
        return planAnswer(ports, await ports.plan.plan({ writes, sees: caller.role === 'tenant' ? caller.tenant : undefined }));
      },
    );
  }
}

interface Asking {
  readonly caller: Caller;
  /** Whose documents are meant that name no tenant. */
  readonly tenant: string | undefined;
  readonly snapshot: Snapshot;
}

export function plannedWrites(body: unknown, asking: Asking): readonly Write[] {
  if (Array.isArray(body)) {
    checkCount(body);
    return writesOf(body, { ...asking, base: '' });
  }
  if (typeof body !== 'object' || body === null)
    throw malformed('', 'must be a list of documents, or an object with `documents` and `delete`');
  for (const name of Object.keys(body))
    if (name !== 'documents' && name !== 'delete')
      throw new ProblemError('unknown-field', `there is no field ${name}`, { errors: [{ pointer: `/${name}`, detail: 'is unknown' }] });
  const [documents, deletions] = [listOf(body, 'documents'), listOf(body, 'delete')];
  checkCount(documents);
  if (deletions.length > deletionsMax)
    throw new ProblemError('too-large', `${deletions.length} deletions are more than the ${deletionsMax} of one request`);
  return [
    ...writesOf(documents, { ...asking, base: '/documents' }),
    ...deletions.map((raw, index) => deletionOf(raw, `/delete/${index}`, asking)),
  ];
}

function listOf(body: object, name: string): readonly unknown[] {
  const list = field(body, name) ?? [];
  if (!Array.isArray(list)) throw malformed(`/${name}`, 'must be an array');
  return list;
}

/** What a path and its permissions say of a DELETE is said here of each. */
function deletionOf(raw: unknown, pointer: string, { caller, tenant: mine, snapshot }: Asking): Write {
  const [kind, name, named] = [field(raw, 'kind'), field(raw, 'name'), field(raw, 'tenant')];
  const scope = kindPaths.find((each) => each.kind === kind)?.scope;
  if (scope === undefined) throw malformed(`${pointer}/kind`, 'must be a kind');
  if (typeof name !== 'string') throw malformed(`${pointer}/name`, 'must be a name');
  if (named !== undefined && typeof named !== 'string') throw malformed(`${pointer}/tenant`, 'must be a name');
  const own = caller.role === 'tenant' ? caller.tenant : undefined;
  const tenant = scope === 'platform' ? undefined : (named ?? mine ?? own);
  if (scope === 'tenant' && tenant === undefined) throw malformed(`${pointer}/tenant`, 'must be there');
  if (scope === 'platform' && own !== undefined) throw forbidden(`${pointer}/kind`, `is a ${String(kind)} of the platform`);
  if (own !== undefined && tenant !== own) throw new ProblemError('not-found', `there is no tenant ${tenant}`);
  mayWrite(caller, undefined, { kind, name }, snapshot, pointer);
  return { verb: 'delete', kind: kind as Kind, tenant, name, pointer };
}

const malformed = (pointer: string, detail: string): ProblemError =>
  new ProblemError('malformed', `${pointer === '' ? 'the body' : pointer} ${detail}`, { errors: [{ pointer, detail }] });
const forbidden = (pointer: string, detail: string): ProblemError =>
  new ProblemError('forbidden', detail, { errors: [{ pointer, detail }] });

const isoOf = (wallMs: number | undefined): string | undefined => (wallMs === undefined ? undefined : new Date(wallMs).toISOString());

async function planAnswer(ports: ApiPorts, { submitted, connectivity, ...planned }: Planned): Promise<PlanAnswer> {
  const { results } = await writeResult(ports, submitted, { dryRun: true });
  const items = connectivity.items.map(({ traffic, from, to, isCut, services, ...row }) => ({
    ...row,
    from: from.map(endAnswer),
    to: to.map(endAnswer),
    services: [...services],
    ...(isCut && { cut: true as const }),
    ...(traffic && { traffic: { packets: traffic.packets, lastHit: isoOf(traffic.lastHitMs), rules: [...traffic.rules] } }),
  }));
  return { ...planned, results, connectivity: { items, complete: connectivity.complete } } as PlanAnswer;
}

/** A group of the platform is called as tenants call it. */
function endAnswer(end: PlannedEnd): PlanAnswer['connectivity']['items'][number]['from'][number] {
  switch (end.kind) {
    case 'group':
      return { kind: end.kind, tenant: end.tenant, group: end.owner === undefined ? `platform/${end.group}` : end.group };
    case 'addresses':
      return { kind: end.kind, cidrs: [...end.cidrs], except: [...end.except] };
    default:
      return end;
  }
}
