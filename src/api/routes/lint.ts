import type { Linted } from '../../inquiry/ports.ts';
import type { Api } from '../app.ts';
import type { Access } from '../caller.ts';
import type { ApiPorts } from '../ports.ts';
import { LintAnswer, LintQuery } from '../schema/findings.ts';
import { problemAnswers } from '../schema/problem.ts';
import { acceptYaml } from '../sent-documents.ts';
import { describedBody } from '../validator.ts';
import { requireTenant } from './documents.ts';
import { plannedBody, plannedWrites } from './plan.ts';

const limitDefault = 1_000;

interface Place {
  readonly path: string;
  readonly suffix: string;
  readonly whose: string;
  readonly read: Access;
  readonly plan: Access;
}

/** Rules that never decide, and rules that contradict each other: of what is stored, and of what would be. */
export function lintRoutes(app: Api, ports: ApiPorts): void {
  acceptYaml(app);
  const places: readonly Place[] = [
    { path: '/v1/tenants/:tenant/lint', suffix: 'Tenant', whose: "a tenant's policies", read: 'tenant-read', plan: 'tenant-read' },
    { path: '/v1/lint', suffix: '', whose: 'the policies of everybody', read: 'platform-read', plan: 'own' },
  ];
  for (const place of places) {
    storedRoute(app, ports, place);
    plannedRoute(app, ports, place);
  }
}

function storedRoute(app: Api, ports: ApiPorts, { path, suffix, whose, read }: Place): void {
  app.get(
    path,
    {
      config: { access: read, reads: 'stored' },
      schema: {
        summary: `Rules that never decide and rules that contradict each other, among ${whose}`,
        operationId: `lint${suffix}`,
        tags: ['questions'],
        querystring: LintQuery,
        response: { 200: LintAnswer, ...problemAnswers },
      },
    },
    async (request) => {
      const { tenant } = request.params as { readonly tenant?: string };
      requireTenant(ports, tenant);
      const { limit = limitDefault } = request.query;
      return lintAnswer(await ports.lint.ofOwner(tenant ?? null, limit));
    },
  );
}

function plannedRoute(app: Api, ports: ApiPorts, { path, suffix, plan }: Place): void {
  app.post(
    path,
    {
      config: { access: plan, reads: 'stored' },
      schema: {
        summary: 'The same for the owners of documents, as if these were written; nothing is stored',
        operationId: `lintDocuments${suffix}`,
        tags: ['questions'],
        querystring: LintQuery,
        body: plannedBody,
        response: { 200: LintAnswer, ...problemAnswers },
      },
      // Each document is judged once, by admission, which says where in the list it stands.
      validatorCompiler: describedBody,
    },
    async (request) => {
      const { tenant } = request.params as { readonly tenant?: string };
      requireTenant(ports, tenant);
      const { caller } = request;
      const { limit = limitDefault } = request.query;
      const writes = plannedWrites(request.body, { caller, tenant, snapshot: ports.admission.snapshot() });
      const sees = caller.role === 'tenant' ? caller.tenant : undefined;
      return lintAnswer(await ports.lint.ofWrites({ writes, sees }, limit));
    },
  );
}

const lintAnswer = ({ revision, isSettled, shadowed, conflicts }: Linted): LintAnswer =>
  ({ revision, verified: isSettled, shadowed, conflicts }) as LintAnswer;
