import type { Api } from '../app.ts';
import type { Access } from '../caller.ts';
import { countedRules } from '../counted-rules.ts';
import type { ApiPorts } from '../ports.ts';
import { problemAnswers } from '../schema/problem.ts';
import { RulesAnswer, RulesQuery } from '../schema/rules.ts';
import { requireTenant } from './documents.ts';

/** Rules with their counters, below a tenant and for the platform. */
export function rulesRoutes(app: Api, ports: ApiPorts): void {
  const places = [
    { path: '/v1/tenants/:tenant/rules', access: 'tenant-read', suffix: 'Tenant', whose: "a tenant's rules" },
    { path: '/v1/rules', access: 'platform-read', suffix: '', whose: 'the rules of everybody' },
  ] as const satisfies readonly { path: string; access: Access; suffix: string; whose: string }[];
  for (const { path, access, suffix, whose } of places) {
    app.get(
      path,
      {
        config: { access, reads: 'stored' },
        schema: {
          summary: `What ${whose} have counted, summed over all hosts; or those that nothing has hit for days`,
          operationId: `countedRules${suffix}`,
          tags: ['questions'],
          querystring: RulesQuery,
          response: { 200: RulesAnswer, ...problemAnswers },
        },
      },
      async (request) => {
        const { tenant } = request.params as { readonly tenant?: string };
        requireTenant(ports, tenant);
        if (request.query.refresh === true) await ports.counters.refresh();
        return countedRules(ports.counters, ports.admission.snapshot(), tenant, request.query, ports.clock.wallMs());
      },
    );
  }
}
