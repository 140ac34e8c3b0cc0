import type { RouterSpec } from './kinds.ts';
import type { Findings } from './issue.ts';
import type { RawSpec } from './schema/resource.ts';
import { nameFrom, platformScope, resolveName } from './scope.ts';

/** A tenant's router names networks, the platform's pairs them with their tenants; both are stored as pairs. */
export function parseRouter(spec: RawSpec<'Router'>, tenant: string | undefined, findings: Findings): RouterSpec {
  const seen = new Set<string>();
  const networks = spec.networks.map((entry, index) => {
    const pointer = `/spec/networks/${index}`;
    const pair = typeof entry === 'string' ? pairOf(entry, tenant, pointer, findings) : entry;
    if (typeof entry !== 'string' && tenant !== undefined)
      findings.add(pointer, 'must be NAME or TENANT/NAME: only a platform router writes { tenant, network }');
    const key = `${pair.tenant}/${pair.network}`;
    if (seen.has(key)) findings.add(pointer, 'is named twice');
    seen.add(key);
    return { tenant: pair.tenant, network: pair.network };
  });
  return { networks };
}

function pairOf(
  name: string,
  owner: string | undefined,
  pointer: string,
  findings: Findings,
): { readonly tenant: string; readonly network: string } {
  const scoped = resolveName(owner, name);
  if (owner === undefined) findings.add(pointer, 'must be { tenant, network } in a platform router');
  else if (scoped.tenant === undefined) findings.add(pointer, `the ${platformScope} has no networks`);
  return { tenant: scoped.tenant ?? platformScope, network: scoped.name };
}

/** As users write it. */
export function presentRouter(spec: RouterSpec, tenant: string | undefined): unknown {
  return {
    networks:
      tenant === undefined ? spec.networks : spec.networks.map((pair) => nameFrom(tenant, { tenant: pair.tenant, name: pair.network })),
  };
}
