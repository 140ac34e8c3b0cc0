import { concerns } from '../../compile/rules.ts';
import type { DocumentId } from '../../graph/documents.ts';
import { scopedText } from '../../selectors/index.ts';
import type { PolicyDocument, World } from '../../selectors/index.ts';
import { sides } from './endpoints.ts';
import type { Worlds } from './endpoints.ts';
import { names, platformPolicies } from './program.ts';

/** Tenants whose interfaces may be judged in another way, or whose reach is another, once these documents have changed. */
export function tenantsConcerned(worlds: Worlds, changed: readonly DocumentId[]): ReadonlySet<string> {
  const tenants = new Set<string>();
  for (const side of sides) for (const id of changed) for (const tenant of concernedBy(worlds[side], id)) tenants.add(tenant);
  return tenants;
}

function concernedBy(world: World, { kind, tenant, name }: DocumentId): Iterable<string> {
  switch (kind) {
    case 'Tenant':
      return [name];
    case 'Policy': {
      const policy = world.get('Policy', tenant, name)?.document;
      return policy === undefined ? [] : boundBy(world, policy);
    }
    case 'Group':
    case 'Service': {
      const key = scopedText({ tenant, name });
      const candidates = tenant === undefined ? [...world.list('Policy')].map(({ document }) => document) : policiesFor(world, tenant);
      return candidates.filter((policy) => names(policy, kind, key)).flatMap((policy) => boundBy(world, policy));
    }
    case 'Vm':
      return tenant === undefined ? [] : [tenant];
    case 'Network':
      return [tenant ?? '', ...(world.get('Network', tenant, name)?.document.spec.sharedWith ?? [])];
    case 'Router':
      return (world.get('Router', tenant, name)?.document.spec.networks ?? []).flatMap((network) => [
        network.tenant,
        ...(world.get('Network', network.tenant, network.network)?.document.spec.sharedWith ?? []),
      ]);
    case 'Host':
    case 'QosPolicy':
    case 'Intent':
      return [];
  }
}

/** Another tenant's policies cannot name what a tenant has, but the platform's can. */
function policiesFor(world: World, tenant: string): readonly PolicyDocument[] {
  return [...[...world.list('Policy', tenant)].map(({ document }) => document), ...platformPolicies(world)];
}

function boundBy(world: World, { metadata, spec }: PolicyDocument): readonly string[] {
  if (metadata.tenant !== undefined) return [metadata.tenant];
  const all = [...world.list('Tenant')].map(({ document }) => document.metadata.name);
  return all.filter((name) => concerns(world, undefined, spec.appliesTo, name));
}
